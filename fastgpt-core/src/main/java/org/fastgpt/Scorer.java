package org.fastgpt;

import java.util.Arrays;
import java.util.function.Consumer;

/**
 * Log-probabilities of the tokens of a given text, over any engine.
 *
 * <p>A text longer than the context is read through a window that moves on by {@code stride}
 * tokens. Each token is scored once, in the first window that it is in, where the most tokens come
 * before it; the first token of a window has none before it and gets no score there. So with {@code
 * stride < window} all tokens but the text's first are scored, with {@code stride == window} all
 * but each window's first. As "Perplexity of fixed-length models" in HuggingFace's documentation.
 *
 * <p>log p is that of {@link Distribution}: equal logits give equal bits everywhere. One position's
 * logits are looked at at a time, so memory does not grow with the text but for 12 bytes per token.
 *
 * @param window tokens that are seen at once, at least 2. A token that is only scored, and not
 *     context for another, needs no position: n_ctx + 1 at most
 * @param stride tokens by which the window moves on, in [1, window]
 */
public record Scorer(int window, int stride) {

  private static final int DEFAULT_STRIDE = 512;

  public Scorer {
    if (window < 2) {
      throw new IllegalArgumentException("window " + window + ": at least 2 tokens expected");
    }
    if (stride < 1 || stride > window) {
      throw new IllegalArgumentException(
          "stride "
              + stride
              + " is not in [1, "
              + window
              + "], the window: tokens would be missed");
    }
  }

  /** For texts of up to n_ctx + 1 tokens: one window. */
  public static Scorer whole(GptConfig config) {
    return new Scorer(config.nCtx() + 1, config.nCtx() + 1);
  }

  /** The stride that is usual for a window: 512, or half of a window smaller than 1024. */
  public static int defaultStride(int window) {
    return Math.min(DEFAULT_STRIDE, window / 2);
  }

  /**
   * Checks that {@link #whole} sees a text at once.
   *
   * @throws IllegalArgumentException it is too long
   */
  public static void checkFits(GptConfig config, int tokens) {
    if (tokens - 1 > config.nCtx()) {
      throw new IllegalArgumentException(
          "the text of "
              + tokens
              + " tokens is too long to be seen at once: n_ctx = "
              + config.nCtx()
              + "; shorten it, or use --window");
    }
  }

  /** As the other, with nothing to do after a window. */
  public Scores score(Session session, GptConfig config, int[] ids, int first) {
    return score(session, config, ids, first, _ -> {});
  }

  /**
   * Scores {@code ids[first..]}; those before are context only.
   *
   * @param session any session; what it holds is forgotten
   * @param first 0 for all that have a token before them
   * @param each gets the scores so far after every window
   * @throws IllegalArgumentException a token outside the vocabulary, first outside the text, or a
   *     window that the context cannot hold
   * @throws IllegalStateException the logits are not numbers
   */
  public Scores score(
      Session session, GptConfig config, int[] ids, int first, Consumer<Scores> each) {
    checkWindow(config);
    if (first < 0 || first > ids.length) {
      throw new IllegalArgumentException(
          "first " + first + " is outside the text of " + ids.length + " tokens");
    }
    if (ids.length > 0) { // an empty text has no scores, and that is no mistake
      config.checkIds(ids);
    }
    var scores = new Scores(ids.length);
    int done = first;
    for (int from = 0; done < ids.length; from += stride) {
      int to = Math.min(ids.length, from + window);
      int start = Math.max(from + 1, done);
      if (start < to) {
        scoreWindow(session, ids, from, start, to, scores);
        each.accept(scores);
      }
      done = Math.max(done, to);
    }
    return scores;
  }

  /**
   * Checks that the context can hold the window.
   *
   * @throws IllegalArgumentException it cannot
   */
  public void checkWindow(GptConfig config) {
    if (window - 1 > config.nCtx()) {
      throw new IllegalArgumentException(
          "window " + window + " is too large: at most n_ctx + 1 = " + (config.nCtx() + 1));
    }
  }

  /** Scores {@code ids[start..to)} given those from {@code from} on. */
  private static void scoreWindow(
      Session session, int[] ids, int from, int start, int to, Scores scores) {
    session.rewind(0);
    if (start - 1 > from) { // without the logits of what is only context
      session.forward(Arrays.copyOfRange(ids, from, start - 1));
    }
    session.forward(
        Arrays.copyOfRange(ids, start - 1, to - 1),
        (position, logits) -> {
          int t = from + position + 1;
          var distribution = new Distribution(logits);
          scores.add(t, distribution.logProbability(ids[t]), distribution.rank(ids[t]));
        });
  }
}
