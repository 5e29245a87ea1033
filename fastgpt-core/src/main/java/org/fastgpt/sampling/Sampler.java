package org.fastgpt.sampling;

import java.security.SecureRandom;
import java.util.function.LongSupplier;
import org.fastgpt.Chooser;
import org.fastgpt.GptConfig;

/**
 * Draws each token, or takes the likeliest, by penalties and warping. All buffers are allocated
 * once. For one thread.
 */
public final class Sampler implements Chooser {

  private final Penalties penalties;
  private final Warping warping;
  private final long seed;
  private final int row;
  private final int eos;
  private final Scores scores;
  private final int[] counts;

  /**
   * For one sequence.
   *
   * @param seed which texts: the same seed gives the same ones
   * @param row which of the texts of that seed: the sequence's place in a batch, 0 if alone
   * @throws IllegalArgumentException penalties name a token that the model does not have
   */
  public Sampler(GptConfig config, Penalties penalties, Warping warping, long seed, int row) {
    penalties.check(config);
    this.penalties = penalties;
    this.warping = warping;
    this.seed = seed;
    this.row = row;
    eos = config.eosTokenId();
    scores = new Scores(config.nVocab());
    counts = new int[config.nVocab()];
  }

  /**
   * What chooses by penalties and warping: greedy choice itself where they leave nothing else.
   *
   * @param seed asked for if tokens are drawn
   * @throws IllegalArgumentException penalties name a token that the model does not have
   */
  public static Chooser of(
      GptConfig config, Penalties penalties, Warping warping, LongSupplier seed) {
    if (warping.greedy() && penalties.equals(Penalties.NONE)) {
      return Chooser.GREEDY;
    }
    return new Sampler(config, penalties, warping, warping.greedy() ? 0 : seed.getAsLong(), 0);
  }

  /** A seed to draw by if none was given; short enough to be typed. */
  public static long freshSeed() {
    return new SecureRandom().nextInt() & 0xffffffffL;
  }

  /**
   * {@inheritDoc}
   *
   * @throws IllegalStateException the penalties forbid every token, or a logit is no number
   */
  @Override
  public int choose(float[] logits, int[] ids, int promptLength, int length) {
    scores.load(logits);
    penalties.apply(scores.array(), counts, eos, ids, promptLength, length);
    scores.begin();
    if (warping.greedy()) {
      return scores.first();
    }
    warping.apply(scores);
    return scores.draw(Draws.uniform(seed, row, length - promptLength));
  }
}
