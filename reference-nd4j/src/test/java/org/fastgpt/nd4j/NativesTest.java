package org.fastgpt.nd4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Loader;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.Engines;
import org.fastgpt.Session;
import org.fastgpt.model.Model;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a user sees who starts the engine: each test starts a JVM of its own. */
class NativesTest {
  private static final String CLASS_PATH = System.getProperty("java.class.path");

  @TempDir Path folder;

  /** A whole program: says on stdout what it has computed, or why not. */
  static final class Program {
    public static void main(String[] args) {
      try (Model model = Model.open(Golden.folder(Golden.TINY));
          Engine engine = Engines.named("nd4j").open(model, EngineOptions.threads(1));
          Session session = engine.newSession()) {
        System.out.println(session.forward(1, 2, 3).length + " logits");
      } catch (IllegalStateException e) {
        System.out.println(e.getMessage());
      }
    }
  }

  @Test
  void theFirstRunAnnouncesTheUnpackingAndNothingElseIsOnStderr() throws Exception {
    Path cache = folder.resolve("cache");
    String property = "-Dorg.bytedeco.javacpp.cachedir=" + cache;
    assertThat(run(CLASS_PATH, property)).isEqualTo("1024 logits\n");
    assertThat(stderr())
        .isEqualTo("nd4j: unpacking its native libraries, once, to " + cache + "\n");
    assertThat(run(CLASS_PATH, property)).isEqualTo("1024 logits\n");
    assertThat(stderr()).isEmpty();
  }

  @Test
  void aHeapFarSmallerThanTheProcessIsEnough() throws Exception {
    // JavaCPP by itself gives up at four times the heap.
    assertThat(run(CLASS_PATH, "-Xmx16m")).isEqualTo("1024 logits\n");
    assertThat(stderr()).isEmpty();
  }

  @Test
  void aMachineWithoutNativesIsToldSoInOneLine() throws Exception {
    String without =
        Arrays.stream(CLASS_PATH.split(File.pathSeparator, -1))
            .filter(jar -> !jar.matches(".*nd4j-native-[^/\\\\]*-(linux|macosx|windows)-.*"))
            .collect(Collectors.joining(File.pathSeparator));
    assertThat(run(without))
        .startsWith("engine nd4j: no native library for ")
        .endsWith(" windows-x86_64\n")
        .hasLineCount(1);
    assertThat(stderr()).isEmpty();
  }

  @Test
  void aLibraryThatDoesNotLoadIsOneLine() throws Exception {
    Path broken =
        folder
            .resolve("org/nd4j/linalg/cpu/nativecpu/bindings")
            .resolve(Loader.getPlatform())
            .resolve(System.mapLibraryName("jnind4jcpu"));
    Files.createDirectories(broken.getParent());
    Files.writeString(broken, "not a library");
    assertThat(run(folder + File.pathSeparator + CLASS_PATH))
        .startsWith("engine nd4j: its native library for ")
        .contains(" does not load: ")
        .hasLineCount(1);
  }

  private String run(String classPath, String... more) throws IOException, InterruptedException {
    List<String> command =
        Stream.of(
                Stream.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()),
                Stream.of("--enable-native-access=ALL-UNNAMED"),
                Stream.of("--sun-misc-unsafe-memory-access=allow"),
                Stream.of(more),
                Stream.of("-cp", classPath, Program.class.getName()))
            .flatMap(part -> part)
            .toList();
    Path out = folder.resolve("stdout");
    Process process =
        new ProcessBuilder(command)
            .redirectOutput(out.toFile())
            .redirectError(folder.resolve("stderr").toFile())
            .start();
    process.waitFor();
    return Files.readString(out).replace("\r\n", "\n");
  }

  private String stderr() throws IOException {
    return Files.readString(folder.resolve("stderr"), StandardCharsets.UTF_8).replace("\r\n", "\n");
  }
}
