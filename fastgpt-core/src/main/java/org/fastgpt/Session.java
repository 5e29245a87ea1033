package org.fastgpt;

/**
 * One sequence of tokens with its KV cache. For one thread at a time.
 *
 * <p>The same ids give the same logits however they are split into calls (bit for bit where the
 * engine promises it). A call that throws {@link IllegalArgumentException} or {@link
 * IllegalStateException} has changed nothing. What a session can do beyond this, it says by
 * implementing {@link Forkable}.
 */
public interface Session extends AutoCloseable {

  /** Number of tokens taken in so far; the next one gets this position. */
  int position();

  /**
   * Appends {@code ids} to the sequence and returns the logits [n_vocab] that follow the last one.
   * The array belongs to the session: the next call overwrites it.
   *
   * @throws IllegalArgumentException no ids, or one outside the vocabulary
   * @throws IllegalStateException more ids than positions left, or the session is closed
   */
  float[] forward(int... ids);

  /**
   * Appends {@code ids} and hands over the logits at every new position, in rising order.
   *
   * @throws IllegalArgumentException as {@link #forward(int...)}
   * @throws IllegalStateException as {@link #forward(int...)}
   */
  void forward(int[] ids, LogitsSink each);

  /**
   * Forgets all tokens from {@code position} on, so that the sequence goes on from there. {@code
   * rewind(0)} is a fresh session.
   *
   * @throws IllegalArgumentException position is not in [0, position()]
   * @throws IllegalStateException the session is closed
   */
  void rewind(int position);

  /**
   * Shows the activations of all following forward calls to {@code probe}; null ends it.
   *
   * @return whether this engine can show any; one that returns false is "not observed"
   */
  default boolean observe(Probe probe) {
    return false;
  }

  @Override
  void close();

  /** Takes the logits of one position. */
  @FunctionalInterface
  interface LogitsSink {
    /** {@code logits} [n_vocab] belongs to the session: valid during the call only. */
    void accept(int position, float[] logits);
  }
}
