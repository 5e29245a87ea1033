package org.fastgpt.conformance;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What the tests of this JVM have found so far, until a report is made of it. */
public final class Suite {
  private Suite() {}

  private static final List<Verdict> VERDICTS = new ArrayList<>();
  private static final List<Evidence> EVIDENCE = new ArrayList<>();
  private static final List<Findings.Mutant> MUTANTS = new ArrayList<>();
  private static final Map<String, String> UNAVAILABLE = new LinkedHashMap<>();
  private static final Map<String, String> WEIGHTS = new LinkedHashMap<>();

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
    var environment = Environment.of();
    WEIGHTS.forEach((model, sha) -> environment.put("weights of " + model, "SHA-256 " + sha));
    UNAVAILABLE.forEach((what, why) -> environment.put("not opened: " + what, why));
    return environment;
  }
}
