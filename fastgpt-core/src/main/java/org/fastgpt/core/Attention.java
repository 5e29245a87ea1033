package org.fastgpt.core;

import java.util.Arrays;
import org.fastgpt.GptConfig;
import org.fastgpt.Probe;

/**
 * softmax(q kᵀ / sqrt(headSize)) v of all heads, over positions up to each row's own.
 *
 * <p>A chunk is a group of heads of a tile of rows. In a page of the cache the heads of a layer lie
 * side by side, and are read so, page by page: one head after the other would be read in pieces of
 * 8 KB, too short for the processor to see what comes next.
 */
final class Attention implements Workers.Section {

  /**
   * With fewer weights than these, of all rows of a head together, rows are not taken in tiles: to
   * compile that costs a program that is soon done more than it gains.
   */
  private static final int FEW_WEIGHTS = 8192;

  private final GptConfig config;
  private final Kernels kernels;
  private final Workers workers;
  private final Scratch[] scratch; // of the workers
  private Rows rows;
  private float[] qkv; // [n_seq, 3*n_embd]
  private float[] y; // heads side by side [n_seq, n_embd]
  private int layer;
  private int heads; // in a group
  private int tileRows; // of a tile, so many at a time
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
    // Two groups a thread, so that a slow thread leaves work to the others.
    int groups = workers.count() == 1 ? 1 : Math.min(2 * workers.count(), config.nHead());
    heads = (config.nHead() + groups - 1) / groups;
    tileRows = inTiles(rows) ? Rows.TILE : 1;
    workers.run(this, (config.nHead() + heads - 1) / heads * rows.tileCount());
    if (probe != null) {
      int[] shape = {config.nHead(), rows.count(), end};
      probe.see("h." + layer + ".attn.softmax", rows.position(0), shape, seen);
    }
  }

  /** Whether rows of a sequence share one reading of its keys and values. */
  static boolean inTiles(Rows rows) {
    long weights = 0; // of a head
    for (int t = 0; t < rows.count(); t++) {
      weights += rows.position(t) + 1;
    }
    return rows.tileCount() < rows.count() && weights >= FEW_WEIGHTS;
  }

  @Override
  public void run(int chunk, int worker) {
    int h = chunk / rows.tileCount() * heads;
    int hEnd = Math.min(h + heads, config.nHead());
    int tile = chunk % rows.tileCount();
    int end = rows.tile(tile + 1);
    for (int t = rows.tile(tile); t < end; t += tileRows) {
      attend(h, hEnd, t, Math.min(tileRows, end - t), worker);
    }
  }

  /** Of {@code n} rows from {@code t} on. */
  private void attend(int h, int hEnd, int t, int n, int worker) {
    int position = rows.position(t);
    int last = position + n; // positions that the tile's last row sees
    int stride = (last + KvCache.PAGE - 1) / KvCache.PAGE * KvCache.PAGE;
    float[] p = scratch[worker].floats(heads * Rows.TILE * atLeast(last)); // [heads, n, stride]
    scores(h, hEnd, t, n, p, stride);
    for (int i = 0; i < (hEnd - h) * n; i++) {
      kernels.softmax(p, i * stride, position + i % n + 1, scratch[worker]);
    }
    mix(h, hEnd, t, n, p, stride);
    for (int i = 0; i < (hEnd - h) * n && seen != null; i++) {
      int width = rows.position(0) + rows.count();
      int to = ((h + i / n) * rows.count() + t + i % n) * width;
      System.arraycopy(p, i * stride, seen, to, position + i % n + 1);
    }
  }

  /** Of {@code n} rows from {@code t} on, up to the end of the page of the last one. */
  private void scores(int h, int hEnd, int t, int n, float[] p, int stride) {
    KvCache cache = rows.cache(t);
    int size = config.headSize();
    int qStride = 3 * config.nEmbd();
    for (int s = 0; s < stride; s += KvCache.PAGE) {
      float[] page = cache.page(s / KvCache.PAGE);
      for (int i = h; i < hEnd; i++) {
        int q = t * qStride + i * size;
        int to = (i - h) * n * stride + s;
        int keys = cache.keys(layer, i);
        kernels.scores(qkv, q, qStride, n, page, keys, size, scale(), p, to, stride);
      }
    }
  }

  /** The weighted values: what all rows of the tile see together, then what only later ones see. */
  private void mix(int h, int hEnd, int t, int n, float[] p, int stride) {
    int together = rows.position(t) + 1;
    for (int i = 0; i < n; i++) {
      Arrays.fill(y, output(h, t + i), output(hEnd, t + i), 0);
    }
    mix(h, hEnd, t, n, p, 0, n * stride, stride, 0, together);
    for (int i = 1; i < n; i++) {
      mix(h, hEnd, t + i, 1, p, i * stride, n * stride, stride, together, together + i);
    }
  }

  /** Adds the values of positions [from, to) to {@code n} rows from {@code t} on. */
  private void mix(
      int h,
      int hEnd,
      int t,
      int n,
      float[] p,
      int pAt,
      int headStride,
      int stride,
      int from,
      int to) {
    KvCache cache = rows.cache(t);
    int size = config.headSize();
    int nEmbd = config.nEmbd();
    for (int s = from; s < to; ) {
      int inPage = s % KvCache.PAGE;
      int count = Math.min(KvCache.PAGE - inPage, to - s);
      float[] page = cache.page(s / KvCache.PAGE);
      for (int i = h; i < hEnd; i++) {
        int pi = pAt + (i - h) * headStride + s;
        int values = cache.values(layer, i) + inPage * size;
        kernels.mix(p, pi, stride, n, count, page, values, size, y, output(i, t), nEmbd);
      }
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
