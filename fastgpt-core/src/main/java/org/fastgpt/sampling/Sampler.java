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

  private final GptConfig config;
  private final Penalties penalties;
  private final Warping warping;
  private final long seed;
  private final Scores scores;
  private final int[] counts;

  /**
   * For one sequence.
   *
   * @param seed the same seed gives the same text
   * @throws IllegalArgumentException penalties name a token that the model does not have
   */
  public Sampler(GptConfig config, Penalties penalties, Warping warping, long seed) {
    this(config, penalties, warping, seed, new Scores(config.nVocab()), new int[config.nVocab()]);
  }

  private Sampler(
      GptConfig config,
      Penalties penalties,
      Warping warping,
      long seed,
      Scores scores,
      int[] counts) {
    penalties.check(config);
    this.config = config;
    this.penalties = penalties;
    this.warping = warping;
    this.seed = seed;
    this.scores = scores;
    this.counts = counts;
  }

  /**
   * For another sequence, by the same buffers: they hold nothing between choices. For the same
   * thread.
   *
   * @throws IllegalArgumentException penalties name a token that the model does not have
   */
  public Sampler another(Penalties penalties, Warping warping, long seed) {
    return new Sampler(config, penalties, warping, seed, scores, counts);
  }

  /**
   * The seed of text {@code i}, from 0, of several that are drawn by one seed: of the first that
   * seed itself, of another 53 bits of SplitMix64's output {@code i}.
   */
  public static long seed(long seed, int i) {
    return Draws.seed(seed, i);
  }

  /**
   * What chooses by penalties and warping: greedy choice itself where they leave nothing else.
   *
   * @param seed asked for if tokens are drawn
   * @throws IllegalArgumentException penalties name a token that the model does not have
   */
  public static Chooser of(
      GptConfig config, Penalties penalties, Warping warping, LongSupplier seed) {
    if (warping.greedy() && penalties.none()) {
      return Chooser.GREEDY;
    }
    return new Sampler(config, penalties, warping, warping.greedy() ? 0 : seed.getAsLong());
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
    penalties.apply(scores.array(), counts, config.eosTokenId(), ids, promptLength, length);
    scores.begin();
    if (warping.greedy()) {
      return scores.first();
    }
    warping.apply(scores);
    return scores.draw(Draws.uniform(seed, length - promptLength));
  }
}
