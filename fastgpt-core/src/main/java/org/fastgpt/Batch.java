package org.fastgpt;

import java.util.BitSet;

/**
 * Sequences that are continued together; each has a row, which comes and goes between steps. For
 * one thread at a time.
 *
 * <p>The logits of a row are those that a {@link Session} of its own would give: bit for bit where
 * the engine promises {@link Promise#SAME_BITS_HOWEVER_SPLIT}. A call that throws {@link
 * IllegalArgumentException} or {@link IllegalStateException} of its own has changed nothing.
 */
public interface Batch extends AutoCloseable {

  /** A batch of up to {@code rows} sequences by any engine: if need be, of sessions. */
  static Batch of(Engine engine, int rows) {
    if (rows < 1) {
      throw new IllegalArgumentException("a batch of " + rows + " rows: at least one expected");
    }
    return engine instanceof Batching batching
        ? batching.newBatch(rows)
        : new SessionBatch(engine, rows);
  }

  /** A batch as by {@link #of} whose rows can be forked; if the engine's cannot, of sessions. */
  static Batch forking(Engine engine, int rows) {
    Batch batch = of(engine, rows);
    if (batch.forks()) {
      return batch;
    }
    batch.close();
    return new SessionBatch(engine, rows);
  }

  /**
   * Opens a row for a new sequence, empty as yet.
   *
   * @return its slot, in [0, rows)
   * @throws IllegalStateException all rows are in use, or the batch is closed
   */
  int add();

  /** Whether {@link #fork} is to be had. */
  default boolean forks() {
    return false;
  }

  /**
   * Opens a row that holds the same sequence as another; from here on each goes its own way.
   *
   * @return its slot, in [0, rows)
   * @throws IllegalArgumentException no row has that slot
   * @throws IllegalStateException all rows are in use, or the batch is closed
   * @throws UnsupportedOperationException the rows of this batch cannot be forked
   */
  default int fork(int slot) {
    throw new UnsupportedOperationException("the rows of this batch cannot be forked");
  }

  /**
   * Number of tokens that a row has taken in.
   *
   * @throws IllegalArgumentException no row has that slot
   */
  int position(int slot);

  /**
   * Appends {@code ids[i]} to the row {@code slots[i]}, a prompt or one token, and hands over the
   * logits that follow its last one, row after row. Rows not named stay as they are.
   *
   * @throws IllegalArgumentException no rows, one that is not there or named twice, no ids for one,
   *     or an id outside the vocabulary
   * @throws IllegalStateException more ids for a row than positions left, or the batch is closed
   */
  void step(int[] slots, int[][] ids, LogitsSink each);

  /**
   * Ends a row; its slot is free again.
   *
   * @throws IllegalArgumentException no row has that slot
   */
  void remove(int slot);

  @Override
  void close();

  /** Takes the logits of one row. */
  @FunctionalInterface
  interface LogitsSink {
    /** {@code logits} [n_vocab] belongs to the batch: valid during the call only. */
    void accept(int slot, float[] logits);
  }

  /** What every batch checks before a step; throws as {@link #step}. */
  static void checkStep(Batch batch, GptConfig config, int[] slots, int[][] ids) {
    if (slots.length == 0 || slots.length != ids.length) {
      throw new IllegalArgumentException(
          slots.length + " rows and ids for " + ids.length + ": as many expected, at least one");
    }
    var named = new BitSet();
    for (int i = 0; i < slots.length; i++) {
      config.checkInput(ids[i], batch.position(slots[i]));
      if (named.get(slots[i])) {
        throw new IllegalArgumentException("row " + slots[i] + " is named twice in one step");
      }
      named.set(slots[i]);
    }
  }
}
