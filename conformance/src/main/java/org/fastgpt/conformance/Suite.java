package org.fastgpt.conformance;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.fastgpt.model.Models;

/** What the tests of this JVM have found so far, until a report is made of it. */
public final class Suite {
  private Suite() {}

  private static final List<Verdict> VERDICTS = new ArrayList<>();
  private static final List<Evidence> EVIDENCE = new ArrayList<>();
  private static final List<Findings.Mutant> MUTANTS = new ArrayList<>();
  private static final Map<String, String> UNAVAILABLE = new LinkedHashMap<>();
  private static final Map<String, String> WEIGHTS = new LinkedHashMap<>();

  /** Libraries whose version belongs to a result, by a class of each. */
  private static final Map<String, String> LIBRARIES =
      Map.of(
          "DJL", "ai.djl.engine.Engine",
          "PyTorch for DJL", "ai.djl.pytorch.jni.JniUtils",
          "ND4J", "org.nd4j.linalg.factory.Nd4j");

  /** A verdict. */
  public static synchronized void add(Verdict verdict) {
    VERDICTS.add(verdict);
  }

  /** What was measured. */
  public static synchronized void add(Evidence evidence) {
    EVIDENCE.add(evidence);
  }

  /** What became of a deliberately broken engine. */
  public static synchronized void add(Findings.Mutant mutant) {
    MUTANTS.add(mutant);
  }

  /** An engine that could not be opened on a model, and why. */
  public static synchronized void unavailable(String engine, String model, String reason) {
    UNAVAILABLE.put(engine + " on " + model, reason);
  }

  /** What a model's weights are. */
  static synchronized void weights(String model, String sha256) {
    WEIGHTS.put(model, sha256);
  }

  static synchronized String reason(String engine, String model) {
    return UNAVAILABLE.getOrDefault(engine + " on " + model, "not opened");
  }

  /** All of it. */
  public static synchronized Findings findings() {
    return new Findings(
        List.copyOf(VERDICTS), List.copyOf(EVIDENCE), List.copyOf(MUTANTS), environment());
  }

  /** Machine and versions; and which engines could not be opened, and why. */
  private static Map<String, String> environment() {
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
    processor().ifPresent(name -> environment.put("processor", name));
    new TreeMap<>(LIBRARIES)
        .forEach((name, type) -> jar(type).ifPresent(jar -> environment.put(name, jar)));
    environment.put("models in", Models.folder().toString());
    WEIGHTS.forEach((model, sha) -> environment.put("weights of " + model, "SHA-256 " + sha));
    UNAVAILABLE.forEach((what, why) -> environment.put("not opened: " + what, why));
    return environment;
  }

  /** The file name of the jar that a class comes from, which has its version. */
  private static Optional<String> jar(String type) {
    try {
      var source = Class.forName(type, false, Suite.class.getClassLoader());
      String path = source.getProtectionDomain().getCodeSource().getLocation().getPath();
      return Optional.of(path.substring(path.lastIndexOf('/') + 1));
    } catch (ClassNotFoundException e) {
      return Optional.empty(); // an engine that is not on the class path
    }
  }

  private static Optional<String> processor() {
    Path file = Path.of("/proc/cpuinfo");
    if (!Files.isReadable(file)) {
      return Optional.empty(); // not Linux
    }
    try (Stream<String> lines = Files.lines(file)) {
      return lines
          .filter(line -> line.startsWith("model name"))
          .map(line -> line.replaceFirst(".*:\\s*", ""))
          .findFirst();
    } catch (IOException e) {
      return Optional.empty();
    }
  }
}
