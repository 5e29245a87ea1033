package org.fastgpt.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.fastgpt.conformance.mutants.PlainProvider;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The built jar and its launcher, run as a user runs them. */
class CompareIT {

  private static final String TURING =
      "Alan Turing theorized that computers would one day become very powerful, but even he could"
          + " not imagine";
  private static final String TINY =
      Path.of("..", "data", "models", "tiny-shakespeare").toAbsolutePath().toString();

  @TempDir private Path folder;
  private String out;
  private String err;
  private String classPath = "";

  @BeforeEach
  void notOnWindows() {
    assumeFalse(
        System.getProperty("os.name").startsWith("Windows"), "fastgpt-compare is a shell script");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--engine core",
        "--engine core --kernels openblas",
        "--engine djl",
        "--engine djl --set archive=java",
        "--engine nd4j",
        "--engine nd4j --set form=plain"
      })
  void everyEngineContinuesTheExampleAlike(String engine) throws Exception {
    var arguments = new ArrayList<>(List.of(engine.split(" ")));
    arguments.addAll(List.of("-m", TINY, "-n", "20", TURING));
    assertThat(run(arguments)).isZero();
    assertThat(out).isEqualTo("\nbutsures, and in the bawds of the\nshis\n");
    assertThat(err.lines().filter(line -> line.startsWith("WARNING")))
        .containsExactly("WARNING: Using incubator modules: jdk.incubator.vector");
  }

  @Test
  void checkPrintsTheMatrixAndWritesTheReport() throws Exception {
    Path report = folder.resolve("report");
    assertThat(
            run(
                List.of(
                    "check",
                    "--engine",
                    "core-scalar,nd4j",
                    "-m",
                    "synthetic-awkward",
                    "--report",
                    report.toString())))
        .isZero();
    assertThat(out).contains("core-scalar", "nd4j", "No faults");
    assertThat(report.resolve("index.html")).exists();
    assertThat(report.resolve("report.json")).exists();
  }

  /** Each loads an OpenBLAS; whichever comes first, both compute as alone. */
  @ParameterizedTest
  @ValueSource(strings = {"core-openblas,nd4j", "nd4j,core-openblas"})
  void openBlasAndNd4jLiveInOneProcess(String engines) throws Exception {
    assertThat(run(List.of("check", "--engine", engines, "-m", "synthetic-awkward"))).isZero();
    assertThat(out).contains("core-openblas", "nd4j", "No faults");
    assertThat(err).doesNotContain("cannot be opened");
  }

  /** Classes of the tests stand for a jar of somebody's. */
  @Test
  void anEngineIsAddedByTheClassPath() throws Exception {
    Path services = Files.createDirectories(folder.resolve("jar/META-INF/services"));
    Files.writeString(
        services.resolve("org.fastgpt.EngineProvider"), PlainProvider.class.getName());
    classPath = folder.resolve("jar") + ":" + Path.of("target", "test-classes").toAbsolutePath();
    assertThat(run(List.of("check", "--engine", "plain", "-m", "synthetic-awkward"))).isZero();
    assertThat(out).contains("plain ", "No faults");
  }

  @Test
  void badInputOfCheckIsOneLine() throws Exception {
    assertThat(run(List.of("check", "--engine", "abacus"))).isEqualTo(2);
    assertThat(err).contains("fastgpt: engine 'abacus' is unknown").doesNotContain("\tat ");
  }

  private int run(List<String> arguments) throws Exception {
    var command = new ArrayList<>(List.of(Path.of("bin", "fastgpt-compare").toString()));
    command.addAll(arguments);
    var builder = new ProcessBuilder(command);
    builder.environment().put("FASTGPT_CLASSPATH", classPath);
    builder.redirectInput(Files.writeString(folder.resolve("in"), "").toFile());
    builder.redirectOutput(folder.resolve("out").toFile());
    builder.redirectError(folder.resolve("err").toFile());
    Process process = builder.start();
    assertThat(process.waitFor(180, TimeUnit.SECONDS)).isTrue();
    out = Files.readString(folder.resolve("out"), StandardCharsets.UTF_8);
    err = Files.readString(folder.resolve("err"), StandardCharsets.UTF_8);
    return process.exitValue();
  }
}
