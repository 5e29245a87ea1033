package org.fastgpt.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The built jar and its launcher, run as a user runs them. */
class LauncherIT {

  private static final String JAR = Path.of("target", "fastgpt-core.jar").toString();
  private static final String TURING =
      "Alan Turing theorized that computers would one day become very powerful, but even he could"
          + " not imagine";
  private static final String TEXT = "\nbutsures, and in the bawds of the\nshis\n";

  @TempDir private Path folder;
  private String out;
  private String err;

  @BeforeEach
  void notOnWindows() {
    assumeFalse(
        System.getProperty("os.name").startsWith("Windows"),
        "bin/fastgpt is a shell script; on Windows try bin\\fastgpt.cmd by hand");
  }

  @Test
  void launcherGeneratesWithTheEmbeddedModel() throws Exception {
    assertThat(launch(List.of(), TURING, "-n", "20")).isZero();
    assertThat(out).isEqualTo(TEXT);
    assertThat(err).contains("No GPT-2 is installed", "Engine: core-vector");
  }

  @Test
  void launcherWorksThroughALinkAndFromAnyFolder() throws Exception {
    Path link = folder.resolve("gpt");
    Files.createSymbolicLink(link, Path.of("bin", "fastgpt").toAbsolutePath());
    assertThat(start(List.of(link.toString(), "-q", TURING), List.of())).isZero();
    Files.delete(link);
    assertThat(out).isEqualTo(TEXT);
  }

  @Test
  void launcherKeepsLettersWhateverTheLocale() throws Exception {
    assertThat(launch(List.of("LC_ALL=C"), "encode", "Příliš")).isZero();
    String ids = out.strip();
    assertThat(launch(List.of("LC_ALL=C"), "decode", ids)).isZero();
    assertThat(out).isEqualTo("Příliš\n");
  }

  @Test
  void launcherSaysThatThereIsNoJdk() throws Exception {
    // The places where a JDK of this machine may lie are cut from the list.
    String script = Files.readString(Path.of("bin", "fastgpt"));
    String cut =
        script.replaceFirst("(?s)for jdk in .*?; do", "for jdk in \"\\${JAVA_HOME:-}\"; do");
    assertThat(cut).isNotEqualTo(script);
    Path copy = Files.writeString(folder.resolve("fastgpt"), cut);
    assertThat(start(List.of("sh", copy.toString(), "x"), List.of("JAVA_HOME=/nowhere")))
        .isEqualTo(2);
    assertThat(err).startsWith("fastgpt: no JDK 25 found").hasLineCount(1);
  }

  @Test
  void jarRunsWithoutTheVectorApiAndSaysThatItIsSlow() throws Exception {
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    assertThat(start(List.of(java, "-jar", JAR, TURING), List.of())).isZero();
    assertThat(out).isEqualTo(TEXT);
    assertThat(err).contains("Engine: core-scalar", "--add-modules jdk.incubator.vector");
  }

  @Test
  void interruptEndsTheTextCleanly() throws Exception {
    var process =
        process(
            List.of(
                "sh", "-c", "exec bin/fastgpt -m synthetic-124M --ids -n -1 --ignore-eos 464 3290"),
            List.of());
    Process running = process.start();
    while (Files.size(folder.resolve("out")) == 0) { // until the first token is there
      assertThat(running.isAlive()).isTrue();
      Thread.onSpinWait();
    }
    new ProcessBuilder("kill", "-INT", String.valueOf(running.pid())).start().waitFor();
    assertThat(running.waitFor(60, TimeUnit.SECONDS)).isTrue();
    read();
    assertThat(running.exitValue()).isEqualTo(130);
    assertThat(out).matches("[0-9]+( [0-9]+)*\n");
    assertThat(err).contains("Stopped: interrupted.");
  }

  private int launch(List<String> environment, String... arguments) throws Exception {
    var command = new ArrayList<>(List.of(Path.of("bin", "fastgpt").toString()));
    command.addAll(List.of(arguments));
    return start(command, environment);
  }

  private int start(List<String> command, List<String> environment) throws Exception {
    Process process = process(command, environment).start();
    assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
    read();
    return process.exitValue();
  }

  /** With nothing on standard input, and the output in files. */
  private ProcessBuilder process(List<String> command, List<String> environment)
      throws IOException {
    var builder = new ProcessBuilder(command);
    builder.redirectInput(
        ProcessBuilder.Redirect.from(Files.writeString(folder.resolve("in"), "").toFile()));
    builder.redirectOutput(Files.writeString(folder.resolve("out"), "").toFile());
    builder.redirectError(Files.writeString(folder.resolve("err"), "").toFile());
    for (String variable : environment) {
      String[] parts = variable.split("=", 2);
      builder.environment().put(parts[0], parts[1]);
    }
    return builder;
  }

  private void read() throws IOException {
    out = Files.readString(folder.resolve("out"), StandardCharsets.UTF_8);
    err = Files.readString(folder.resolve("err"), StandardCharsets.UTF_8);
  }
}
