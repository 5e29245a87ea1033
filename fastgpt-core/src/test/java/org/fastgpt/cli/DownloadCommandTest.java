package org.fastgpt.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.fastgpt.Fixtures;
import org.fastgpt.download.FakeHub;
import org.fastgpt.model.ModelException;
import org.fastgpt.model.Models;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The whole way, from a server to a text. */
class DownloadCommandTest {
  private static final Path FORMATS = Path.of("..", "data", "formats");
  private static final String SHAKESPEARE = "someone/shakespeare";
  private static final String GPT2 = "openai-community/gpt2";
  private static final String TEXT = "\nbutsures, and in the bawds of the\nshis\n";
  private static final String TURING =
      "Alan Turing theorized that computers would one day become very powerful, but even he could"
          + " not imagine";

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private final Map<String, String> propertiesBefore = new HashMap<>();
  private String in = "";
  private boolean interactive;
  private FakeHub hub;

  @BeforeEach
  void start(@TempDir Path home) throws IOException {
    hub = new FakeHub();
    hub.publish(SHAKESPEARE, Fixtures.TINY_SHAKESPEARE);
    hub.publish(GPT2, Fixtures.TINY_SHAKESPEARE);
    set("fastgpt.home", home.toString());
    set("HF_ENDPOINT", hub.address());
    set("HF_HUB_OFFLINE", "0");
  }

  private void set(String property, String value) {
    String before = System.setProperty(property, value);
    if (!propertiesBefore.containsKey(property)) {
      propertiesBefore.put(property, before);
    }
  }

  @AfterEach
  void stop() {
    hub.close();
    propertiesBefore.forEach(
        (property, before) -> {
          if (before == null) {
            System.clearProperty(property);
          } else {
            System.setProperty(property, before);
          }
        });
  }

  @Test
  void whatWasDownloadedIsThereForAllCommands() {
    assertThat(run("download", SHAKESPEARE)).isZero();
    assertThat(out()).isEqualTo(Models.folder().resolve(SHAKESPEARE) + "\n");
    assertThat(err())
        .contains("Downloading: 100% of 3.9 MB")
        .contains("is installed; to use it: fastgpt -m someone/shakespeare")
        .doesNotContain("\r");
    clear();
    assertThat(run("models")).isZero();
    assertThat(out()).contains(SHAKESPEARE);
    clear();
    assertThat(run("info", SHAKESPEARE)).isZero();
    assertThat(out()).contains("52 tensors, F32 3,828,736 bytes", "1024 tokens");
    clear();
    assertThat(run("-m", SHAKESPEARE, "-q", TURING)).isZero();
    assertThat(out()).isEqualTo(TEXT);
  }

  /** As fastGPT's create_model.py: what is not there is downloaded, then converted. */
  @Test
  void createModelDownloadsWhatItNeeds(@TempDir Path temp) {
    String file = temp.resolve("model.gguf").toString();
    String models = temp.toString();
    assertThat(run("create-model", "--models_dir", models, "-o", file)).isEqualTo(2);
    assertThat(err()).contains("to get it: fastgpt download 124M");
    clear();
    assertThat(run("create-model", "--models_dir", models, "-o", file, "--yes")).isZero();
    clear();
    assertThat(run("-m", file, "-q", TURING)).isZero();
    assertThat(out()).isEqualTo(TEXT);
  }

  @Test
  void fastGptsFileIsInstalledAndRuns() throws IOException {
    byte[] gguf = Files.readAllBytes(FORMATS.resolve("fastgpt.gguf"));
    hub.publish("certik/fastGPT", "model_fastgpt_124M_v2.gguf", gguf);
    assertThat(run("download", "124M", "--source", "fastgpt")).isZero();
    clear();
    assertThat(run("info", "124M")).isZero();
    assertThat(out()).contains("fastGPT's GGUF, version 2");
  }

  /** Its index has a checksum for each tensor; the server's are of whole files, if it has any. */
  @Test
  void aDamagedCheckpointOfOpenAiIsNotInstalled(@TempDir Path temp) throws IOException {
    try (Stream<Path> files = Files.list(FORMATS.resolve("openai"))) {
      for (Path file : files.toList()) {
        Files.copy(file, temp.resolve(file.getFileName()));
      }
    }
    var verifier = new DownloadCommand.OpenedOnce();
    verifier.folder(temp);
    Path data = temp.resolve("model.ckpt.data-00000-of-00001");
    byte[] bytes = Files.readAllBytes(data);
    bytes[1000] ^= 1;
    Files.write(data, bytes);
    assertThatThrownBy(() -> verifier.folder(temp))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("CRC32C");
  }

  @ParameterizedTest
  @ValueSource(strings = {"124M", "gpt2", GPT2})
  void aGpt2IsTheDefaultFromThenOn(String name) {
    assertThat(run("download", name)).isZero();
    assertThat(out()).isEqualTo(Models.folder().resolve("124M") + "\n");
    clear();
    assertThat(run(TURING)).isZero();
    assertThat(out()).isEqualTo(TEXT);
    assertThat(err()).contains("Model: 124M").doesNotContain("No GPT-2 is installed");
  }

  @Test
  void whatIsInstalledIsNotDownloadedAgainUnlessForced() {
    run("download", "gpt2", "-q");
    assertThat(err()).isEmpty();
    int before = hub.requests().size();
    clear();
    assertThat(run("download", "124M", "--offline")).isZero();
    assertThat(out()).isEqualTo(Models.folder().resolve("124M") + "\n");
    assertThat(err()).startsWith("124M is installed already");
    assertThat(hub.requests()).hasSize(before);
    assertThat(run("download", "124M", "--force")).isZero();
    assertThat(hub.requests()).hasSizeGreaterThan(before);
  }

  /** The checksums are those of git hash-object and of data/SHA256SUMS. */
  @Test
  void aDryRunListsWhatThereIs() {
    assertThat(run("download", "124M", "--dry-run")).isZero();
    assertThat(out().lines().map(line -> line.strip().replaceAll(" +", " ")))
        .hasSize(7)
        .startsWith("829 config.json git SHA-1 5c807e258a38ad2b157cbc6dd2337e3f460ff80f")
        .contains(
            "3,833,776 model.safetensors SHA-256"
                + " d447f4f0d23fcb6e8c31e2fa71f6678350d76c45ce81bcd26ca3bd08501e1019");
    assertThat(out()).endsWith("from " + hub.address().substring(7) + "/" + GPT2 + "\n");
    assertThat(Models.installed()).isEmpty();
    assertThat(hub.requests()).allMatch(request -> request.method().equals("HEAD"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "download nobody/nothing | 2 | no such repository, revision or file (404)",
        "download 124M --source bing | 2 | source 'bing' is unknown; there are: huggingface,"
            + " openai",
        "download 774M --source fastgpt | 2 | fastgpt has no model '774M', but 124M, 355M",
        "download 124M --source openai --revision v1 | 2 | openai has no revisions",
        "download 124M --revision a?b | 2 | revision 'a?b': a branch, tag or commit expected",
        "download 124M --offline | 2 | offline (--offline, or HF_HUB_OFFLINE is set)",
        "download synthetic-124M | 2 | synthetic-124M needs no download",
        "download ../x | 2 | '../x': the name of a model expected",
        "download | 2 | Missing required parameter: 'MODEL'",
        "-m 124M x | 2 | to get it: fastgpt download 124M",
        "-m someone/small x | 2 | to get it: fastgpt download someone/small",
        "info gpt2-xl | 2 | to get it: fastgpt download gpt2-xl",
      })
  void badInputIsOneLineAndExitCode2(String arguments, int code, String message) {
    var all = new ArrayList<>(List.of(arguments.split(" ")));
    if (arguments.startsWith("-m")) {
      all.add("-q");
    }
    assertThat(run(all.toArray(String[]::new))).isEqualTo(code);
    assertThat(err()).startsWith("fastgpt: ").contains(message).hasLineCount(1);
    assertThat(out()).isEmpty();
    assertThat(Models.installed()).isEmpty();
  }

  @Test
  void aNetworkThatFailsIsOneLineAndExitCode1() throws IOException {
    try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      set("HF_ENDPOINT", "http://localhost:" + socket.getLocalPort());
    }
    assertThat(run("download", "124M")).isEqualTo(1);
    assertThat(err()).startsWith("fastgpt: localhost: no connection: refused").hasLineCount(1);
    clear();
    assertThat(run("-m", "124M", "--yes", "-q", "x")).isEqualTo(1);
    assertThat(err()).startsWith("fastgpt: localhost: no connection: refused").hasLineCount(1);
  }

  @Test
  void aPersonIsAskedBeforeAMissingModelIsDownloaded() {
    interactive = true;
    in = "y\n";
    assertThat(run("-m", "gpt2", TURING)).isZero();
    assertThat(out()).isEqualTo(TEXT);
    assertThat(err())
        .contains("Download 124M (4 MB) from " + hub.address().substring(7) + "/" + GPT2)
        .contains("? [y/N] ");
    assertThat(Models.find("124M")).isPresent();
  }

  @ParameterizedTest
  @ValueSource(strings = {"n\n", "\n", "", "no\n", "yesterday\n"})
  void withoutAYesNothingIsDownloaded(String answer) {
    interactive = true;
    in = answer;
    assertThat(run("-m", "gpt2", "-q", TURING)).isEqualTo(2);
    assertThat(err()).contains("? [y/N] ").contains("no model 'gpt2'");
    assertThat(hub.requests()).allMatch(request -> request.method().equals("HEAD"));
    assertThat(Models.installed()).isEmpty();
  }

  @Test
  void yesIsTheAnswerBeforehand() {
    assertThat(run("encode", "-m", SHAKESPEARE, "--yes", "ROMEO")).isZero();
    assertThat(run("encode", "-m", SHAKESPEARE, "--yes", "ROMEO")).isZero();
    assertThat(out().lines().distinct()).hasSize(1);
    assertThat(Models.find(SHAKESPEARE)).isPresent();
  }

  @Test
  void nobodyIsAskedOffline() {
    interactive = true;
    in = "y\n";
    set("HF_HUB_OFFLINE", "1");
    assertThat(run("-m", "gpt2", "-q", TURING)).isEqualTo(2);
    assertThat(err()).contains("to get it: fastgpt download gpt2").doesNotContain("[y/N]");
    assertThat(hub.requests()).isEmpty();
  }

  private int run(String... args) {
    return Main.run(
        args,
        new Terminal(
            new ByteArrayInputStream(in.getBytes(StandardCharsets.UTF_8)),
            new PrintStream(out, false, StandardCharsets.UTF_8),
            new PrintStream(err, false, StandardCharsets.UTF_8),
            interactive));
  }

  private void clear() {
    out.reset();
    err.reset();
  }

  private String out() {
    return out.toString(StandardCharsets.UTF_8).replace("\r\n", "\n");
  }

  private String err() {
    return err.toString(StandardCharsets.UTF_8).replace("\r\n", "\n");
  }
}
