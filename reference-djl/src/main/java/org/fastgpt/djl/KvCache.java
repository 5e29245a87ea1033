package org.fastgpt.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;

/**
 * Key and value of each layer [B, H, P, D] for a batch of sequences. Everything native lives in a
 * manager that is closed: in this one, or in that of a step. Nothing waits for the garbage
 * collector.
 */
final class KvCache implements AutoCloseable {
  private final DjlEngine engine;
  private final NDManager manager;
  private NDList past = new NDList();
  private int length;

  KvCache(DjlEngine engine) {
    this.engine = engine;
    this.manager = engine.newManager();
  }

  /** Number of positions, padding included. */
  int length() {
    return length;
  }

  /**
   * Appends tokens. Nothing has changed if it throws.
   *
   * @param ids [B, T]
   * @param padding [B], how many of a row's first positions are padding
   * @param step owns the result
   * @return logits [B, T or 1, V], then activations, if wanted
   */
  NDList append(DjlEngine.Wanted wanted, int[][] ids, int[] padding, NDManager step) {
    int rows = ids.length;
    int added = ids[0].length;
    int total = length + added;
    long[] inputIds = new long[rows * added];
    long[] positionIds = new long[rows * added];
    long[] attentionMask = new long[rows * total];
    for (int b = 0; b < rows; b++) {
      for (int t = 0; t < added; t++) {
        inputIds[b * added + t] = ids[b][t];
        positionIds[b * added + t] = Math.max(0, length + t - padding[b]);
      }
      for (int s = padding[b]; s < total; s++) {
        attentionMask[b * total + s] = 1;
      }
    }
    var input =
        new NDList(
            step.create(inputIds, new Shape(rows, added)),
            step.create(positionIds, new Shape(rows, added)),
            step.create(attentionMask, new Shape(rows, total)));
    input.addAll(past);
    NDList output = engine.run(wanted, input);
    int pastEnd = 1 + 2 * engine.config().nLayer();
    replacePast(new NDList(output.subList(1, pastEnd)), total);
    output.subList(1, pastEnd).clear();
    return output;
  }

  /** Forgets all positions from {@code to} on. */
  void truncate(int to) {
    var kept = new NDList();
    if (to > 0) {
      for (NDArray x : past) {
        kept.add(x.get(new NDIndex(":, :, :{}", to))); // a view [B, H, to, D]
      }
    }
    replacePast(kept, to);
  }

  private void replacePast(NDList arrays, int newLength) {
    arrays.attach(manager);
    past.close();
    past = arrays;
    length = newLength;
  }

  @Override
  public void close() {
    manager.close();
  }
}
