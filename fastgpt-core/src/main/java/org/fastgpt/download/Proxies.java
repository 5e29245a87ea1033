package org.fastgpt.download;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/**
 * The proxies that the user has set: by Java's own properties ({@code https.proxyHost} and the
 * like), else by the variables that other programs read: {@code HTTPS_PROXY}, {@code HTTP_PROXY},
 * {@code ALL_PROXY}, {@code NO_PROXY}, in capitals or not.
 */
final class Proxies extends ProxySelector {
  private static final List<String> JAVA_PROPERTIES =
      List.of("http.proxyHost", "https.proxyHost", "java.net.useSystemProxies");

  private final UnaryOperator<String> variables;

  private Proxies(UnaryOperator<String> variables) {
    this.variables = variables;
  }

  /**
   * What selects them.
   *
   * @param variables gives the value of a name, or null
   */
  static ProxySelector of(UnaryOperator<String> variables) {
    return JAVA_PROPERTIES.stream().anyMatch(name -> System.getProperty(name) != null)
        ? ProxySelector.getDefault()
        : new Proxies(variables);
  }

  @Override
  public List<Proxy> select(URI uri) {
    return List.of(
        proxy(uri)
            .map(p -> new Proxy(Proxy.Type.HTTP, new InetSocketAddress(p.getHost(), port(p))))
            .orElse(Proxy.NO_PROXY));
  }

  /** The address of the proxy for {@code uri}. */
  private Optional<URI> proxy(URI uri) {
    if (isLocal(uri.getHost()) || isExcepted(uri)) {
      return Optional.empty();
    }
    return variable(uri.getScheme() + "_proxy").or(() -> variable("all_proxy")).map(Proxies::parse);
  }

  private Optional<String> variable(String lowerCase) {
    return Stream.of(lowerCase, lowerCase.toUpperCase(Locale.ROOT))
        .map(variables)
        .filter(value -> value != null && !value.isBlank())
        .map(String::strip)
        .findFirst();
  }

  private static URI parse(String value) {
    try {
      URI uri = new URI(value.contains("://") ? value : "http://" + value);
      if (uri.getHost() != null && "http".equalsIgnoreCase(uri.getScheme())) {
        return uri;
      }
    } catch (URISyntaxException e) {
      throw unusable(e);
    }
    throw unusable(null);
  }

  /** Without the value: there may be a password in it. */
  private static IllegalArgumentException unusable(Throwable cause) {
    return new IllegalArgumentException(
        "a proxy of the environment (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY) is not of the form"
            + " http://HOST:PORT, the only kind that is supported",
        cause);
  }

  private static int port(URI proxy) {
    return proxy.getPort() < 0 ? 80 : proxy.getPort();
  }

  /** As Java's own properties have it: what is on this machine needs no proxy. */
  private static boolean isLocal(String host) {
    return host.equals("localhost") || host.startsWith("127.") || host.equals("[::1]");
  }

  /** NO_PROXY: hosts, with all that ends in them, separated by commas; with a port, only that. */
  private boolean isExcepted(URI uri) {
    String host = uri.getHost().toLowerCase(Locale.ROOT);
    return variable("no_proxy").stream()
        .flatMap(list -> Stream.of(list.split("[\\s,]+")))
        .map(entry -> entry.toLowerCase(Locale.ROOT).replaceFirst("^\\*?\\.", ""))
        .filter(entry -> !entry.isEmpty())
        .anyMatch(
            entry ->
                entry.equals("*")
                    || isWithin(host, entry)
                    || isWithin(host + ":" + uri.getPort(), entry));
  }

  private static boolean isWithin(String host, String entry) {
    return host.equals(entry) || host.endsWith("." + entry);
  }

  /**
   * The header Proxy-Authorization for a request to {@code uri}: what it takes if the address of
   * its proxy has user and password.
   */
  Optional<String> authorization(URI uri) {
    return proxy(uri)
        .map(URI::getUserInfo) // decoded; absent if there is none
        .map(user -> Base64.getEncoder().encodeToString(user.getBytes(StandardCharsets.UTF_8)))
        .map(user -> "Basic " + user);
  }

  @Override
  public void connectFailed(URI uri, SocketAddress address, IOException e) {
    // the request itself fails, and says so
  }
}
