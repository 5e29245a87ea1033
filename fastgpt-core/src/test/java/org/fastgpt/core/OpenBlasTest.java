package org.fastgpt.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.io.OutputStream;
import java.net.JarURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import org.fastgpt.model.ModelException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * How OpenBLAS is looked for and unpacked, and what is said where it is not; none is needed here.
 * What it computes is tested in the module conformance, which has one on its class path.
 */
class OpenBlasTest {

  private static final String INSIDE = "org/bytedeco/openblas/linux-x86_64/";

  @TempDir private Path folder;
  private String home;

  @BeforeEach
  void unpackHere() {
    home = System.getProperty("fastgpt.home");
    System.setProperty("fastgpt.home", folder.toString());
  }

  @AfterEach
  void restore() {
    System.clearProperty("fastgpt.blas");
    if (home == null) {
      System.clearProperty("fastgpt.home");
    } else {
      System.setProperty("fastgpt.home", home);
    }
  }

  @Test
  void saysWhereItWasLookedForAndHowToGetIt() {
    String arch =
        System.getProperty("os.arch").replace("amd64", "x86_64").replace("aarch64", "arm64");
    var atari = new OpenBlas.Platform("tos", "blas.prg", List.of("blas.prg", "A:/blas"), "buy one");
    assertThatThrownBy(() -> OpenBlas.find(atari))
        .isInstanceOf(ModelException.class)
        .hasMessage(
            "kernels 'openblas': no OpenBLAS found as blas.prg, A:/blas, nor on the class path as"
                + " org/bytedeco/openblas/tos-"
                + arch
                + "/blas.prg: buy one, or name the library by FASTGPT_BLAS=PATH");
  }

  @Test
  void saysThatTheNamedLibraryIsNotThere() {
    System.setProperty("fastgpt.blas", "/nowhere/libblas.so");
    assertThatThrownBy(() -> Kernels.named("openblas"))
        .isInstanceOf(ModelException.class)
        .hasMessage("BLAS /nowhere/libblas.so: no such library");
  }

  @Test
  void saysThatTheNamedFileIsNoLibrary() throws IOException {
    Path file = Files.writeString(folder.resolve("libblas.so"), "not a library");
    System.setProperty("fastgpt.blas", file.toString());
    assertThatThrownBy(() -> Kernels.named("openblas"))
        .isInstanceOf(ModelException.class)
        .hasMessage("BLAS " + file + ": not a library that this machine can load");
  }

  /** Some other library: one of the JDK's own. */
  @Test
  void saysThatTheNamedLibraryIsNoBlas() {
    boolean windows = System.getProperty("os.name").startsWith("Windows");
    Path zip =
        Path.of(System.getProperty("java.home"), windows ? "bin" : "lib")
            .resolve(System.mapLibraryName("zip"));
    System.setProperty("fastgpt.blas", zip.toString());
    assertThatThrownBy(() -> Kernels.named("openblas"))
        .isInstanceOf(ModelException.class)
        .hasMessage(
            "BLAS "
                + zip
                + ": no function cblas_sgemm; a BLAS with the C interface expected, such as"
                + " OpenBLAS");
  }

  @Test
  void saysThatAccelerateIsApples() {
    String system = System.getProperty("os.name");
    assumeFalse(system.startsWith("Mac"), "macOS has Accelerate");
    assertThatThrownBy(() -> Kernels.named("accelerate"))
        .isInstanceOf(ModelException.class)
        .hasMessage(
            "kernels 'accelerate' are a part of macOS; on " + system + " use --kernels openblas");
  }

  @Test
  void unpacksTheLibraryAndWhatItNeedsAndNothingElse() throws Exception {
    Path library = unpack();
    assertThat(library).hasContent("the library").hasFileName("libopenblas.so.0");
    assertThat(library.getParent()).isEqualTo(folder.resolve("lib").resolve("blas.jar"));
    try (Stream<Path> files = Files.list(library.getParent())) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrder("libopenblas.so.0", "libgfortran.so.5");
    }
  }

  @Test
  void unpacksOnceAndAgainWhereTheFileIsDamaged() throws Exception {
    Path library = unpack();
    Files.setLastModifiedTime(library, FileTime.fromMillis(1_000_000));
    assertThat(Files.getLastModifiedTime(unpack()).toMillis()).isEqualTo(1_000_000);
    for (String damaged : List.of("the libraru", "the lib", "")) {
      Files.writeString(library, damaged);
      assertThat(unpack()).hasContent("the library");
    }
  }

  private Path unpack() throws Exception {
    Path jar = folder.resolve("blas.jar");
    try (OutputStream out = Files.newOutputStream(jar);
        var entries = new JarOutputStream(out)) {
      for (String name :
          List.of(
              INSIDE + "libopenblas.so.0",
              INSIDE + "libgfortran.so.5",
              INSIDE + "libjniopenblas.so",
              INSIDE + "include/cblas.h",
              INSIDE + "lib/../../../../../libescape.so",
              "org/bytedeco/openblas/linux-arm64/libother.so")) {
        entries.putNextEntry(new JarEntry(name));
        entries.write("the library".getBytes(StandardCharsets.UTF_8));
      }
    }
    URI uri = URI.create("jar:" + jar.toUri() + "!/" + INSIDE + "libopenblas.so.0");
    return OpenBlas.unpack((JarURLConnection) uri.toURL().openConnection());
  }
}
