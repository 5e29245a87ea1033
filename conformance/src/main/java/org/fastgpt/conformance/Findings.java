package org.fastgpt.conformance;

import java.util.List;
import java.util.Map;

/**
 * All that one run of the suite found.
 *
 * @param verdicts engine by engine, model by model, in the order of the rules
 * @param evidence what was measured
 * @param mutants which rules caught which deliberately broken engine; empty where that was not
 *     tried
 * @param environment machine, versions, hashes of models, by name, in order
 */
public record Findings(
    List<Verdict> verdicts,
    List<Evidence> evidence,
    List<Mutant> mutants,
    Map<String, String> environment) {

  /**
   * A deliberately broken engine.
   *
   * @param name such as {@code erf-gelu}
   * @param what what is broken in it
   * @param caughtBy the rules that found a fault
   */
  public record Mutant(String name, String what, List<Rule> caughtBy) {}
}
