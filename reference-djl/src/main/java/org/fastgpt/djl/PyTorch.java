package org.fastgpt.djl;

import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.util.Platform;
import ai.djl.util.Utils;
import java.nio.file.Files;
import java.nio.file.Path;
import org.fastgpt.model.ModelException;

/** PyTorch's native library in this JVM: started once, offline, by DJL. */
final class PyTorch {
  static final String ENGINE = "PyTorch";
  private static int defaultThreads;

  private PyTorch() {}

  /**
   * Starts PyTorch, if that has not been done yet. What DJL asks for on the network (a library that
   * is not on the class path, and telemetry at each start) is refused. One thread runs operations
   * side by side (inter-op): GPT-2 has nothing to run there. A property that the user has set wins.
   *
   * @throws ModelException this platform has no library on the class path, or it cannot be loaded
   */
  static synchronized void start() {
    if (defaultThreads > 0) {
      return;
    }
    setDefault("ai.djl.offline", "true");
    setDefault("OPT_OUT_TRACKING", "true");
    setDefault("ai.djl.pytorch.num_interop_threads", "1");
    try {
      announceUnpacking();
      Engine.getEngine(ENGINE);
      defaultThreads = JniUtils.getNumThreads();
    } catch (EngineException | LinkageError | AssertionError e) {
      throw new ModelException("PyTorch cannot be loaded: " + reason(e), e);
    }
  }

  private static void setDefault(String property, String value) {
    if (System.getProperty(property) == null) {
      System.setProperty(property, value);
    }
  }

  /** DJL unpacks the library from its jar at the first start; without the jar it would download. */
  private static void announceUnpacking() {
    if (Utils.getEnvOrSystemProperty("PYTORCH_LIBRARY_PATH") != null) {
      return;
    }
    Platform platform = Platform.detectPlatform("pytorch");
    if (platform.isPlaceholder()) {
      throw new ModelException(
          "PyTorch cannot be loaded: no pytorch-native-cpu for "
              + platform.getClassifier()
              + " on the class path. There are: linux-x86_64, linux-aarch64, osx-aarch64,"
              + " win-x86_64; Maven adds the one of the machine that it runs on");
    }
    Path folder =
        Utils.getEngineCacheDir("pytorch")
            .resolve(
                String.join(
                    "-", platform.getVersion(), platform.getFlavor(), platform.getClassifier()));
    if (!Files.exists(folder)) {
      System.err.println("djl: unpacking PyTorch, once, to " + folder);
    }
  }

  /** The first line of the innermost message: PyTorch appends its C++ stack. */
  static String reason(Throwable e) {
    Throwable cause = e;
    while (cause.getCause() != null) {
      cause = cause.getCause();
    }
    String message = String.valueOf(cause.getMessage()).strip();
    return message.lines().findFirst().orElse(cause.getClass().getSimpleName());
  }

  /**
   * Sets how many threads compute what the calling thread asks of PyTorch next; 0 for PyTorch's own
   * choice. PyTorch keeps this number for each calling thread, so it is set before each run, and
   * engines with different numbers live side by side. The number of inter-op threads is fixed at
   * start.
   */
  static void setThreads(int threads) {
    JniUtils.setNumThreads(threads == 0 ? defaultThreads : threads);
  }
}
