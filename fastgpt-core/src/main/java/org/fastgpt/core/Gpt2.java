package org.fastgpt.core;

import java.util.Arrays;
import org.fastgpt.Forkable;
import org.fastgpt.GptConfig;
import org.fastgpt.Probe;
import org.fastgpt.Session;
import org.fastgpt.core.Weights.Block;
import org.fastgpt.core.Weights.Norm;
import org.fastgpt.model.Model;

/**
 * GPT-2's forward pass over one sequence: one body for prefill and decode. As openai/gpt-2
 * src/model.py, picoGPT and fastGPT, whose names it keeps.
 *
 * <p>New tokens are taken in up to {@link #MAX_ROWS} at a time. All buffers are allocated once; a
 * token allocates nothing but, every 32 positions, a page of the cache.
 */
final class Gpt2 implements Session, Forkable {

  /** Rows that share one reading of the weights: whole tiles, of 6 and of 4. */
  private static final int MAX_ROWS = 384;

  /** Rows whose logits are computed together when all are asked for. */
  private static final int HEAD_ROWS = 8;

  private final Model model;
  private final GptConfig config;
  private final Weights weights;
  private final Kernels kernels;
  private final Workers workers;
  private final Scratch[] scratch; // of the workers
  private final boolean fastTanh;
  private final int nEmbd;
  private final LinearLayer linear;
  private final Attention attention;
  private final NormSection norms = new NormSection();
  private final GeluSection gelus = new GeluSection();
  private final HeadSection head = new HeadSection();
  private final float[] logits; // of one row [n_vocab]
  private float[] logitsOfRows; // [HEAD_ROWS, n_vocab]; null until all are asked for
  private float[] x; // residual stream [n_seq, n_embd]
  private float[] norm; // normalised, and the output of a c_proj [n_seq, n_embd]
  private float[] qkv; // [n_seq, 3*n_embd]
  private float[] heads; // attention's output, heads side by side [n_seq, n_embd]
  private float[] hidden; // of the MLP [n_seq, n_inner]
  private KvCache cache;
  private int position;
  private Probe probe;

  /** {@code fastTanh}: GELU by fastGPT's polynomial instead of tanh. */
  Gpt2(Model model, Weights weights, Kernels kernels, Workers workers, boolean fastTanh) {
    this.model = model;
    config = model.config();
    this.weights = weights;
    this.kernels = kernels;
    this.workers = workers;
    this.fastTanh = fastTanh;
    nEmbd = config.nEmbd();
    scratch = new Scratch[workers.count()];
    Arrays.setAll(scratch, _ -> new Scratch());
    linear = new LinearLayer(kernels, workers, scratch);
    attention = new Attention(config, kernels, workers, scratch);
    logits = new float[config.nVocab()];
    cache = new KvCache(config);
    reserve(1);
  }

  /** Makes room for {@code rows} new tokens at a time. */
  private void reserve(int rows) {
    if (x == null || x.length < rows * nEmbd) {
      x = new float[rows * nEmbd];
      norm = new float[rows * nEmbd];
      qkv = new float[rows * 3 * nEmbd];
      heads = new float[Math.max(rows, HEAD_ROWS) * nEmbd];
      hidden = new float[rows * config.nInner()];
    }
  }

  @Override
  public int position() {
    return position;
  }

  @Override
  public float[] forward(int... ids) {
    check(ids);
    try (var _ = model.inUse()) {
      int rows = 0;
      for (int from = 0; from < ids.length; from += rows) {
        rows = Math.min(ids.length - from, MAX_ROWS);
        forward(ids, from, rows);
      }
      head(rows - 1, 1, position - 1, logits);
    }
    return logits;
  }

  @Override
  public void forward(int[] ids, LogitsSink each) {
    check(ids);
    try (var _ = model.inUse()) {
      forwardAll(ids, each);
    }
  }

  private void forwardAll(int[] ids, LogitsSink each) {
    int nVocab = config.nVocab();
    if (logitsOfRows == null) {
      logitsOfRows = new float[HEAD_ROWS * nVocab];
    }
    int rows;
    for (int from = 0; from < ids.length; from += rows) {
      rows = Math.min(ids.length - from, MAX_ROWS);
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
    reserve(rows);
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
        x[t * nEmbd + i] = weights.wte().get(token + i) + weights.wpe().get(place + i);
      }
    }
    see("embd", position, x, rows, nEmbd);
  }

  /** x += c_proj(attention(c_attn(ln_1(x)))); x += c_proj(gelu(c_fc(ln_2(x)))). */
  private void block(int l, Block b, int rows) {
    layerNorm(b.ln1(), rows); // [n_seq, n_embd] -> [n_seq, n_embd]
    see(l, ".ln_1", norm, rows, nEmbd);
    linear.run(norm, b.cAttn(), qkv, rows); // [n_seq, n_embd] -> [n_seq, 3*n_embd]
    see(l, ".attn.c_attn", qkv, rows, 3 * nEmbd);
    attention.run(
        cache, l, position, qkv, heads, rows, probe); // [n_seq, 3*n_embd] -> [n_seq, n_embd]
    see(l, ".attn.out", heads, rows, nEmbd);
    linear.run(heads, b.cProj(), norm, rows); // [n_seq, n_embd] -> [n_seq, n_embd]
    see(l, ".attn.c_proj", norm, rows, nEmbd);
    kernels.add(x, 0, norm, 0, rows * nEmbd);

    layerNorm(b.ln2(), rows); // [n_seq, n_embd] -> [n_seq, n_embd]
    see(l, ".ln_2", norm, rows, nEmbd);
    linear.run(norm, b.cFc(), hidden, rows); // [n_seq, n_embd] -> [n_seq, n_inner]
    see(l, ".mlp.c_fc", hidden, rows, config.nInner());
    workers.run(gelus, rows);
    see(l, ".mlp.gelu", hidden, rows, config.nInner());
    linear.run(hidden, b.mlpProj(), norm, rows); // [n_seq, n_inner] -> [n_seq, n_embd]
    see(l, ".mlp.c_proj", norm, rows, nEmbd);
    kernels.add(x, 0, norm, 0, rows * nEmbd);
    see(l, "", x, rows, nEmbd);
  }

  private void layerNorm(Norm n, int rows) {
    norms.weights = n;
    workers.run(norms, rows);
  }

  /** Logits of {@code n} rows from {@code row} on, which has position {@code first}. */
  private void head(int row, int n, int first, float[] y) { // [n, n_embd] -> [n, n_vocab]
    System.arraycopy(norm, row * nEmbd, heads, 0, n * nEmbd);
    head.y = y;
    head.rows = n;
    // Two chunks a thread, so that a slow thread leaves work to the others.
    head.columns = LinearLayer.wholeLanes(config.nVocab(), 2 * workers.count());
    workers.run(head, (config.nVocab() + head.columns - 1) / head.columns);
    see("logits", first, y, n, config.nVocab());
  }

  /** Layer norm of one row. */
  private final class NormSection implements Workers.Section {
    private Norm weights;

    @Override
    public void run(int t, int worker) {
      float eps = config.layerNormEpsilon();
      kernels.layerNorm(x, weights.g(), weights.b(), eps, norm, t * nEmbd, nEmbd, scratch[worker]);
    }
  }

  /** GELU of one row. */
  private final class GeluSection implements Workers.Section {
    @Override
    public void run(int t, int worker) {
      int at = t * config.nInner();
      if (fastTanh) {
        kernels.geluFastTanh(hidden, at, config.nInner());
      } else {
        kernels.gelu(hidden, at, config.nInner(), scratch[worker]);
      }
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
          heads, rows, nEmbd, weights.lmHead(), y, config.nVocab(), from, to, scratch[worker]);
    }
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
    var fork = new Gpt2(model, weights, kernels, workers, fastTanh);
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
    Warmup.await(config);
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
