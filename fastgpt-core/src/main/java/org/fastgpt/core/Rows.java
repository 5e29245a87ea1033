package org.fastgpt.core;

import java.util.Arrays;

/**
 * The new tokens of one forward pass, of one sequence or of several: for each its id, the cache of
 * its sequence and its position there. Those of one sequence stand together, in rising order.
 */
final class Rows {

  /**
   * Rows that share one reading of the weights: whole tiles, of matrix products and of attention.
   */
  static final int MAX = 384;

  /** Rows of one sequence that share one reading of its keys and values. */
  static final int TILE = 6;

  private final int[] ids = new int[MAX];
  private final KvCache[] caches = new KvCache[MAX];
  private final int[] positions = new int[MAX];
  private final int[] tiles = new int[MAX + 1]; // where each begins, and where the last one ends
  private final int[] wanted = new int[MAX]; // rows whose logits are wanted
  private int count;
  private int tileCount;
  private int wantedCount;

  void clear() {
    Arrays.fill(caches, 0, count, null);
    count = 0;
    tileCount = 0;
    wantedCount = 0;
  }

  /**
   * Adds a token.
   *
   * @param wanted whether the logits that follow it are
   */
  void add(int id, KvCache cache, int position, boolean wanted) {
    boolean goesOn = count > 0 && caches[count - 1] == cache;
    if (!goesOn || count - tiles[tileCount - 1] == TILE) {
      tiles[tileCount++] = count;
    }
    if (wanted) {
      this.wanted[wantedCount++] = count;
    }
    ids[count] = id;
    caches[count] = cache;
    positions[count] = position;
    count++;
    tiles[tileCount] = count;
  }

  int count() {
    return count;
  }

  boolean isFull() {
    return count == MAX;
  }

  int id(int t) {
    return ids[t];
  }

  KvCache cache(int t) {
    return caches[t];
  }

  int position(int t) {
    return positions[t];
  }

  int tileCount() {
    return tileCount;
  }

  /** The first row of a tile; its end is where tile {@code i + 1} begins. */
  int tile(int i) {
    return tiles[i];
  }

  int wantedCount() {
    return wantedCount;
  }

  /** The {@code i}-th row whose logits are wanted. */
  int wanted(int i) {
    return wanted[i];
  }
}
