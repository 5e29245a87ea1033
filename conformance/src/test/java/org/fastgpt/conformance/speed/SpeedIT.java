package org.fastgpt.conformance.speed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import com.fasterxml.jackson.jr.ob.JSON;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.EngineProvider;
import org.fastgpt.conformance.mutants.BrokenProvider;
import org.fastgpt.conformance.mutants.Mutation;
import org.fastgpt.model.Model;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** fastgpt-compare speed as a user runs it. */
class SpeedIT {
  private static final String[] TINY = {"speed", "-m", "tiny-shakespeare", "-n", "3"};
  private static final String IDS = "198 65 316"; // golden, after the example

  /** An engine on the class path that leaves the last layer norm out. */
  public static final class WrongProvider implements EngineProvider {
    @Override
    public String name() {
      return "wrong";
    }

    @Override
    public Engine open(Model model, EngineOptions options) {
      return new BrokenProvider(Mutation.LN_F_LEFT_OUT).open(model, options);
    }
  }

  @TempDir private Path folder;
  private String out;
  private String err;

  @BeforeEach
  void notOnWindows() {
    assumeFalse(
        System.getProperty("os.name").startsWith("Windows"), "fastgpt-compare is a shell script");
  }

  @Test
  void onlyWhoIsRightHasATime() throws Exception {
    Path results = folder.resolve("results");
    int code =
        run(
            "--rounds=1",
            "--threads=1",
            "--engine=core[kernels=scalar],wrong",
            "--external",
            "ids=printf %s '" + IDS + "'",
            "--external",
            "lost=printf {threads}",
            "--external",
            "failing=sh -c 'echo no weights >&2; exit 3'",
            "-o",
            results.toString());
    assertThat(code).isEqualTo(1);
    Map<String, Object> json = JSON.std.mapFrom(Files.readString(results.resolve("speed.json")));
    assertThat(json.get("ids_by")).isEqualTo("golden data");
    assertThat(problems(json))
        .containsExactly("none", "wrong ids at token 2", "none", "none", "no weights");
    assertThat(processes(json)).containsExactly("read", "phases", "whole", "whole", "whole");
    assertThat(json.toString())
        .contains("fastgpt-core/bin/fastgpt") // what a user starts
        .contains("command=fastgpt-compare speed -m tiny-shakespeare -n 3 --rounds=1");
    String markdown = Files.readString(results.resolve("speed.md"));
    assertThat(markdown)
        .contains("| `wrong` | wrong ids at token 2 |", "| `failing` | no weights |")
        .containsPattern("\\| `core\\[kernels=scalar]` \\| \\d+\\.\\d{3} \\|")
        .containsPattern("\\| `ids` \\| \\d+\\.\\d{3} \\|");
    assertThat(Files.readString(results.resolve("speed.csv")))
        .contains("lost,1,,whole_s,", ",output not checked\r\n", "wrong,1,yes,,,,,,wrong ids");
    assertThat(Files.readString(results.resolve("speed.svg"))).contains("core[kernels=scalar]");
    assertThat(out).contains("Total run", "wrong ids at token 2");
    assertThat(err).contains("round 1/1 core[kernels=scalar], 1 thread: whole process");
  }

  private static List<String> problems(Map<String, Object> json) {
    return maps(json, "cases").stream()
        .map(c -> String.valueOf(c.getOrDefault("problem", "none")))
        .toList();
  }

  private static List<String> processes(Map<String, Object> json) {
    return maps(json, "runs").stream().map(run -> run.get("process").toString()).toList();
  }

  @SuppressWarnings("unchecked") // JSON objects are read as maps
  private static List<Map<String, Object>> maps(Map<String, Object> json, String key) {
    return (List<Map<String, Object>>) json.get(key);
  }

  @ParameterizedTest
  @ValueSource(strings = {"--engine=abacus", "-n=300", "--ids=5 --external=x={prompt}"})
  void badInputIsOneLine(String options) throws Exception {
    assertThat(run(options.split(" "))).isEqualTo(2);
    assertThat(err.lines().filter(line -> !line.startsWith("WARNING"))).hasSize(1);
    assertThat(err).contains("fastgpt: ").doesNotContain("\tat ");
  }

  @Test
  void controlCEndsTheChildrenAndWritesNothing() throws Exception {
    Path results = folder.resolve("results");
    Process process =
        start("--engine=core-scalar", "--external=sleep=sleep 1234567", "-o", results.toString());
    ProcessHandle sleep = descendant(process, "sleep");
    new ProcessBuilder("kill", "-INT", Long.toString(process.pid())).start().waitFor();
    assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
    sleep.onExit().get(20, TimeUnit.SECONDS);
    assertThat(process.exitValue()).isEqualTo(130);
    assertThat(results).doesNotExist();
  }

  private static ProcessHandle descendant(Process process, String name) throws Exception {
    long start = System.nanoTime();
    while (System.nanoTime() - start < TimeUnit.SECONDS.toNanos(60)) {
      var found =
          process
              .descendants()
              .filter(p -> p.info().command().filter(c -> c.endsWith("/" + name)).isPresent())
              .findFirst();
      if (found.isPresent()) {
        return found.get();
      }
      Thread.sleep(50);
    }
    throw new AssertionError(name + " was not started");
  }

  private int run(String... options) throws Exception {
    Process process = start(options);
    assertThat(process.waitFor(180, TimeUnit.SECONDS)).isTrue();
    out = Files.readString(folder.resolve("out"), StandardCharsets.UTF_8);
    err = Files.readString(folder.resolve("err"), StandardCharsets.UTF_8);
    return process.exitValue();
  }

  /** With a jar of somebody's on the class path: classes of the tests stand for it. */
  private Process start(String... options) throws Exception {
    Path services = Files.createDirectories(folder.resolve("jar/META-INF/services"));
    Files.writeString(
        services.resolve("org.fastgpt.EngineProvider"), WrongProvider.class.getName());
    var command = new ArrayList<>(List.of(Path.of("bin", "fastgpt-compare").toString()));
    command.addAll(List.of(TINY));
    command.addAll(List.of(options));
    var builder = new ProcessBuilder(command);
    builder
        .environment()
        .put(
            "FASTGPT_CLASSPATH",
            folder.resolve("jar") + ":" + Path.of("target", "test-classes").toAbsolutePath());
    builder.redirectOutput(folder.resolve("out").toFile());
    builder.redirectError(folder.resolve("err").toFile());
    return builder.start();
  }
}
