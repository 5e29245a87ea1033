package org.fastgpt.download;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.util.List;
import java.util.Optional;
import org.fastgpt.model.ModelException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Who may have what, and where a request may lead. Nothing here is asked twice. */
class DownloadRefusalTest extends DownloadFixture {

  @AfterEach
  void nothingIsTriedAgain() {
    assertThat(waits).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "401 | RepoNotFound     | no such repository, or one that needs a token: then set HF_TOKEN",
        "401 | -                | no such repository, or one that needs a token: then set HF_TOKEN",
        "401 | GatedRepo        | is gated: accept its terms on its page, and set HF_TOKEN",
        "403 | GatedRepo        | is gated: accept its terms on its page, and set HF_TOKEN",
        "403 | -                | access refused; a token of yours in HF_TOKEN may help",
        "404 | RepoNotFound     | no such repository",
        "404 | RevisionNotFound | no such revision",
        "404 | EntryNotFound    | no such repository, revision or file",
        "404 | -                | no such repository, revision or file",
      })
  void aRefusalSaysWhatToDo(int status, String code, String message) {
    hub.next(
        "HEAD config.json",
        code.equals("-") ? FakeHub.status(status) : FakeHub.status(status, "X-Error-Code", code));
    assertThatThrownBy(this::download)
        .isInstanceOf(ModelException.class) // exit code 2: not the network's fault
        .hasMessageStartingWith(hub.address() + "/someone/small/resolve/main/config.json: ")
        .hasMessageContaining(message)
        .hasMessageEndingWith("(" + status + ")");
    assertNothingInstalled();
  }

  @Test
  void anAnswerThatNobodyExpectsIsTold() {
    hub.next("HEAD config.json", FakeHub.status(418));
    assertThatThrownBy(this::download)
        .isInstanceOf(IOException.class)
        .hasMessageEndingWith("config.json: unexpected answer 418");
  }

  @Test
  void theTokenGoesToTheHubAndToNobodyElse() throws IOException {
    variables.put("HF_TOKEN", "hf_secret\n");
    download();
    assertInstalled();
    assertThat(hub.requests())
        .filteredOn(r -> !r.path().startsWith("/cdn/"))
        .hasSizeGreaterThan(10)
        .allMatch(r -> "Bearer hf_secret".equals(r.authorization()));
    assertThat(hub.requests())
        .filteredOn(r -> r.path().startsWith("/cdn/"))
        .isNotEmpty()
        .allMatch(r -> r.authorization() == null);
  }

  @Test
  void withoutATokenNoneIsSent() throws IOException {
    download();
    assertThat(hub.requests()).allMatch(r -> r.authorization() == null);
  }

  @Test
  void aTokenThatIsNoneIsNotPrinted() {
    variables.put("HF_TOKEN", "hf_se cret");
    assertThatThrownBy(this::open)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("HF_TOKEN")
        .hasMessageNotContaining("cret");
  }

  @ParameterizedTest
  @ValueSource(ints = {301, 302, 303, 307, 308})
  void aRedirectMayBeRelative(int status) throws IOException {
    hub.publish("new/place", FOLDER);
    hub.next("HEAD config.json", FakeHub.redirect(status, "/new/place/resolve/main/config.json"));
    hub.next("config.json", FakeHub.redirect(status, "../" + FakeHub.COMMIT + "/config.json"));
    download();
    assertInstalled();
    assertThat(hub.requests())
        .extracting(FakeHub.Request::path)
        .contains("/new/place/resolve/main/config.json");
  }

  @Test
  void redirectsThatNeverEndAreLeft() {
    for (int i = 0; i < 100; i++) {
      hub.next("HEAD config.json", FakeHub.redirect(302, "config.json"));
    }
    assertThatThrownBy(this::download).hasMessageEndingWith("config.json: more than 10 redirects");
    assertThat(hub.requests()).hasSize(11);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"file:///etc/passwd", "ftp://example.invalid/x", "//", "mailto:x", "http://"})
  void aRedirectToWhatIsNoWebAddressIsRefused(String location) {
    hub.next("HEAD config.json", FakeHub.redirect(302, location));
    assertThatThrownBy(this::download)
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("localhost: ")
        .hasMessageContaining("redirect");
  }

  @Test
  void aRedirectWithoutALocationIsRefused() {
    hub.next("HEAD config.json", FakeHub.status(302));
    assertThatThrownBy(this::download)
        .hasMessage("localhost: a redirect to an https address expected, another found");
  }

  /** Whoever sits between could put anything in its place. */
  @Test
  void aSecureAddressDoesNotLeadToAnOpenOne() throws Exception {
    var secure = URI.create("https://huggingface.co/x");
    assertThat(Http.target(secure, Optional.of("/y"))).hasToString("https://huggingface.co/y");
    assertThatThrownBy(() -> Http.target(secure, Optional.of("http://localhost/y")))
        .hasMessage("huggingface.co: a redirect to an https address expected, another found");
  }

  @Test
  void nothingIsAskedOffline() {
    for (String value : List.of("1", "true", "YES", "on")) {
      variables.put("HF_HUB_OFFLINE", value);
      assertThatThrownBy(this::open)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("offline (--offline, or HF_HUB_OFFLINE is set): nothing is downloaded");
    }
    variables.put("HF_HUB_OFFLINE", "0");
    open().close();
    assertThat(hub.requests()).isEmpty();
  }

  @Test
  void aServerThatIsNotThereIsSaidAtOnce() throws IOException {
    int port;
    try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = socket.getLocalPort();
    }
    variables.put("HF_ENDPOINT", "http://localhost:" + port);
    assertThatThrownBy(this::download)
        .isInstanceOf(IOException.class)
        .hasMessage("localhost: no connection: refused (is a proxy needed? set HTTPS_PROXY)");
  }

  @Test
  void aHostThatIsNotThereIsSaidAtOnce() {
    variables.put("HF_ENDPOINT", "http://nowhere.invalid");
    assertThatThrownBy(this::download)
        .isInstanceOf(IOException.class)
        .hasMessage(
            "nowhere.invalid: no such host, or no network (is a proxy needed? set HTTPS_PROXY)");
  }

  @ParameterizedTest
  @ValueSource(strings = {"huggingface.co", "ftp://x", "http://", "http://x y", "https://x?y"})
  void anEndpointThatIsNoAddressIsBadInput(String address) {
    variables.put("HF_ENDPOINT", address);
    assertThatThrownBy(this::open)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "HF_ENDPOINT '"
                + address
                + "': an address such as https://huggingface.co"
                + " expected");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "a/b/c", "../x", "a/..", "/etc", ".hidden/x", "a b", "a/b?x", "a%2fb", "a\\b"})
  void aNameThatIsNoneIsBadInput(String name) {
    assertThatThrownBy(() -> download(name, Source.HUGGINGFACE, false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("'" + name + "': the name of a model expected");
    assertThat(hub.requests()).isEmpty();
  }

  @Test
  void whatIsAlwaysThereNeedsNoDownload() {
    for (String name : List.of("synthetic-124M", "tiny-shakespeare")) {
      assertThatThrownBy(() -> download(name, Source.HUGGINGFACE, false))
          .hasMessage(name + " needs no download: it is always there");
    }
  }
}
