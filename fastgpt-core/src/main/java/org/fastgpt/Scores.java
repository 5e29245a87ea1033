package org.fastgpt;

import java.util.Arrays;

/**
 * What a model thought of the tokens of a text: see {@link Scorer}. Log-probabilities are natural,
 * in nats. A token may be without a score: the first, which nothing comes before, those that are
 * context only, and those that begin a window.
 */
public final class Scores {

  private final double[] logProbabilities; // [n_seq]; NaN: no score
  private final int[] ranks; // [n_seq]; 0: no score
  private int count;
  private double sum;
  private boolean greedy = true;

  Scores(int n) {
    logProbabilities = new double[n];
    Arrays.fill(logProbabilities, Double.NaN);
    ranks = new int[n];
  }

  void add(int t, double logProbability, int rank) {
    logProbabilities[t] = logProbability;
    ranks[t] = rank;
    count++;
    sum += logProbability;
    greedy &= rank == 1;
  }

  /** Whether token {@code t} of the text has a score. */
  public boolean has(int t) {
    return ranks[t] > 0;
  }

  /** log p of token {@code t}, given the tokens before it in its window; NaN if it has no score. */
  public double logProbability(int t) {
    return logProbabilities[t];
  }

  /**
   * The place of token {@code t} among all of the vocabulary, the likeliest being 1; of equal ones
   * the lower id is first, as in {@link Generator#argmax}. 0 if it has no score.
   */
  public int rank(int t) {
    return ranks[t];
  }

  /** Number of tokens with a score. */
  public int count() {
    return count;
  }

  /** Sum of all log-probabilities, in the order of the text. */
  public double sum() {
    return sum;
  }

  /** Mean log-probability of a token; NaN if none has a score. */
  public double mean() {
    return sum / count;
  }

  /** exp(-mean): among how many tokens, equally likely, the model would be as unsure. */
  public double perplexity() {
    return StrictMath.exp(-mean());
  }

  /** Whether greedy generation would have chosen every token that has a score. */
  public boolean isGreedy() {
    return greedy;
  }
}
