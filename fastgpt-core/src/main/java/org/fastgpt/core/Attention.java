package org.fastgpt.core;

import java.util.Arrays;
import org.fastgpt.GptConfig;
import org.fastgpt.Probe;

/** softmax(q kᵀ / sqrt(headSize)) v of all heads, over positions up to each row's own. */
final class Attention implements Workers.Section {

  private final GptConfig config;
  private final Kernels kernels;
  private final Workers workers;
  private final Scratch[] scratch; // of the workers
  private Rows rows;
  private float[] qkv; // [n_seq, 3*n_embd]
  private float[] y; // heads side by side [n_seq, n_embd]
  private int layer;
  private float[] seen; // [n_head, n_seq, position + n_seq] where a probe looks, else null

  Attention(GptConfig config, Kernels kernels, Workers workers, Scratch[] scratch) {
    this.config = config;
    this.kernels = kernels;
    this.workers = workers;
    this.scratch = scratch;
  }

  /**
   * Stores the new keys and values, then {@code qkv [rows, 3*n_embd] -> y [rows, n_embd]}.
   *
   * @param probe gets the weights of attention, of rows of one sequence; may be null
   */
  void run(Rows rows, int layer, float[] qkv, float[] y, Probe probe) {
    this.rows = rows;
    this.qkv = qkv;
    this.y = y;
    this.layer = layer;
    for (int t = 0; t < rows.count(); t++) {
      rows.cache(t).store(layer, rows.position(t), qkv, t * 3 * config.nEmbd());
    }
    int end = rows.position(0) + rows.count(); // of the one sequence that a probe sees
    seen = probe == null ? null : new float[config.nHead() * rows.count() * end];
    workers.run(this, config.nHead() * rows.tileCount());
    if (probe != null) {
      int[] shape = {config.nHead(), rows.count(), end};
      probe.see("h." + layer + ".attn.softmax", rows.position(0), shape, seen);
    }
  }

  /** One head of a tile of rows. */
  @Override
  public void run(int chunk, int worker) {
    int h = chunk / rows.tileCount();
    int tile = chunk % rows.tileCount();
    int t = rows.tile(tile);
    int n = rows.tile(tile + 1) - t;
    KvCache cache = rows.cache(t);
    int position = rows.position(t);
    int last = position + n; // positions that the tile's last row sees
    int stride = (last + KvCache.PAGE - 1) / KvCache.PAGE * KvCache.PAGE;
    float[] p = scratch[worker].floats(Rows.TILE * atLeast(last));
    int q = t * 3 * config.nEmbd() + h * config.headSize();
    for (int s = 0; s < last; s += KvCache.PAGE) {
      float[] page = cache.page(s / KvCache.PAGE);
      int keys = cache.keys(layer, h);
      kernels.scores(
          qkv, q, 3 * config.nEmbd(), n, page, keys, config.headSize(), scale(), p, s, stride);
    }
    for (int i = 0; i < n; i++) {
      kernels.softmax(p, i * stride, position + i + 1, scratch[worker]);
    }
    mix(h, t, n, p, stride);
    for (int i = 0; i < n && seen != null; i++) {
      int width = rows.position(0) + rows.count();
      int to = (h * rows.count() + t + i) * width;
      System.arraycopy(p, i * stride, seen, to, position + i + 1);
    }
  }

  /** The weighted values: what all rows of the tile see together, then what only later ones see. */
  private void mix(int h, int t, int n, float[] p, int stride) {
    int together = rows.position(t) + 1;
    for (int i = 0; i < n; i++) {
      int to = output(h, t + i);
      Arrays.fill(y, to, to + config.headSize(), 0);
    }
    mix(h, t, n, p, 0, stride, 0, together);
    for (int i = 1; i < n; i++) {
      mix(h, t + i, 1, p, i * stride, stride, together, together + i);
    }
  }

  /** Adds the values of positions [from, to) to {@code n} rows from {@code t} on. */
  private void mix(int h, int t, int n, float[] p, int pAt, int stride, int from, int to) {
    KvCache cache = rows.cache(t);
    int size = config.headSize();
    int nEmbd = config.nEmbd();
    for (int s = from; s < to; ) {
      int inPage = s % KvCache.PAGE;
      int count = Math.min(KvCache.PAGE - inPage, to - s);
      float[] page = cache.page(s / KvCache.PAGE);
      int values = cache.values(layer, h) + inPage * size;
      kernels.mix(p, pAt + s, stride, n, count, page, values, size, y, output(h, t), nEmbd);
      s += count;
    }
  }

  private int output(int h, int t) {
    return t * config.nEmbd() + h * config.headSize();
  }

  /** Room for the weights of a row: twice as long each time, so that it seldom grows. */
  private static int atLeast(int positions) {
    return Math.max(4 * KvCache.PAGE, Integer.highestOneBit(positions) * 2);
  }

  /** What scores are multiplied by. */
  private float scale() {
    double scale = config.scaleAttnWeights() ? 1 / Math.sqrt(config.headSize()) : 1;
    return (float) (config.scaleAttnByInverseLayerIdx() ? scale / (layer + 1) : scale);
  }
}
