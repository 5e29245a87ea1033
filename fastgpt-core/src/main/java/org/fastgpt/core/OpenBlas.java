package org.fastgpt.core;

import java.io.IOException;
import java.io.InputStream;
import java.net.JarURLConnection;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Optional;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.regex.Pattern;
import java.util.zip.CRC32;
import org.fastgpt.model.ModelException;
import org.fastgpt.model.Models;

/**
 * Finds OpenBLAS: the library that the user names; else the system's; else the one in the jar that
 * ND4J brings, if that is on the class path, which is unpacked once to {@code lib} in the program's
 * own folder.
 */
final class OpenBlas {
  private OpenBlas() {}

  private static final String PROPERTY = "fastgpt.blas";
  private static final String VARIABLE = "FASTGPT_BLAS";

  /** What a jar has beside OpenBLAS: the Fortran libraries that it needs, and JNI's, left out. */
  private static final Pattern LIBRARY = Pattern.compile("lib(?!jni)[A-Za-z0-9._-]+");

  /**
   * An operating system.
   *
   * @param name as JavaCPP has it
   * @param file what JavaCPP's jar calls OpenBLAS
   * @param places where the system itself may have it: names for its linker, and paths
   * @param hint how to get it
   */
  record Platform(String name, String file, List<String> places, String hint) {}

  private static final Platform LINUX =
      new Platform(
          "linux",
          "libopenblas.so.0",
          List.of(
              "libopenblas.so.0",
              "libopenblas.so",
              // Debian's own, also where its alternatives point to another BLAS.
              "/usr/lib/x86_64-linux-gnu/openblas-pthread/libopenblas.so.0",
              "/usr/lib/aarch64-linux-gnu/openblas-pthread/libopenblas.so.0"),
          "apt-get install libopenblas0");

  private static final Platform MACOS =
      new Platform(
          "macosx",
          "libopenblas.0.dylib",
          List.of(
              "/opt/homebrew/opt/openblas/lib/libopenblas.dylib",
              "/usr/local/opt/openblas/lib/libopenblas.dylib",
              "libopenblas.dylib"),
          "brew install openblas, or use --kernels accelerate");

  private static final Platform WINDOWS =
      new Platform(
          "windows",
          "libopenblas.dll",
          List.of("libopenblas.dll"),
          "put libopenblas.dll on the PATH");

  /**
   * Loads it.
   *
   * @throws ModelException it is nowhere, or what the user has named is not it; or it cannot be
   *     unpacked
   */
  static Blas load() {
    String named = System.getProperty(PROPERTY, System.getenv(VARIABLE));
    if (named == null || named.isBlank()) {
      return find(platform());
    }
    Path file = Path.of(named);
    return Blas.load(Files.exists(file) ? file.toAbsolutePath().toString() : named);
  }

  /** The first there is. */
  static Blas find(Platform platform) {
    return platform.places.stream()
        .flatMap(place -> loaded(place).stream())
        .findFirst()
        .or(() -> bundled(platform).map(file -> Blas.load(file.toString())))
        .orElseThrow(() -> nowhere(platform));
  }

  private static Optional<Blas> loaded(String place) {
    try {
      return Optional.of(Blas.load(place));
    } catch (ModelException e) {
      return Optional.empty(); // one of many places
    }
  }

  private static ModelException nowhere(Platform platform) {
    return new ModelException(
        "kernels 'openblas': no OpenBLAS found as "
            + String.join(", ", platform.places)
            + ", nor on the class path as "
            + resource(platform)
            + ": "
            + platform.hint
            + ", or name the library by "
            + VARIABLE
            + "=PATH");
  }

  private static Platform platform() {
    String os = System.getProperty("os.name");
    return os.startsWith("Windows") ? WINDOWS : os.startsWith("Mac") ? MACOS : LINUX;
  }

  /** Where JavaCPP's jar of OpenBLAS for this machine has it. */
  private static String resource(Platform platform) {
    String arch =
        switch (System.getProperty("os.arch")) {
          case "amd64", "x86_64" -> "x86_64";
          case "aarch64" -> "arm64";
          case String other -> other;
        };
    return "org/bytedeco/openblas/" + platform.name + "-" + arch + "/" + platform.file;
  }

  /** The library of the class path, as a file. */
  private static Optional<Path> bundled(Platform platform) {
    URL url = OpenBlas.class.getResource("/" + resource(platform));
    try {
      if (url == null) {
        return Optional.empty();
      }
      if (url.openConnection() instanceof JarURLConnection jar) {
        return Optional.of(unpack(jar));
      }
      return Optional.of(Path.of(url.toURI()));
    } catch (IOException | URISyntaxException e) {
      throw new ModelException("OpenBLAS cannot be unpacked from " + url + ": " + e, e);
    }
  }

  /** Unpacks the library and those that it needs, if they are not there yet, side by side. */
  static Path unpack(JarURLConnection connection) throws IOException, URISyntaxException {
    connection.setUseCaches(false); // so that closing the jar closes nobody else's
    String jarName = Path.of(connection.getJarFileURL().toURI()).getFileName().toString();
    Path folder = Models.home().resolve("lib").resolve(jarName);
    String entry = connection.getEntryName();
    String inside = entry.substring(0, entry.lastIndexOf('/') + 1);
    Files.createDirectories(folder);
    try (JarFile jar = connection.getJarFile()) {
      for (JarEntry library : (Iterable<JarEntry>) jar.stream()::iterator) {
        String name = library.getName();
        if (name.startsWith(inside) && LIBRARY.matcher(name.substring(inside.length())).matches()) {
          unpack(jar, library, folder.resolve(name.substring(inside.length())));
        }
      }
    }
    return folder.resolve(entry.substring(inside.length()));
  }

  private static void unpack(JarFile jar, JarEntry library, Path file) throws IOException {
    if (isWhole(file, library)) {
      return;
    }
    Path part = Files.createTempFile(file.getParent(), ".", ".part");
    try {
      try (InputStream in = jar.getInputStream(library)) {
        Files.copy(in, part, StandardCopyOption.REPLACE_EXISTING);
      }
      if (!isWhole(part, library)) {
        throw new IOException(library + " is damaged");
      }
      Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(part);
    }
  }

  /** Whether the file has the size and the checksum of the jar's entry. */
  private static boolean isWhole(Path file, JarEntry library) throws IOException {
    if (!Files.isRegularFile(file) || Files.size(file) != library.getSize()) {
      return false;
    }
    var crc = new CRC32();
    try (InputStream in = Files.newInputStream(file)) {
      byte[] bytes = new byte[1 << 16];
      for (int n = in.read(bytes); n >= 0; n = in.read(bytes)) {
        crc.update(bytes, 0, n);
      }
    }
    return crc.getValue() == library.getCrc();
  }
}
