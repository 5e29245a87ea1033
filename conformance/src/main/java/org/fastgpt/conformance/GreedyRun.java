package org.fastgpt.conformance;

import java.util.Arrays;

/**
 * One greedy continuation, an engine's beside the expected one. After a split the engine is fed the
 * expected ids (teacher forcing), so that one tie does not hide what follows.
 *
 * @param prompt the prompt's ids
 * @param expected the expected new ids
 * @param actual what the engine chose at each step
 * @param margins the expected logit of the first choice less that of the second, per step
 * @param errors the largest error of the expected top logits, per step
 * @param expectedText the expected ids as text; null without a vocabulary
 * @param actualText the engine's ids as text; null without a vocabulary
 */
public record GreedyRun(
    int[] prompt,
    int[] expected,
    int[] actual,
    double[] margins,
    double[] errors,
    String expectedText,
    String actualText) {

  /** The first step at which the ids differ, or -1. */
  public int split() {
    return Arrays.mismatch(expected, actual);
  }
}
