package org.fastgpt.conformance;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.fastgpt.model.Models;

/** On what a result was obtained: the machine, and the versions that matter. */
public final class Environment {
  private Environment() {}

  /** Libraries whose version belongs to a result, by a class of each. */
  private static final Map<String, String> LIBRARIES =
      Map.of(
          "DJL", "ai.djl.engine.Engine",
          "PyTorch for DJL", "ai.djl.pytorch.jni.JniUtils",
          "ND4J", "org.nd4j.linalg.factory.Nd4j");

  /** A new map, to be added to; the names are fit to be shown. */
  public static Map<String, String> of() {
    var environment = new LinkedHashMap<String, String>();
    environment.put("Java", System.getProperty("java.vm.name") + " " + Runtime.version());
    environment.put(
        "machine",
        System.getProperty("os.name")
            + " "
            + System.getProperty("os.version")
            + ", "
            + System.getProperty("os.arch")
            + ", "
            + Runtime.getRuntime().availableProcessors()
            + " cores");
    field("/proc/cpuinfo", "model name").ifPresent(name -> environment.put("processor", name));
    field("/proc/meminfo", "MemTotal").ifPresent(size -> environment.put("memory", size));
    new TreeMap<>(LIBRARIES)
        .forEach((name, type) -> jar(type).ifPresent(jar -> environment.put(name, jar)));
    environment.put("models in", Models.folder().toString());
    return environment;
  }

  /** The file name of the jar that a class comes from, which has its version. */
  private static Optional<String> jar(String type) {
    try {
      var source = Class.forName(type, false, Environment.class.getClassLoader());
      String path = source.getProtectionDomain().getCodeSource().getLocation().getPath();
      return Optional.of(path.substring(path.lastIndexOf('/') + 1));
    } catch (ClassNotFoundException e) {
      return Optional.empty(); // an engine that is not on the class path
    }
  }

  /** The value of the first line "name : value" of a file of Linux; nothing on other systems. */
  public static Optional<String> field(String file, String name) {
    try (Stream<String> lines = Files.lines(Path.of(file))) {
      return lines
          .filter(line -> line.startsWith(name))
          .map(line -> line.replaceFirst("[^:]*:\\s*", ""))
          .findFirst();
    } catch (IOException | UncheckedIOException e) {
      return Optional.empty();
    }
  }
}
