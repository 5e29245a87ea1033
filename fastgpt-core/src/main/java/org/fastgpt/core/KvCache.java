package org.fastgpt.core;

import org.fastgpt.GptConfig;

/**
 * Keys and values of one sequence, in pages of 32 positions, each page one array with all layers
 * and heads. A page is allocated when the sequence first reaches it, and kept: memory grows with
 * the text, not with n_ctx, and nothing is ever moved.
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

  KvCache(GptConfig config) {
    nHead = config.nHead();
    headSize = config.headSize();
    pageSize = Math.multiplyExact(config.nLayer() * 2 * config.nEmbd(), PAGE);
    pages = new float[(config.nCtx() + PAGE - 1) / PAGE][];
  }

  /** Makes room for the positions before {@code end}. */
  void reserve(int end) {
    for (int i = (end - 1) / PAGE; i >= 0 && pages[i] == null; i--) {
      pages[i] = new float[pageSize];
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
