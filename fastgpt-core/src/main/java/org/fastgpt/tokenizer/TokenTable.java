package org.fastgpt.tokenizer;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.IntPredicate;

/** Tokens by their bytes: the id of a text that is one, without an object made of it. Immutable. */
final class TokenTable {
  private static final int FREE = -1;

  /**
   * Odd, and another one in each process: else a file could have tokens and merges that all belong
   * into one slot, and reading it would take a day.
   */
  private static final long MULTIPLIER = new SplittableRandom().nextLong() | 1;

  private final byte[][] tokens;
  private final int[] slots; // ids by open addressing, less than half of them taken
  private final int longest;

  /** Of the tokens by id those whose id is {@code wanted}; of equal ones the first is found. */
  TokenTable(byte[][] tokens, IntPredicate wanted) {
    this.tokens = tokens;
    slots = new int[size(tokens.length)];
    Arrays.fill(slots, FREE);
    int most = 0;
    for (int id = 0; id < tokens.length; id++) {
      if (wanted.test(id)) {
        byte[] token = tokens[id];
        int slot = slot(token, 0, token.length);
        while (slots[slot] != FREE) {
          slot = (slot + 1) & (slots.length - 1);
        }
        slots[slot] = id;
        most = Math.max(most, token.length);
      }
    }
    longest = most;
  }

  /** Number of ids, also of those not wanted. */
  int tokens() {
    return tokens.length;
  }

  /** The id of the token that is {@code bytes[from, to)}; negative if none is. */
  int find(byte[] bytes, int from, int to) {
    if (to - from > longest) {
      return FREE;
    }
    for (int slot = slot(bytes, from, to); ; slot = (slot + 1) & (slots.length - 1)) {
      int id = slots[slot];
      if (id == FREE || Arrays.equals(tokens[id], 0, tokens[id].length, bytes, from, to)) {
        return id;
      }
    }
  }

  private int slot(byte[] bytes, int from, int to) {
    long key = 1; // so that zeros at the beginning count
    for (int i = from; i < to; i++) {
      key = key * MULTIPLIER + bytes[i];
    }
    return slot(key, slots.length);
  }

  /** The slots of a table for so many entries: a power of two, more than twice as many. */
  static int size(int entries) {
    return Integer.highestOneBit(entries + 1) * 4;
  }

  /** Where to look first for a key in a table of {@code size} slots, a power of two. */
  static int slot(long key, int size) {
    // The highest bits of the product: they alone depend on all bits of the key.
    return (int) ((key * MULTIPLIER) >>> (Long.numberOfLeadingZeros(size) + 1));
  }
}
