package org.fastgpt;

import java.util.Arrays;
import java.util.function.IntPredicate;

/**
 * Greedy generation over any engine: each new token is the one with the largest logit, of several
 * the first.
 *
 * @param cached whether a step processes the new token alone; if not, the whole sequence again, as
 *     picoGPT and fastGPT's "no cache" runs do
 * @param stopAtEndOfText whether the end-of-text token ends it
 */
public record Generator(boolean cached, boolean stopAtEndOfText) {

  /** Why a generation ended. */
  public enum Stop {
    /** The number of tokens asked for is there. */
    LENGTH,
    /** The model chose end-of-text, which is not among the new tokens. */
    END_OF_TEXT,
    /** Prompt and new tokens fill the context. */
    CONTEXT_FULL,
    /** The receiver wanted no more. */
    CANCELLED
  }

  /** The new tokens, without the prompt, and why there are no more. */
  public record Result(int[] ids, Stop stop) {}

  /**
   * Continues {@code prompt} by up to {@code n} tokens; -1: as many as the context holds.
   *
   * @param session any session; what it holds is forgotten
   * @param prompt at least one token, and fewer than the context holds
   * @param each gets every new token as it comes; false ends the generation
   * @throws IllegalArgumentException the prompt is empty or has a token outside the vocabulary
   * @throws IllegalStateException the prompt leaves no room for a new token
   */
  public Result generate(
      Session session, GptConfig config, int[] prompt, int n, IntPredicate each) {
    checkRoom(config, prompt.length);
    int room = config.nCtx() - prompt.length;
    int wanted = n < 0 ? room : Math.min(n, room);
    int[] ids = Arrays.copyOf(prompt, prompt.length + wanted);
    session.rewind(0);
    int length = prompt.length;
    float[] logits = session.forward(prompt);
    for (; length < ids.length; length++) {
      int id = argmax(logits);
      if (stopAtEndOfText && id == config.eosTokenId()) {
        return result(ids, prompt.length, length, Stop.END_OF_TEXT);
      }
      ids[length] = id;
      if (!each.test(id)) {
        return result(ids, prompt.length, length + 1, Stop.CANCELLED);
      }
      if (length + 1 < ids.length) {
        logits = next(session, ids, length + 1);
      }
    }
    Stop stop = n < 0 || n > room ? Stop.CONTEXT_FULL : Stop.LENGTH;
    return result(ids, prompt.length, length, stop);
  }

  /**
   * Checks that a prompt leaves room for at least one new token.
   *
   * @throws IllegalStateException it does not
   */
  public static void checkRoom(GptConfig config, int promptLength) {
    if (promptLength >= config.nCtx()) {
      throw new IllegalStateException(
          "the prompt of "
              + promptLength
              + " tokens leaves no room for a new one: n_ctx = "
              + config.nCtx()
              + "; shorten it");
    }
  }

  /** The logits after the first {@code length} ids. */
  private float[] next(Session session, int[] ids, int length) {
    if (cached) {
      return session.forward(ids[length - 1]);
    }
    session.rewind(0);
    return session.forward(Arrays.copyOf(ids, length));
  }

  private static Result result(int[] ids, int from, int to, Stop stop) {
    return new Result(Arrays.copyOfRange(ids, from, to), stop);
  }

  /** The index of the largest value, of several the first. */
  public static int argmax(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      if (logits[i] > logits[best]) {
        best = i;
      }
    }
    return best;
  }
}
