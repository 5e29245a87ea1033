package org.fastgpt;

/**
 * Softmax of the logits at one position: how likely each token of the vocabulary is there.
 *
 * <p>log p = logit - log sum exp(logits), from the float32 logits on in float64, the sum in the
 * order of the ids, with StrictMath: equal logits give equal bits everywhere.
 */
public final class Distribution {

  private static final double NATS_PER_BIT = StrictMath.log(2);

  private final float[] logits;
  private final float max;
  private final double sum; // of exp(logit - max)
  private final double logSum;

  /**
   * Looks at {@code logits [n_vocab]}, which it does not copy.
   *
   * @throws IllegalStateException they have no softmax
   */
  public Distribution(float[] logits) {
    this.logits = logits;
    float largest = Float.NEGATIVE_INFINITY;
    for (float logit : logits) {
      largest = Math.max(largest, logit);
    }
    max = largest;
    double total = 0;
    for (float logit : logits) {
      total += StrictMath.exp((double) logit - max); // in [0, 1]: no overflow
    }
    if (Double.isNaN(total)) {
      throw new IllegalStateException(
          "logits that are numbers expected, NaN or infinity found: are the weights damaged?");
    }
    sum = total;
    logSum = StrictMath.log(sum);
  }

  /** log p of token {@code id}, in nats. */
  public double logProbability(int id) {
    return (double) logits[id] - max - logSum;
  }

  /** The place of {@code id} by falling logits, from 1 on; of equal ones the lower id is first. */
  public int rank(int id) {
    int before = 0;
    for (int i = 0; i < logits.length; i++) {
      if (logits[i] > logits[id] || (logits[i] == logits[id] && i < id)) {
        before++;
      }
    }
    return before + 1;
  }

  /** -sum p log2 p: 0 where one token is certain, log2 n_vocab where all are alike. */
  public double entropyBits() {
    double below = 0; // how far, on average, a logit is below the largest
    for (float logit : logits) {
      double d = (double) max - logit;
      double e = StrictMath.exp(-d);
      below += e > 0 ? e * d : 0; // a logit may be -infinity: p = 0, and 0 log 0 = 0
    }
    return (logSum + below / sum) / NATS_PER_BIT;
  }

  /**
   * The {@code n} likeliest tokens by falling logits, of equal ones the lower id first; all of the
   * vocabulary if it has no more. For a few: the time is O(n_vocab * n) at worst.
   */
  public int[] top(int n) {
    int[] top = new int[Math.min(n, logits.length)];
    int size = 0;
    for (int id = 0; id < logits.length && top.length > 0; id++) {
      if (size == top.length && !(logits[id] > logits[top[size - 1]])) {
        continue;
      }
      int at = size == top.length ? size - 1 : size++;
      while (at > 0 && logits[id] > logits[top[at - 1]]) {
        top[at] = top[at - 1];
        at--;
      }
      top[at] = id;
    }
    return top;
  }
}
