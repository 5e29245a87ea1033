package org.fastgpt.core;

import java.util.Arrays;
import org.fastgpt.GptConfig;

/**
 * Keys and values of one sequence, in pages of 32 positions, each page one array with all layers
 * and heads. A page is allocated when the sequence first reaches it, and kept: memory grows with
 * the text, not with n_ctx, and nothing is ever moved. Sequences with a common beginning may share
 * its pages; one that writes to a shared page copies it first.
 *
 * <p>Within a page, per layer and head: keys [headSize, 32], so that the scores of 32 positions are
 * computed side by side with no sum across lanes; values [32, headSize].
 */
final class KvCache {

  /** Positions in a page. */
  static final int PAGE = Kernels.LANES;

  private final int nHead;
  private final int headSize;
  private final int pageSize;
  private final float[][] pages;
  private final boolean[] shared; // pages that another sequence may read, so are not written to

  KvCache(GptConfig config) {
    nHead = config.nHead();
    headSize = config.headSize();
    pageSize = Math.multiplyExact(config.nLayer() * 2 * config.nEmbd(), PAGE);
    pages = new float[(config.nCtx() + PAGE - 1) / PAGE][];
    shared = new boolean[pages.length];
  }

  /** A cache with the same positions before {@code end}, which shares their pages with this one. */
  KvCache fork(GptConfig config, int end) {
    var fork = new KvCache(config);
    int n = (end + PAGE - 1) / PAGE;
    System.arraycopy(pages, 0, fork.pages, 0, n);
    Arrays.fill(shared, 0, n, true);
    Arrays.fill(fork.shared, 0, n, true);
    return fork;
  }

  /** Makes room for the positions in [from, end), which are about to be written. */
  void reserve(int from, int end) {
    for (int i = from / PAGE; i <= (end - 1) / PAGE; i++) {
      if (pages[i] == null) {
        pages[i] = new float[pageSize];
      } else if (shared[i]) {
        pages[i] = pages[i].clone();
      }
      shared[i] = false;
    }
  }

  /** Page {@code i}, with positions [32 i, 32 i + 32). */
  float[] page(int i) {
    return pages[i];
  }

  /** Where in a page the keys [headSize, 32] of a head begin. */
  int keys(int layer, int h) {
    return (layer * 2 * nHead + h) * headSize * PAGE;
  }

  /** Where in a page the values [32, headSize] of a head begin. */
  int values(int layer, int h) {
    return ((layer * 2 + 1) * nHead + h) * headSize * PAGE;
  }

  /** Stores one position's key and value of all heads. {@code qkv [3 * n_embd] at offset at}. */
  void store(int layer, int position, float[] qkv, int at) {
    float[] page = pages[position / PAGE];
    int slot = position % PAGE;
    int nEmbd = nHead * headSize;
    for (int h = 0; h < nHead; h++) {
      int key = at + nEmbd + h * headSize;
      int to = keys(layer, h) + slot;
      for (int i = 0; i < headSize; i++) {
        page[to + i * PAGE] = qkv[key + i];
      }
      System.arraycopy(qkv, key + nEmbd, page, values(layer, h) + slot * headSize, headSize);
    }
  }
}
