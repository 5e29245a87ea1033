package org.fastgpt.sampling;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.fastgpt.Chooser;

/**
 * Another chooser, with what the model thought of each choice: log probabilities by the model
 * alone, before any penalty or warping. Log-softmax in double. For one thread.
 */
public final class LogProbabilities implements Chooser {

  /** A token and its natural logarithm of probability. */
  public record Likely(int id, double logProbability) {}

  /**
   * One choice.
   *
   * @param top the likeliest tokens, the likeliest first
   */
  public record Step(Likely chosen, List<Likely> top) {}

  private final Chooser chooser;
  private final int top;
  private final List<Step> steps = new ArrayList<>();
  private final Ranking ranking;
  private final double[] log; // by id
  private final int[] all; // ids

  /**
   * Watches {@code chooser}.
   *
   * @param top how many of the likeliest tokens, in [0, nVocab]
   */
  public LogProbabilities(Chooser chooser, int top, int nVocab) {
    this(
        chooser,
        top,
        new Ranking(nVocab),
        new double[nVocab],
        IntStream.range(0, nVocab).toArray());
  }

  private LogProbabilities(Chooser chooser, int top, Ranking ranking, double[] log, int[] all) {
    int n = all.length;
    Range.check("top log-probs", top, top >= 0 && top <= n, "a number in [0, " + n + "]");
    this.chooser = chooser;
    this.top = top;
    this.ranking = ranking;
    this.log = log;
    this.all = all;
  }

  /**
   * Watches another chooser, of another sequence, by the same buffers: they hold nothing between
   * choices. For the same thread.
   */
  public LogProbabilities another(Chooser chooser, int top) {
    return new LogProbabilities(chooser, top, ranking, log, all);
  }

  @Override
  public int choose(float[] logits, int[] ids, int promptLength, int length) {
    int chosen = chooser.choose(logits, ids, promptLength, length);
    logSoftmax(logits, log);
    ranking.begin(log, all, all.length);
    var likely = new ArrayList<Likely>();
    while (likely.size() < top) {
      int id = ranking.poll();
      likely.add(new Likely(id, log[id]));
    }
    steps.add(new Step(new Likely(chosen, log[chosen]), List.copyOf(likely)));
    return chosen;
  }

  /** All choices so far, one that ended the text included. */
  public List<Step> steps() {
    return List.copyOf(steps);
  }

  /**
   * log(exp(x) / sum of exp(x)), in double: the largest is taken off first, sums in rising order.
   * {@code logits, out [n_vocab]}.
   */
  static void logSoftmax(float[] logits, double[] out) {
    double largest = Double.NEGATIVE_INFINITY;
    for (float logit : logits) {
      largest = Math.max(largest, logit);
    }
    double sum = 0;
    for (float logit : logits) {
      sum += StrictMath.exp(logit - largest);
    }
    double log = largest + StrictMath.log(sum);
    for (int i = 0; i < out.length; i++) {
      out[i] = logits[i] - log;
    }
  }
}
