package org.fastgpt.sampling;

import java.util.List;

/**
 * What is added to the score of the last of {@code ids} where the text ends with the others.
 *
 * @param ids one id, or the ids of a phrase; not empty
 * @param amount any number; -∞ forbids
 */
public record Bias(List<Integer> ids, double amount) {

  public Bias {
    ids = List.copyOf(ids);
    if (ids.isEmpty()) {
      throw new IllegalArgumentException("a bias, or a bad word, without ids");
    }
    if (!(amount < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("bias " + amount + ": a number expected, or -Infinity");
    }
  }

  /** A phrase that must not come. */
  public static Bias forbidding(List<Integer> ids) {
    return new Bias(ids, Double.NEGATIVE_INFINITY);
  }

  /** Whether {@code text[0, length)} ends with all of the ids but the last. */
  boolean applies(int[] text, int length) {
    int prefix = ids.size() - 1;
    if (prefix > length) {
      return false;
    }
    for (int i = 0; i < prefix; i++) {
      if (text[length - prefix + i] != ids.get(i)) {
        return false;
      }
    }
    return true;
  }

  int last() {
    return ids.getLast();
  }
}
