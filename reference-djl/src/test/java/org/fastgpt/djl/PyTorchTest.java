package org.fastgpt.djl;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.util.Utils;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.Session;
import org.fastgpt.model.Model;
import org.fastgpt.model.ModelException;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is printed and asked for when PyTorch starts, or cannot. Each in a JVM of its own. */
class PyTorchTest {
  private static final String CLASS_PATH = System.getProperty("java.class.path");

  @TempDir private Path folder;

  @BeforeAll
  static void assumePyTorch() {
    Golden.assumePyTorch();
  }

  /** What the other JVM runs: opens the embedded model and takes a step. */
  static final class Start {
    public static void main(String[] args) {
      try (Model model = Model.open(Golden.TINY);
          Engine engine = new DjlProvider().open(model, EngineOptions.DEFAULT);
          Session session = engine.newSession()) {
        System.out.print(engine.name() + " " + Golden.greedy(session, new int[] {858, 25}, 1)[0]);
      } catch (ModelException e) {
        System.out.print(e.getMessage());
      }
    }
  }

  private record Output(String out, String err) {}

  private Output start(String classPath, Path cache) throws IOException, InterruptedException {
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    var builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            classPath,
            Start.class.getName());
    builder.environment().put("DJL_CACHE_DIR", cache.toString());
    Process process = builder.redirectOutput(out.toFile()).redirectError(err.toFile()).start();
    assertThat(process.waitFor()).isZero();
    return new Output(Files.readString(out), Files.readString(err));
  }

  @Test
  void saysOnceThatItUnpacksAndNothingElse() throws Exception {
    Output first = start(CLASS_PATH, folder);
    assertThat(first.err.lines())
        .singleElement()
        .asString()
        .startsWith("djl: unpacking PyTorch, once, to " + folder);
    Output second = start(CLASS_PATH, folder);
    assertThat(second.err).isEmpty();
    assertThat(second.out).isEqualTo("djl-trace 198").isEqualTo(first.out);
  }

  @Test
  void missingLibraryIsOneClearLine() throws Exception {
    String without =
        Arrays.stream(CLASS_PATH.split(File.pathSeparator, -1))
            .filter(jar -> !jar.contains("pytorch-native"))
            .collect(Collectors.joining(File.pathSeparator));
    Output output = start(without, folder);
    assertThat(output.out)
        .startsWith("PyTorch cannot be loaded: no pytorch-native-cpu for ")
        .doesNotContain("\n");
    assertThat(output.err).isEmpty();
  }

  @Test
  void brokenLibraryIsOneClearLine() throws Exception {
    start(CLASS_PATH, folder);
    try (var files = Files.walk(folder)) {
      List<Path> libraries = files.filter(f -> f.toString().contains("torch_cpu")).toList();
      assertThat(libraries).hasSize(1);
      Files.writeString(libraries.getFirst(), "not a library");
    }
    Output output = start(CLASS_PATH, folder);
    assertThat(output.out).startsWith("PyTorch cannot be loaded: ").doesNotContain("\n");
    assertThat(output.err).doesNotContain("\tat "); // the JVM may remark on the file itself
  }

  @Test
  void asksForNothingOnTheNetwork() {
    PyTorch.start();
    assertThat(Utils.isOfflineMode()).isTrue();
    assertThat(Utils.getEnvOrSystemProperty("OPT_OUT_TRACKING")).isEqualTo("true");
  }
}
