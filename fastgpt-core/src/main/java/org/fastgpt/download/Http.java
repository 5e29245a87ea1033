package org.fastgpt.download;

import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.channels.UnresolvedAddressException;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import javax.net.ssl.SSLException;

/**
 * Requests. Redirects are followed here, not by Java's client: the token must not go to another
 * host, and what HuggingFace says of a file is in the headers of the redirect itself.
 */
final class Http implements AutoCloseable {
  private static final int MAX_REDIRECTS = 10;
  private static final Set<Integer> REDIRECTS = Set.of(301, 302, 303, 307, 308);
  private static final Set<Integer> BUSY = Set.of(408, 429, 500, 502, 503, 504);
  private static final Duration CONNECT_LIMIT = Duration.ofSeconds(20);
  private static final String BASIC_OFF = "jdk.http.auth.tunneling.disabledSchemes";

  static {
    // Else Java does not send a proxy's password, which the user has set, on the way to https.
    if (System.getProperty(BASIC_OFF) == null) {
      System.setProperty(BASIC_OFF, "");
    }
  }

  private final Settings settings;
  private final HttpClient client;
  private boolean reached; // whether anyone ever answered: the network is there

  Http(Settings settings) {
    this.settings = settings;
    client =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1) // one request at a time: 2 has nothing to offer
            .followRedirects(HttpClient.Redirect.NEVER)
            .connectTimeout(CONNECT_LIMIT)
            .proxy(settings.proxies())
            .build();
  }

  /**
   * An answer; {@code body} is to be closed.
   *
   * @param address where it came from, after the redirects
   * @param hops the headers of the redirects and of the answer itself, in their order
   */
  record Answer(int status, URI address, List<HttpHeaders> hops, InputStream body)
      implements AutoCloseable {

    /** A header of the answer itself. */
    Optional<String> header(String name) {
      return hops.getLast().firstValue(name);
    }

    /** A header of the first answer that has it, be it a redirect. */
    Optional<String> headerOnTheWay(String name) {
      return hops.stream().flatMap(headers -> headers.firstValue(name).stream()).findFirst();
    }

    /** Content-Length, or -1. */
    long length() {
      return number(header("Content-Length"));
    }

    /** A number of bytes, or -1. */
    static long number(Optional<String> text) {
      return text.filter(t -> t.matches("[0-9]{1,18}")).map(Long::parseLong).orElse(-1L);
    }

    @Override
    public void close() {
      try {
        body.close();
      } catch (IOException e) {
        // what was wanted of it has been read
      }
    }
  }

  /** The headers of a file. Of HuggingFace's large files the redirect says all, and is the last. */
  Answer head(URI address) throws IOException {
    return follow("HEAD", address, Map.of());
  }

  Answer get(URI address, Map<String, String> headers) throws IOException {
    return follow("GET", address, headers);
  }

  private Answer follow(String method, URI start, Map<String, String> headers) throws IOException {
    var hops = new ArrayList<HttpHeaders>();
    URI at = start;
    for (int i = 0; i <= MAX_REDIRECTS; i++) {
      HttpResponse<InputStream> response = send(method, at, headers);
      hops.add(response.headers());
      var answer = new Answer(response.statusCode(), at, List.copyOf(hops), response.body());
      boolean saysAll = method.equals("HEAD") && answer.header("X-Linked-Etag").isPresent();
      if (!REDIRECTS.contains(answer.status) || saysAll) {
        return notBusy(answer);
      }
      answer.close();
      at = target(at, answer.header("Location"));
    }
    throw new DownloadException(start + ": more than " + MAX_REDIRECTS + " redirects");
  }

  static URI target(URI from, Optional<String> location) throws DownloadException {
    try {
      URI to = from.resolve(URI.create(location.orElse("")));
      boolean web = "https".equalsIgnoreCase(to.getScheme());
      boolean asOpenAsBefore = from.getScheme().equals("http") && "http".equals(to.getScheme());
      if (to.getHost() != null && (web || asOpenAsBefore) && location.isPresent()) {
        return to;
      }
    } catch (IllegalArgumentException e) {
      throw new DownloadException(from.getHost() + ": redirects to what is no address", e);
    }
    // Without the address: it may carry a signature.
    throw new DownloadException(
        from.getHost() + ": a redirect to an https address expected, another found");
  }

  private HttpResponse<InputStream> send(String method, URI address, Map<String, String> headers)
      throws IOException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(address)
            .method(method, HttpRequest.BodyPublishers.noBody())
            .timeout(settings.stallLimit())
            .header("User-Agent", "fastgpt")
            .header("Accept-Encoding", "identity"); // lengths and ranges are those of the file
    headers.forEach(request::header);
    if (settings.proxies() instanceof Proxies proxies) {
      proxies.authorization(address).ifPresent(a -> request.header("Proxy-Authorization", a));
    }
    if (isEndpoint(address)) {
      settings.token().ifPresent(token -> request.header("Authorization", "Bearer " + token));
    }
    try {
      HttpResponse<InputStream> response =
          client.send(request.build(), HttpResponse.BodyHandlers.ofInputStream());
      reached = true;
      return response;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DownloadException("interrupted", e);
    } catch (IOException e) {
      throw failure(address, e);
    }
  }

  /** Whether it is HuggingFace itself: same scheme, host and port. */
  private boolean isEndpoint(URI address) {
    URI endpoint = settings.huggingFace();
    return endpoint.getScheme().equalsIgnoreCase(address.getScheme())
        && endpoint.getHost().equalsIgnoreCase(address.getHost())
        && endpoint.getPort() == address.getPort();
  }

  private IOException failure(URI address, IOException e) {
    String host = address.getHost();
    return switch (e) {
      case SSLException _ ->
          new DownloadException(host + ": no secure connection: " + e.getMessage(), e);
      case HttpConnectTimeoutException _ ->
          unreachable(host + ": no connection within " + CONNECT_LIMIT.toSeconds() + " s", e);
      case HttpTimeoutException _ ->
          new TransientException(
              host + ": no answer within " + settings.stallLimit().toSeconds() + " s", e);
      case ConnectException _ when isCausedBy(e, UnresolvedAddressException.class) ->
          unreachable(host + ": no such host, or no network", e);
      case ConnectException _ -> unreachable(host + ": no connection: refused", e);
      default -> new TransientException(host + ": " + message(e), e);
    };
  }

  /** Who has answered before may do so again; else the user should know at once. */
  private IOException unreachable(String message, IOException e) {
    return reached
        ? new TransientException(message, e)
        : new DownloadException(message + " (is a proxy needed? set HTTPS_PROXY)", e);
  }

  private static boolean isCausedBy(Throwable e, Class<?> type) {
    return e != null && (type.isInstance(e) || isCausedBy(e.getCause(), type));
  }

  static String message(IOException e) {
    return e.getMessage() == null ? "the connection was cut" : e.getMessage();
  }

  private static Answer notBusy(Answer answer) throws IOException {
    if (!BUSY.contains(answer.status)) {
      return answer;
    }
    answer.close();
    throw new TransientException(
        answer.address.getHost()
            + ": "
            + (answer.status == 429 ? "too many requests (429)" : "busy (" + answer.status + ")"),
        answer.header("Retry-After").flatMap(Http::retryAfter));
  }

  /** Seconds, or a date. */
  private static Optional<Duration> retryAfter(String text) {
    if (text.matches("[0-9]{1,9}")) {
      return Optional.of(Duration.ofSeconds(Long.parseLong(text)));
    }
    try {
      Instant at = ZonedDateTime.parse(text, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant();
      Duration wait = Duration.between(Instant.now(), at);
      return Optional.of(wait.isNegative() ? Duration.ZERO : wait);
    } catch (DateTimeException e) {
      return Optional.empty();
    }
  }

  @Override
  public void close() {
    client.shutdownNow();
  }
}
