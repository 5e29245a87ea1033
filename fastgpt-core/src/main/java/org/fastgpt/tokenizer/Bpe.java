package org.fastgpt.tokenizer;

import java.util.Arrays;
import java.util.List;

/**
 * Byte pair encoding of one piece of text: starting from its bytes, the adjacent pair of lowest
 * rank is merged, the leftmost first where ranks are equal, until no pair has a rank. For any
 * number of threads.
 *
 * <p>As HuggingFace tokenizers; OpenAI's {@code encoder.py}, which merges all places of a pair at
 * once, gives the same for any merges that were learned in their order.
 */
final class Bpe {
  /** More tokens than any GPT-2 has, and few enough for a pair and its rank to share a long. */
  static final int MAX_TOKENS = (1 << 20) - 1;

  static final int MAX_MERGES = (1 << 24) - 1;

  /**
   * Pieces of more bytes go through the heap. On random letters the loop, quadratic but of small
   * constant, is as fast as the heap up to 64 bytes (both 4 µs), and 7 times slower at 1024.
   */
  static final int LONG_PIECE = 64;

  private static final int NONE = Integer.MAX_VALUE;
  private static final long EMPTY = -1;

  private final TokenTable tokens;
  private final int[] byteIds;

  /** Open addressing, less than half full: {@code left << 44 | right << 24 | rank}, or EMPTY. */
  private final long[] pairs;

  private final int[] merged; // rank -> id

  private final int repeated;

  /**
   * Of each id whether it was found to be the encoding of its token's bytes, once that came up:
   * most words of ordinary text are. What a thread sees late it only finds again.
   */
  private final boolean[] whole;

  /**
   * The encoder of a vocabulary: the tokens that merges give, of each byte its token, of each rank
   * the ids of the pair's parts and of the result.
   */
  Bpe(TokenTable tokens, int[] byteIds, int[] left, int[] right, int[] merged) {
    this.tokens = tokens;
    this.byteIds = byteIds;
    this.merged = merged;
    pairs = new long[TokenTable.size(merged.length)];
    Arrays.fill(pairs, EMPTY);
    int again = -1;
    for (int rank = 0; rank < merged.length && again < 0; rank++) {
      long key = ((long) left[rank] << 20) | right[rank];
      int slot = TokenTable.slot(key, pairs.length);
      while (pairs[slot] != EMPTY) {
        if (pairs[slot] >>> 24 == key) {
          again = rank;
        }
        slot = (slot + 1) & (pairs.length - 1);
      }
      pairs[slot] = (key << 24) | rank;
    }
    repeated = again;
    whole = new boolean[tokens.tokens()];
  }

  /** The first rank whose pair has a lower one too: then there are no more; or -1. */
  int repeated() {
    return repeated;
  }

  /** The pairs by rank, each as the ids of its parts. */
  List<int[]> merges() {
    int[][] merges = new int[merged.length][];
    for (long entry : pairs) {
      if (entry != EMPTY) {
        merges[(int) entry & MAX_MERGES] =
            new int[] {(int) (entry >>> 44), (int) (entry >>> 24) & MAX_TOKENS};
      }
    }
    return List.of(merges);
  }

  /**
   * Writes the ids of {@code bytes[0, n)}, n > 0, to {@code ids} from {@code at} on, where n ids
   * must have room.
   *
   * @param ranks scratch of LONG_PIECE ints
   * @return the position after the last id
   */
  int encode(byte[] bytes, int n, int[] ids, int at, int[] ranks) {
    int id = tokens.find(bytes, 0, n);
    if (id >= 0 && whole[id]) {
      ids[at] = id;
      return at + 1;
    }
    int left = merge(bytes, n, ids, at, ranks);
    if (left == 1 && ids[at] == id) {
      whole[id] = true;
    }
    return at + left;
  }

  private int merge(byte[] bytes, int n, int[] ids, int at, int[] ranks) {
    for (int i = 0; i < n; i++) {
      ids[at + i] = byteIds[bytes[i] & 0xFF];
    }
    return n <= LONG_PIECE ? mergeShort(ids, at, n, ranks) : mergeLong(ids, at, n);
  }

  /** The rank of a pair, NONE if it is never merged. */
  private int rank(int left, int right) {
    long key = ((long) left << 20) | right;
    for (int slot = TokenTable.slot(key, pairs.length); ; slot = (slot + 1) & (pairs.length - 1)) {
      long entry = pairs[slot];
      if (entry >>> 24 == key) {
        return (int) entry & MAX_MERGES;
      }
      if (entry == EMPTY) {
        return NONE;
      }
    }
  }

  /** Merges {@code ids[at, at + n)} in place and returns how many are left. O(n²). */
  int mergeShort(int[] ids, int at, int n, int[] ranks) {
    for (int i = 0; i < n - 1; i++) {
      ranks[i] = rank(ids[at + i], ids[at + i + 1]); // of the pair that begins at i
    }
    int left = n;
    while (left > 1) {
      int best = 0;
      for (int i = 1; i < left - 1; i++) {
        if (ranks[i] < ranks[best]) {
          best = i;
        }
      }
      if (ranks[best] == NONE) {
        break;
      }
      int i = at + best;
      ids[i] = merged[ranks[best]];
      left--;
      System.arraycopy(ids, i + 2, ids, i + 1, left - best - 1);
      if (best < left - 1) {
        System.arraycopy(ranks, best + 2, ranks, best + 1, left - best - 2);
        ranks[best] = rank(ids[i], ids[i + 1]);
      }
      if (best > 0) {
        ranks[best - 1] = rank(ids[i - 1], ids[i]);
      }
    }
    return left;
  }

  /** The same as {@link #mergeShort} by a linked list and a heap of pairs. O(n log n). */
  int mergeLong(int[] ids, int at, int n) {
    int[] previous = new int[n];
    int[] next = new int[n];
    int[] ranks = new int[n]; // of the pair that begins here, NONE also where no token begins
    var heap = new LongHeap(n); // rank << 32 | position: lowest rank first, then leftmost
    for (int i = 0; i < n; i++) {
      previous[i] = i - 1;
      next[i] = i + 1;
      ranks[i] = i + 1 < n ? rank(ids[at + i], ids[at + i + 1]) : NONE;
      offer(heap, ranks[i], i);
    }
    while (!heap.isEmpty()) {
      long pair = heap.poll();
      int i = (int) pair;
      if (ranks[i] != pair >>> 32) {
        continue; // one of its parts has been merged since
      }
      int gone = next[i];
      ids[at + i] = merged[ranks[i]];
      ranks[gone] = NONE;
      next[i] = next[gone];
      if (next[i] < n) {
        previous[next[i]] = i;
      }
      ranks[i] = next[i] < n ? rank(ids[at + i], ids[at + next[i]]) : NONE;
      offer(heap, ranks[i], i);
      if (i > 0) {
        int before = previous[i];
        ranks[before] = rank(ids[at + before], ids[at + i]);
        offer(heap, ranks[before], before);
      }
    }
    int left = 0;
    for (int i = 0; i < n; i = next[i]) {
      ids[at + left++] = ids[at + i];
    }
    return left;
  }

  private static void offer(LongHeap heap, int rank, int position) {
    if (rank != NONE) {
      heap.add(((long) rank << 32) | position);
    }
  }
}
