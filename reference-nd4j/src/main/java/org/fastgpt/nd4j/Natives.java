package org.fastgpt.nd4j;

import java.io.IOException;
import java.net.JarURLConnection;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import org.bytedeco.javacpp.Loader;
import org.nd4j.linalg.cpu.nativecpu.bindings.Nd4jCpu;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.nativeblas.Nd4jBlas;

/** ND4J's native libraries: whether they are there, their unpacking, their threads. */
final class Natives {
  // JavaCPP refuses all allocations once the process is larger than this; 0: it does not look.
  private static final String LIMIT = "org.bytedeco.javacpp.maxPhysicalBytes";

  private static boolean loaded;

  private Natives() {}

  /**
   * Loads the libraries, if they are not yet. The first time on a machine they are unpacked, which
   * takes seconds: one line on stderr says so.
   *
   * @throws IllegalStateException there are none for this machine, or they do not load
   */
  static synchronized void load() {
    if (loaded) {
      return;
    }
    if (System.getProperty(LIMIT) == null) {
      // Its default is four times the Java heap, but weights lie outside the heap, here and in
      // whatever other engine this process runs.
      System.setProperty(LIMIT, "0");
    }
    String platform = Loader.getPlatform();
    URL library = Nd4jCpu.class.getResource(platform + "/" + System.mapLibraryName("jnind4jcpu"));
    if (library == null) {
      throw new IllegalStateException(
          "engine nd4j: no native library for "
              + platform
              + " on the class path; there are some for linux-x86_64, linux-arm64, macosx-arm64 and"
              + " windows-x86_64");
    }
    try {
      announceUnpacking(library);
      Nd4j.getBackend();
      loaded = true;
    } catch (LinkageError | RuntimeException | IOException | URISyntaxException e) {
      Throwable cause = e;
      while (cause.getCause() != null) {
        cause = cause.getCause();
      }
      throw new IllegalStateException(
          "engine nd4j: its native library for " + platform + " does not load: " + cause, e);
    }
  }

  // JavaCPP unpacks a jar's libraries to CACHE/NAME-OF-THE-JAR/PATH-IN-THE-JAR.
  private static void announceUnpacking(URL library) throws IOException, URISyntaxException {
    if (library.openConnection() instanceof JarURLConnection jar) {
      Path cache = Loader.getCacheDir().toPath();
      Path file = Path.of(jar.getJarFileURL().toURI()).getFileName();
      if (!Files.exists(cache.resolve(file).resolve(jar.getEntryName()))) {
        System.err.println("nd4j: unpacking its native libraries, once, to " + cache);
      }
    }
  }

  /** See {@link Nd4jProvider}. */
  static void setThreads(int threads) {
    // Not setMaxThreads: it does nothing once the process has begun. ND4J clips what is too many.
    Nd4j.getEnvironment().setMaxMasterThreads(threads);
    ((Nd4jBlas) Nd4j.factory().blas()).setMaxThreads(threads);
  }
}
