package org.fastgpt.sampling;

import java.util.Arrays;

/**
 * The scores of one choice, in double, and which ids are still in it. Buffers are allocated once.
 * Probabilities are exp(score - largest) by {@link StrictMath} over their sum in rising order of
 * ids: the same bits everywhere.
 */
final class Scores {

  private final double[] score; // by id; -∞: forbidden
  private final double[] weight; // exp(score - largest), by id; of kept ids only
  private final double[] typicality; // by id; of kept ids only
  private final int[] kept; // ids that are in, rising
  private final Ranking ranking;
  private int n; // of kept
  private double largest;
  private double total; // of weight

  Scores(int nVocab) {
    score = new double[nVocab];
    weight = new double[nVocab];
    typicality = new double[nVocab];
    kept = new int[nVocab];
    ranking = new Ranking(nVocab);
  }

  void load(float[] logits) {
    for (int i = 0; i < score.length; i++) {
      score[i] = logits[i];
    }
  }

  void load(double[] logits) {
    System.arraycopy(logits, 0, score, 0, score.length);
  }

  /** Scores by id, to be changed before {@link #begin}. */
  double[] array() {
    return score;
  }

  /**
   * All ids are in that are not forbidden.
   *
   * @throws IllegalStateException all are forbidden, or a score is no number
   */
  void begin() {
    n = 0;
    largest = Double.NEGATIVE_INFINITY;
    for (int id = 0; id < score.length; id++) {
      if (!(score[id] < Double.POSITIVE_INFINITY)) {
        throw new IllegalStateException(
            "the logit of token " + id + " is " + score[id] + ": a finite number expected");
      }
      if (score[id] > Double.NEGATIVE_INFINITY) {
        kept[n++] = id;
        largest = Math.max(largest, score[id]);
      }
    }
    if (n == 0) {
      throw new IllegalStateException(
          "every token is forbidden: fewer bad words, or a longer n-gram that must not repeat");
    }
  }

  /** The id with the largest score, of several the lowest. */
  int first() {
    for (int i = 0; i < n; i++) {
      if (score[kept[i]] == largest) {
        return kept[i];
      }
    }
    throw new AssertionError("the largest score is somewhere");
  }

  /** Divides by the temperature; the largest becomes 0, so that none overflows. */
  void divide(double temperature) {
    for (int i = 0; i < n; i++) {
      score[kept[i]] = (score[kept[i]] - largest) / temperature;
    }
    largest = 0;
  }

  /** Keeps the {@code k} largest, and those equal to the last of them. */
  void topK(int k) {
    if (k >= n) {
      return;
    }
    ranking.begin(score, kept, n);
    n = 0;
    while (n < k || (!ranking.isEmpty() && ranking.next() == score[kept[n - 1]])) {
      kept[n++] = ranking.poll();
    }
    Arrays.sort(kept, 0, n);
  }

  /** Keeps the fewest that together have probability {@code p}, the likeliest first. */
  void topP(double p) {
    weigh();
    ranking.begin(score, kept, n);
    n = 0;
    double before = 0;
    do {
      kept[n] = ranking.poll();
      before += weight[kept[n++]] / total;
    } while (before < p && !ranking.isEmpty());
    Arrays.sort(kept, 0, n);
  }

  /** Keeps those at least {@code p} times as likely as the likeliest. */
  void minP(double p) {
    double least = largest + StrictMath.log(p);
    int m = n;
    n = 0;
    for (int i = 0; i < m; i++) {
      if (score[kept[i]] >= least) {
        kept[n++] = kept[i];
      }
    }
  }

  /**
   * Keeps the fewest that together have probability {@code p}, those first whose surprise -log
   * probability is nearest to the expected one, and those equal to the last of them.
   */
  void typicalP(double p) {
    weigh();
    double log = largest + StrictMath.log(total);
    double entropy = 0;
    for (int i = 0; i < n; i++) {
      if (weight[kept[i]] > 0) { // 0 log 0 = 0
        entropy += (log - score[kept[i]]) * (weight[kept[i]] / total);
      }
    }
    for (int i = 0; i < n; i++) {
      typicality[kept[i]] = -Math.abs(log - score[kept[i]] - entropy);
    }
    ranking.begin(typicality, kept, n);
    n = 0;
    double mass = 0;
    while (!ranking.isEmpty()
        && (n == 0 || mass < p || ranking.next() == typicality[kept[n - 1]])) {
      kept[n] = ranking.poll();
      mass += weight[kept[n++]] / total;
    }
    Arrays.sort(kept, 0, n);
    relead();
  }

  /** The likeliest may be the least typical. */
  private void relead() {
    largest = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < n; i++) {
      largest = Math.max(largest, score[kept[i]]);
    }
  }

  private void weigh() {
    total = 0;
    for (int i = 0; i < n; i++) {
      weight[kept[i]] = StrictMath.exp(score[kept[i]] - largest);
      total += weight[kept[i]];
    }
  }

  /** The id below whose end the fraction {@code u} in [0, 1) of all probability lies. */
  int draw(double u) {
    weigh();
    double sum = 0;
    for (int i = 0; i < n; i++) {
      sum += weight[kept[i]];
      if (u * total < sum) {
        return kept[i];
      }
    }
    throw new AssertionError("u < 1, and sum and total are the same additions");
  }

  /** Number of ids that are in. */
  int count() {
    return n;
  }

  /** The ids that are in, rising. */
  int[] kept() {
    return Arrays.copyOf(kept, n);
  }

  /** Their probabilities. */
  double[] probabilities() {
    weigh();
    return Arrays.stream(kept, 0, n).mapToDouble(id -> weight[id] / total).toArray();
  }
}
