package org.fastgpt.conformance;

/**
 * What a rule found of an engine on a model.
 *
 * @param measured the error found, in the unit of the bound; NaN where the rule measures none
 * @param bound what it may be; NaN where the rule measures none
 * @param ties how many choices were numerical ties: ids differ, and the gap of the logits is within
 *     what rounding explains
 * @param detail one line: of a fault what was found and expected and where it begins; of a rule
 *     that did not run why
 */
public record Verdict(
    Rule rule,
    String engine,
    String model,
    Outcome outcome,
    double measured,
    double bound,
    int ties,
    String detail) {

  /** How a rule ended. */
  public enum Outcome {
    /** The engine keeps the rule. */
    PASS,
    /** It keeps the rule but for numerical ties. */
    TIE,
    /** It breaks the rule. */
    FAULT,
    /** The rule binds only engines that promise it, and this one does not. */
    NOT_PROMISED,
    /** The engine does not show what the rule looks at. */
    NOT_OBSERVED,
    /** The rule needs something of the model, such as a vocabulary, that is not there. */
    NOT_APPLICABLE
  }
}
