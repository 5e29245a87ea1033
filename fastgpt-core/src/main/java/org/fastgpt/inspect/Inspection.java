package org.fastgpt.inspect;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import org.fastgpt.sampling.LogProbabilities.Likely;

/**
 * What was seen while a model read a text.
 *
 * @param ids the text [n_seq]
 * @param expectations one after each token [n_seq]: index t is of token t + 1, and the last of what
 *     would come after the text
 * @param lens the rows of the logit lens: the embedding, then each block; none if it was not asked
 *     for, or the engine does not show them
 * @param attention of each head that was asked for, and shown, its weights: row t has t + 1 of
 *     them, those of the positions that token t sees
 */
public record Inspection(
    int[] ids,
    List<Expectation> expectations,
    List<Layer> lens,
    SortedMap<Head, float[][]> attention) {

  /**
   * The model's distribution of one token, and how it took the one that came.
   *
   * @param logProbability of the token that came, in nats; NaN after the last
   * @param rank of the token that came, the likeliest being 1; 0 after the last
   * @param entropyBits how unsure the model was, whatever came
   * @param top the likeliest tokens, the likeliest first
   */
  public record Expectation(
      double logProbability, int rank, double entropyBits, List<Likely> top) {}

  /** A row of the logit lens: of the residual stream {@code name}, a reading at each position. */
  public record Layer(String name, List<Reading> readings) {}

  /**
   * What a residual stream says if it is read as the last one is.
   *
   * @param top the likeliest next token
   * @param logProbability of the token that came next, in nats; NaN at the last position
   * @param rank of the token that came next; 0 at the last position
   */
  public record Reading(Likely top, double logProbability, int rank) {}

  /** A head of attention, both numbers from 0. */
  public record Head(int layer, int head) implements Comparable<Head> {
    private static final Comparator<Head> ORDER =
        Comparator.comparingInt(Head::layer).thenComparingInt(Head::head);

    @Override
    public int compareTo(Head other) {
      return ORDER.compare(this, other);
    }

    @Override
    public String toString() {
      return layer + "." + head;
    }
  }

  /** What the model expected of token {@code t}; nothing of the first, which none comes before. */
  public Optional<Expectation> of(int t) {
    return t == 0 ? Optional.empty() : Optional.of(expectations.get(t - 1));
  }
}
