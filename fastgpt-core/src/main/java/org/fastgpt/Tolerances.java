package org.fastgpt;

/**
 * How far float32 results may be from exact ones: derived from sizes and rounding, never fitted. In
 * one place, for the tests of all modules and for the conformance report, which shows each beside
 * what was measured.
 *
 * <p>A sum of n products in one chain makes n roundings, each of half an ulp at most of a partial
 * sum that grows as sqrt(i): independent roundings add up to 2⁻²⁴ sqrt(n / 6) of the sum's typical
 * size, in quadratic mean; any other order of summing errs less. A block makes four such sums, of
 * n_embd, n_embd, n_embd and n_inner terms (its other roundings are few and small beside them), and
 * layer norm keeps relative errors as they are; so the errors of L blocks and the head add up in
 * squares. The largest of many outputs lies within some six of these mean deviations.
 */
public final class Tolerances {
  private Tolerances() {}

  private static final double HALF_ULP = 0x1p-24;
  private static final double DEVIATIONS = 6;

  /**
   * Error of a sum of n terms, or products, in any order, relative to the sum of their magnitudes.
   * The worst case: every one of n roundings half an ulp of all that there is.
   */
  public static double sum(int n) {
    return n * HALF_ULP;
  }

  /**
   * Error of fastGPT's {@code fast_tanh} against tanh, absolute. Its polynomial is least good where
   * it ends, at ±5: it errs by 0.00302 there in exact arithmetic, and float32, in which its terms
   * cancel, adds 0.00027. Of {@code gelu(x)} the error is |x| / 2 times that. It has a direction
   * and does not average out, so nothing useful can be said beforehand of the logits.
   */
  public static final double FAST_TANH = 0.0033;

  /** Error of any logit, relative to the largest logit of its row. */
  public static double logits(GptConfig c) {
    return afterBlocks(c, c.nLayer());
  }

  /**
   * Error of any element of an activation, relative to the largest of the tensor.
   *
   * @param name as of {@link Probe#names}
   */
  public static double activation(GptConfig c, String name) {
    if (name.equals("embd")) {
      return 2 * HALF_ULP; // one addition
    }
    int blocks = name.startsWith("h.") ? 1 + Integer.parseInt(name.split("\\.", 3)[1]) : c.nLayer();
    return afterBlocks(c, blocks);
  }

  /** Between two engines, each within its bound of the exact result. */
  public static double betweenTwo(double bound) {
    return 2 * bound;
  }

  /**
   * Error of a mean of -log p over many tokens, given the bound of a logit: log p is a logit less a
   * log-sum-exp, which errs no more than its logits do.
   */
  public static double meanLogProbability(double logitBound) {
    return 2 * logitBound;
  }

  /**
   * The fp64 judge against HuggingFace in float64, relative to the largest: the same rounding with
   * 29 more bits, in each of the two.
   */
  public static double oracle(GptConfig c) {
    return betweenTwo(logits(c)) * 0x1p-29;
  }

  private static double afterBlocks(GptConfig c, int blocks) {
    double terms = blocks * (3.0 * c.nEmbd() + c.nInner()) + c.nEmbd();
    return DEVIATIONS * HALF_ULP * Math.sqrt(terms / 6);
  }
}
