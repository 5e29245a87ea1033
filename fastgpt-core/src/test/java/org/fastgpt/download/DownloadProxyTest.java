package org.fastgpt.download;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Which proxy is used for what, and that it is. */
class DownloadProxyTest extends DownloadFixture {
  private static final URI HUB = URI.create("https://huggingface.co/gpt2");

  @ParameterizedTest
  @CsvSource({
    "https_proxy, http://proxy:3128, proxy, 3128",
    "HTTPS_PROXY, proxy:3128,        proxy, 3128",
    "all_proxy,   http://proxy/,     proxy, 80",
    "ALL_PROXY,   HTTP://a:b@[::1]:8080, [::1], 8080",
  })
  void theEnvironmentNamesTheProxy(String variable, String value, String host, int port) {
    variables.put(variable, value);
    var address = (InetSocketAddress) proxy(HUB).address();
    assertThat(address).isEqualTo(new InetSocketAddress(host, port));
  }

  @Test
  void eachSchemeHasItsOwnProxy() {
    variables.put("HTTP_PROXY", "http://proxy:3128");
    assertThat(proxy(HUB)).isEqualTo(Proxy.NO_PROXY);
    assertThat(proxy(URI.create("http://example.org/")).type()).isEqualTo(Proxy.Type.HTTP);
  }

  @ParameterizedTest
  @CsvSource({
    "huggingface.co, true",
    "HuggingFace.CO, true",
    ".huggingface.co, true",
    "*.huggingface.co, true",
    "co, true",
    "'example.org, huggingface.co', true",
    "*, true",
    "face.co, false",
    "example.org, false",
    "huggingface.co:443, false",
    "',', false",
  })
  void someHostsNeedNone(String noProxy, boolean direct) {
    variables.put("https_proxy", "proxy:3128");
    variables.put("no_proxy", noProxy);
    assertThat(proxy(HUB).equals(Proxy.NO_PROXY)).isEqualTo(direct);
    assertThat(proxy(URI.create("https://cdn.huggingface.co/")).equals(Proxy.NO_PROXY))
        .isEqualTo(direct);
  }

  @Test
  void aPortMayBeExcepted() {
    variables.put("https_proxy", "proxy:3128");
    variables.put("no_proxy", "example.org:8443");
    assertThat(proxy(URI.create("https://example.org:8443/"))).isEqualTo(Proxy.NO_PROXY);
    assertThat(proxy(URI.create("https://example.org/"))).isNotEqualTo(Proxy.NO_PROXY);
  }

  @Test
  void thisMachineNeedsNone() {
    variables.put("http_proxy", "proxy:3128");
    for (String host : List.of("localhost", "127.0.0.1", "[::1]")) {
      assertThat(proxy(URI.create("http://" + host + ":8080/"))).isEqualTo(Proxy.NO_PROXY);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"socks5://me:secret@proxy:1080", "https://me:secret@proxy", "http://"})
  void aProxyOfAnotherKindIsBadInput(String value) {
    variables.put("https_proxy", value);
    assertThatThrownBy(() -> proxy(HUB))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("http://HOST:PORT")
        .hasMessageNotContaining("secret");
  }

  @Test
  void javasOwnPropertiesComeFirst() {
    variables.put("https_proxy", "proxy:3128");
    System.setProperty("https.proxyHost", "java-proxy");
    try {
      assertThat(Proxies.of(variables::get)).isSameAs(ProxySelector.getDefault());
      assertThat(proxy(HUB).address()).hasToString("java-proxy/<unresolved>:443");
    } finally {
      System.clearProperty("https.proxyHost");
    }
  }

  /** The name of the host is the proxy's to resolve. */
  @Test
  void anOpenAddressIsAskedOfTheProxy() throws IOException {
    try (var proxy = new FakeProxy()) {
      variables.put("HF_ENDPOINT", "http://hub.invalid");
      variables.put("http_proxy", proxy.address("me:p%40ss@"));
      assertThatThrownBy(this::download).hasMessageContaining("unexpected answer 418");
      assertThat(proxy.requests)
          .hasSize(1)
          .first()
          .asString()
          .startsWith("HEAD http://hub.invalid/someone/small/resolve/main/config.json HTTP/1.1")
          .contains(basic("me:p@ss"));
    }
  }

  /** Java by itself would not tell the proxy its password on the way to https. */
  @Test
  void aSecureAddressIsReachedThroughATunnel() throws IOException {
    try (var proxy = new FakeProxy()) {
      variables.put("HF_ENDPOINT", "https://hub.invalid");
      variables.put("HF_TOKEN", "hf_secret");
      variables.put("https_proxy", proxy.address("me:p%40ss@"));
      assertThatThrownBy(this::download)
          .isInstanceOf(IOException.class)
          .hasMessageContaining("Tunnel failed, got: 418");
      assertThat(proxy.requests)
          .first()
          .asString()
          .startsWith("CONNECT hub.invalid:443 HTTP/1.1")
          .contains(basic("me:p@ss"))
          .doesNotContain("hf_secret");
    }
  }

  @Test
  void aProxyThatWantsAPasswordSaysSo() throws IOException {
    for (String scheme : List.of("http", "https")) {
      try (var proxy = new FakeProxy()) {
        variables.put("HF_ENDPOINT", scheme + "://hub.invalid");
        variables.put(scheme + "_proxy", proxy.address(""));
        assertThatThrownBy(this::download)
            .hasMessageContaining("the proxy wants user and password")
            .hasMessageEndingWith("(407)");
      }
    }
  }

  private static String basic(String userInfo) {
    byte[] bytes = userInfo.getBytes(StandardCharsets.UTF_8);
    return "Proxy-Authorization: Basic " + Base64.getEncoder().encodeToString(bytes);
  }

  private Proxy proxy(URI uri) {
    List<Proxy> proxies = Proxies.of(variables::get).select(uri);
    assertThat(proxies).hasSize(1);
    return proxies.getFirst();
  }

  /** Wants a password, and then answers 418. */
  private static final class FakeProxy implements AutoCloseable {
    private final ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    private final List<String> requests = new CopyOnWriteArrayList<>();

    FakeProxy() throws IOException {
      Thread.ofPlatform().daemon().start(this::serve);
    }

    String address(String userInfo) {
      return "http://" + userInfo + "localhost:" + server.getLocalPort();
    }

    private void serve() {
      while (true) {
        try (Socket socket = server.accept()) {
          answer(socket);
        } catch (IOException e) {
          return; // closed
        }
      }
    }

    private void answer(Socket socket) throws IOException {
      var in =
          new BufferedReader(
              new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII));
      var lines = new ArrayList<String>();
      for (String line = in.readLine(); line != null && !line.isEmpty(); line = in.readLine()) {
        lines.add(line);
      }
      String request = String.join("\n", lines);
      requests.add(request);
      String status =
          request.contains("Proxy-Authorization")
              ? "418 Teapot\r\n"
              : "407 Who are you\r\nProxy-Authenticate: Basic realm=\"x\"\r\n";
      String answer = "HTTP/1.1 " + status + "Content-Length: 0\r\nConnection: close\r\n\r\n";
      socket.getOutputStream().write(answer.getBytes(StandardCharsets.US_ASCII));
    }

    @Override
    public void close() throws IOException {
      server.close(); // ends the thread
    }
  }
}
