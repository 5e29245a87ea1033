package org.fastgpt.core;

import org.fastgpt.GptConfig;

/**
 * How far float32 logits and activations may be from exact ones, from the sizes alone.
 *
 * <p>A sum of n products in one chain makes n roundings, each of half an ulp at most of a partial
 * sum that grows as sqrt(i): independent roundings add up to 2⁻²⁴ sqrt(n / 6) of the sum's typical
 * size, in quadratic mean. A block makes four such sums, of n_embd, n_embd, n_embd and n_inner
 * terms (its other roundings are few and small beside them), and layer norm keeps relative errors
 * as they are; so the errors of L blocks and the head add up in squares. The largest of many
 * outputs lies within some six of these mean deviations.
 */
final class RoundingModel {
  private RoundingModel() {}

  private static final double HALF_ULP = 0x1p-24;
  private static final double DEVIATIONS = 6;

  /** Bound on the error of any logit, relative to the largest logit. */
  static double logits(GptConfig c) {
    return afterBlocks(c, c.nLayer());
  }

  /** Bound on the error of an activation of block {@code l}, relative to the tensor's largest. */
  static double activation(GptConfig c, int l) {
    return afterBlocks(c, l + 1);
  }

  private static double afterBlocks(GptConfig c, int blocks) {
    double terms = blocks * (3.0 * c.nEmbd() + c.nInner()) + c.nEmbd();
    return DEVIATIONS * HALF_ULP * Math.sqrt(terms / 6);
  }
}
