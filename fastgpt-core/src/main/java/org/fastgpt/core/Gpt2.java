package org.fastgpt.core;

import static org.fastgpt.model.Model.FLOAT;

import java.util.Arrays;
import org.fastgpt.Forkable;
import org.fastgpt.GptConfig;
import org.fastgpt.Probe;
import org.fastgpt.Session;
import org.fastgpt.core.Weights.Block;
import org.fastgpt.core.Weights.Linear;
import org.fastgpt.core.Weights.Norm;

/**
 * GPT-2's forward pass over one sequence: one body for prefill and decode. As openai/gpt-2
 * src/model.py, picoGPT and fastGPT, whose names it keeps.
 *
 * <p>New tokens are taken in up to {@link #MAX_ROWS} at a time. All buffers are allocated once; a
 * token allocates nothing but, every 32 positions, a page of the cache.
 */
final class Gpt2 implements Session, Forkable {

  /** Rows that share one reading of the weights. */
  private static final int MAX_ROWS = 64;

  /** Rows whose logits are computed together when all are asked for. */
  private static final int HEAD_ROWS = 8;

  private final GptConfig config;
  private final Weights weights;
  private final Kernels kernels;
  private final Workers workers;
  private final int nEmbd;
  private final float[] x; // residual stream [n_seq, n_embd]
  private final float[] norm; // normalised, and the output of a c_proj [n_seq, n_embd]
  private final float[] qkv; // [n_seq, 3*n_embd]
  private final float[] heads; // attention's output, heads side by side [n_seq, n_embd]
  private final float[] hidden; // of the MLP [n_seq, n_inner]
  private final float[] logits; // of one row [n_vocab]
  private float[] logitsOfRows; // [HEAD_ROWS, n_vocab]; null until all are asked for
  private final float[][] lanes; // scratch of the kernels [worker][32]
  private final LinearSection linear = new LinearSection();
  private final HeadSection head = new HeadSection();
  private final AttentionSection attention;
  private KvCache cache;
  private int position;
  private Probe probe;

  Gpt2(GptConfig config, Weights weights, Kernels kernels, Workers workers) {
    this.config = config;
    this.weights = weights;
    this.kernels = kernels;
    this.workers = workers;
    nEmbd = config.nEmbd();
    int rows = Math.min(MAX_ROWS, config.nCtx());
    x = new float[rows * nEmbd];
    norm = new float[rows * nEmbd];
    qkv = new float[rows * 3 * nEmbd];
    heads = new float[rows * nEmbd];
    hidden = new float[rows * config.nInner()];
    logits = new float[config.nVocab()];
    lanes = new float[workers.count()][Kernels.LANES];
    attention = new AttentionSection(workers.count());
    cache = new KvCache(config);
  }

  @Override
  public int position() {
    return position;
  }

  @Override
  public float[] forward(int... ids) {
    check(ids);
    int rows = 0;
    for (int from = 0; from < ids.length; from += rows) {
      rows = Math.min(ids.length - from, x.length / nEmbd);
      forward(ids, from, rows);
    }
    head(rows - 1, 1, position - 1, logits);
    return logits;
  }

  @Override
  public void forward(int[] ids, LogitsSink each) {
    check(ids);
    int nVocab = config.nVocab();
    if (logitsOfRows == null) {
      logitsOfRows = new float[HEAD_ROWS * nVocab];
    }
    int rows;
    for (int from = 0; from < ids.length; from += rows) {
      rows = Math.min(ids.length - from, x.length / nEmbd);
      int first = position;
      forward(ids, from, rows);
      for (int t = 0; t < rows; t += HEAD_ROWS) {
        int n = Math.min(HEAD_ROWS, rows - t);
        head(t, n, first + t, logitsOfRows);
        for (int i = 0; i < n; i++) {
          System.arraycopy(logitsOfRows, i * nVocab, logits, 0, nVocab);
          each.accept(first + t + i, logits);
        }
      }
    }
  }

  /** The blocks, for {@code n_seq = rows} new tokens; their last layer norm is left in norm. */
  private void forward(int[] ids, int from, int rows) {
    cache.reserve(position, position + rows);
    embed(ids, from, rows); // [n_seq] -> [n_seq, n_embd]
    for (int l = 0; l < config.nLayer(); l++) {
      block(l, weights.h()[l], rows); // [n_seq, n_embd] -> [n_seq, n_embd]
    }
    layerNorm(weights.lnF(), rows); // [n_seq, n_embd] -> [n_seq, n_embd]
    see("ln_f", position, norm, rows, nEmbd);
    position += rows;
  }

  /** x = wte[id] + wpe[position]. */
  private void embed(int[] ids, int from, int rows) {
    for (int t = 0; t < rows; t++) {
      long token = (long) ids[from + t] * nEmbd;
      long place = (long) (position + t) * nEmbd;
      for (int i = 0; i < nEmbd; i++) {
        x[t * nEmbd + i] =
            weights.wte().getAtIndex(FLOAT, token + i) + weights.wpe().getAtIndex(FLOAT, place + i);
      }
    }
    see("embd", position, x, rows, nEmbd);
  }

  /** x += c_proj(attention(c_attn(ln_1(x)))); x += c_proj(gelu(c_fc(ln_2(x)))). */
  private void block(int l, Block b, int rows) {
    layerNorm(b.ln1(), rows); // [n_seq, n_embd] -> [n_seq, n_embd]
    see(l, ".ln_1", norm, rows, nEmbd);
    linear(norm, b.cAttn(), qkv, rows); // [n_seq, n_embd] -> [n_seq, 3*n_embd]
    see(l, ".attn.c_attn", qkv, rows, 3 * nEmbd);
    attention(l, rows); // [n_seq, 3*n_embd] -> [n_seq, n_embd]
    see(l, ".attn.out", heads, rows, nEmbd);
    linear(heads, b.cProj(), norm, rows); // [n_seq, n_embd] -> [n_seq, n_embd]
    see(l, ".attn.c_proj", norm, rows, nEmbd);
    kernels.add(x, norm, rows * nEmbd);

    layerNorm(b.ln2(), rows); // [n_seq, n_embd] -> [n_seq, n_embd]
    see(l, ".ln_2", norm, rows, nEmbd);
    linear(norm, b.cFc(), hidden, rows); // [n_seq, n_embd] -> [n_seq, n_inner]
    see(l, ".mlp.c_fc", hidden, rows, config.nInner());
    kernels.gelu(hidden, 0, rows * config.nInner(), lanes[0]);
    see(l, ".mlp.gelu", hidden, rows, config.nInner());
    linear(hidden, b.mlpProj(), norm, rows); // [n_seq, n_inner] -> [n_seq, n_embd]
    see(l, ".mlp.c_proj", norm, rows, nEmbd);
    kernels.add(x, norm, rows * nEmbd);
    see(l, "", x, rows, nEmbd);
  }

  private void layerNorm(Norm n, int rows) {
    for (int t = 0; t < rows; t++) {
      kernels.layerNorm(
          x, n.g(), n.b(), config.layerNormEpsilon(), norm, t * nEmbd, nEmbd, lanes[0]);
    }
  }

  private void linear(float[] in, Linear layer, float[] out, int rows) {
    linear.x = in;
    linear.layer = layer;
    linear.y = out;
    linear.rows = rows;
    linear.columns = columns(layer.out());
    workers.run(linear, chunks(layer.out(), linear.columns));
  }

  private void attention(int l, int rows) {
    for (int t = 0; t < rows; t++) {
      cache.store(l, position + t, qkv, t * 3 * nEmbd);
    }
    attention.layer = l;
    attention.rows = rows;
    attention.seen = probe == null ? null : new float[config.nHead() * rows * (position + rows)];
    workers.run(attention, config.nHead() * rows);
    if (probe != null) {
      int[] shape = {config.nHead(), rows, position + rows};
      probe.see("h." + l + ".attn.softmax", position, shape, attention.seen);
    }
  }

  /** Logits of {@code n} rows from {@code row} on, which has position {@code first}. */
  private void head(int row, int n, int first, float[] y) { // [n, n_embd] -> [n, n_vocab]
    System.arraycopy(norm, row * nEmbd, heads, 0, n * nEmbd);
    head.y = y;
    head.rows = n;
    head.columns = columns(config.nVocab());
    workers.run(head, chunks(config.nVocab(), head.columns));
    see("logits", first, y, n, config.nVocab());
  }

  /** Columns per chunk: two chunks a thread, so that a slow thread leaves work to the others. */
  private int columns(int out) {
    int chunks = workers.count() == 1 ? 1 : 2 * workers.count();
    int columns = (out + chunks - 1) / chunks;
    return (columns + Kernels.LANES - 1) / Kernels.LANES * Kernels.LANES;
  }

  private static int chunks(int out, int columns) {
    return (out + columns - 1) / columns;
  }

  /** A range of output columns of a fully connected layer, for all rows. */
  private final class LinearSection implements Workers.Section {
    private float[] x;
    private Linear layer;
    private float[] y;
    private int rows;
    private int columns;

    @Override
    public void run(int chunk, int worker) {
      int from = chunk * columns;
      int to = Math.min(from + columns, layer.out());
      kernels.linear(x, rows, layer.in(), layer.w(), layer.b(), y, layer.out(), from, to);
    }
  }

  /** A range of the vocabulary. */
  private final class HeadSection implements Workers.Section {
    private float[] y;
    private int rows;
    private int columns;

    @Override
    public void run(int chunk, int worker) {
      int from = chunk * columns;
      int to = Math.min(from + columns, config.nVocab());
      kernels.linearTransposed(
          heads, rows, nEmbd, weights.lmHead(), y, config.nVocab(), from, to, lanes[worker]);
    }
  }

  /** One head of one row: softmax(q kᵀ / sqrt(headSize)) v over positions up to the row's own. */
  private final class AttentionSection implements Workers.Section {
    private final float[][] scratch; // a row of softmax per worker
    private int layer;
    private int rows;
    private float[] seen; // [n_head, n_seq, position + n_seq] where a probe looks, else null

    AttentionSection(int workers) {
      scratch = new float[workers][];
    }

    @Override
    public void run(int chunk, int worker) {
      int h = chunk / rows;
      int t = chunk % rows;
      int n = position + t + 1;
      int size = config.headSize();
      int q = t * 3 * nEmbd + h * size;
      int out = t * nEmbd + h * size;
      float[] p = scratch(worker, n);
      for (int s = 0; s < n; s += KvCache.PAGE) {
        float[] page = cache.page(s / KvCache.PAGE);
        kernels.scores(qkv, q, page, cache.keys(layer, h), size, scale(layer), p, s);
      }
      kernels.softmax(p, 0, n, lanes[worker]);
      Arrays.fill(heads, out, out + size, 0);
      for (int s = 0; s < n; s += KvCache.PAGE) {
        float[] page = cache.page(s / KvCache.PAGE);
        int keys = Math.min(KvCache.PAGE, n - s);
        kernels.mix(p, s, keys, page, cache.values(layer, h), size, heads, out);
      }
      if (seen != null) {
        System.arraycopy(p, 0, seen, (h * rows + t) * (position + rows), n);
      }
    }

    private float[] scratch(int worker, int n) {
      if (scratch[worker] == null || scratch[worker].length < n) {
        // Whole pages, and twice as long each time: few allocations over a whole context.
        int pages = Math.max(4, Integer.highestOneBit((n - 1) / KvCache.PAGE) * 2);
        scratch[worker] = new float[pages * KvCache.PAGE];
      }
      return scratch[worker];
    }
  }

  /** What scores are multiplied by. */
  private float scale(int layer) {
    double scale = config.scaleAttnWeights() ? 1 / Math.sqrt(config.headSize()) : 1;
    return (float) (config.scaleAttnByInverseLayerIdx() ? scale / (layer + 1) : scale);
  }

  @Override
  public void rewind(int to) {
    checkOpen();
    GptConfig.checkRewind(to, position);
    position = to;
  }

  @Override
  public Session fork() {
    checkOpen();
    var fork = new Gpt2(config, weights, kernels, workers);
    fork.cache = cache.fork(config, position);
    fork.position = position;
    return fork;
  }

  @Override
  public boolean observe(Probe observer) {
    checkOpen();
    probe = observer;
    return true;
  }

  private void see(int layer, String part, float[] values, int rows, int width) {
    if (probe != null) {
      see("h." + layer + part, position, values, rows, width);
    }
  }

  private void see(String name, int first, float[] values, int rows, int width) {
    if (probe != null) {
      probe.see(name, first, new int[] {rows, width}, values);
    }
  }

  private void check(int[] ids) {
    checkOpen();
    config.checkInput(ids, position);
  }

  private void checkOpen() {
    if (cache == null) {
      throw new IllegalStateException("session is closed");
    }
  }

  @Override
  public void close() {
    cache = null;
  }
}
