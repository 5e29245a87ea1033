package org.fastgpt;

/** What an {@link Engine} also is if several sequences can share one reading of its weights. */
public interface Batching {

  /** A new batch of up to {@code rows} sequences, none as yet. */
  Batch newBatch(int rows);
}
