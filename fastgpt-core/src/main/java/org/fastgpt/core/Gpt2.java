package org.fastgpt.core;

import java.util.Arrays;
import org.fastgpt.GptConfig;
import org.fastgpt.Probe;
import org.fastgpt.core.Weights.Block;
import org.fastgpt.core.Weights.Norm;

/**
 * GPT-2's forward pass: one body for prefill and decode, of one sequence or of a batch, as {@link
 * Rows} says. As openai/gpt-2 src/model.py, picoGPT and fastGPT, whose names it keeps. In the
 * shapes, n_seq is the number of rows.
 *
 * <p>All buffers are allocated once; a token allocates nothing but, every 32 positions, a page of
 * the cache.
 */
final class Gpt2 {

  /** Rows whose logits are computed together when those of several are asked for. */
  private static final int HEAD_ROWS = 16;

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
  private int first; // position of the first row, for the probe
  private Probe probe;

  /** {@code fastTanh}: GELU by fastGPT's polynomial instead of tanh. */
  Gpt2(GptConfig config, Weights weights, Kernels kernels, Workers workers, boolean fastTanh) {
    this.config = config;
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
    reserve(1);
  }

  /** The same model, with buffers of its own. */
  Gpt2 another() {
    return new Gpt2(config, weights, kernels, workers, fastTanh);
  }

  /** Shows all activations to {@code observer}, of passes over one sequence; null ends it. */
  void observe(Probe observer) {
    probe = observer;
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

  /** The blocks; their last layer norm is left in norm, for the logits. */
  void forward(Rows rows) {
    int n = rows.count();
    reserve(n);
    for (int t = 0; t < n; t++) {
      rows.cache(t).reserve(rows.position(t), rows.position(t) + 1);
    }
    if (Attention.inTiles(rows)) {
      Warmup.awaitTiles(config);
    }
    first = rows.position(0);
    embed(rows); // [n_seq] -> [n_seq, n_embd]
    for (int l = 0; l < config.nLayer(); l++) {
      block(l, weights.h()[l], rows); // [n_seq, n_embd] -> [n_seq, n_embd]
    }
    layerNorm(weights.lnF(), n); // [n_seq, n_embd] -> [n_seq, n_embd]
    see("ln_f", first, norm, n, nEmbd);
  }

  /** The logits [n_vocab] of the one row of which they are wanted, after {@link #forward}. */
  float[] logits(Rows rows) {
    head(rows, 0, 1, logits);
    return logits;
  }

  /** Hands over the logits of all rows of which they are wanted, after {@link #forward}. */
  void logits(Rows rows, LogitsSink each) {
    int nVocab = config.nVocab();
    if (logitsOfRows == null) {
      logitsOfRows = new float[HEAD_ROWS * nVocab];
    }
    for (int from = 0; from < rows.wantedCount(); from += HEAD_ROWS) {
      int n = Math.min(HEAD_ROWS, rows.wantedCount() - from);
      head(rows, from, n, logitsOfRows);
      for (int i = 0; i < n; i++) {
        System.arraycopy(logitsOfRows, i * nVocab, logits, 0, nVocab);
        each.accept(rows.wanted(from + i), logits);
      }
    }
  }

  /** Takes the logits of a row of {@link Rows}. */
  interface LogitsSink {
    void accept(int row, float[] logits);
  }

  /** x = wte[id] + wpe[position]. */
  private void embed(Rows rows) {
    for (int t = 0; t < rows.count(); t++) {
      long token = (long) rows.id(t) * nEmbd;
      long place = (long) rows.position(t) * nEmbd;
      for (int i = 0; i < nEmbd; i++) {
        x[t * nEmbd + i] = weights.wte().get(token + i) + weights.wpe().get(place + i);
      }
    }
    see("embd", first, x, rows.count(), nEmbd);
  }

  /** x += c_proj(attention(c_attn(ln_1(x)))); x += c_proj(gelu(c_fc(ln_2(x)))). */
  private void block(int l, Block b, Rows rows) {
    int n = rows.count();
    layerNorm(b.ln1(), n); // [n_seq, n_embd] -> [n_seq, n_embd]
    see(l, ".ln_1", norm, n, nEmbd);
    linear.run(norm, b.cAttn(), qkv, n); // [n_seq, n_embd] -> [n_seq, 3*n_embd]
    see(l, ".attn.c_attn", qkv, n, 3 * nEmbd);
    attention.run(rows, l, qkv, heads, probe); // [n_seq, 3*n_embd] -> [n_seq, n_embd]
    see(l, ".attn.out", heads, n, nEmbd);
    linear.run(heads, b.cProj(), norm, n); // [n_seq, n_embd] -> [n_seq, n_embd]
    see(l, ".attn.c_proj", norm, n, nEmbd);
    kernels.add(x, 0, norm, 0, n * nEmbd);

    layerNorm(b.ln2(), n); // [n_seq, n_embd] -> [n_seq, n_embd]
    see(l, ".ln_2", norm, n, nEmbd);
    linear.run(norm, b.cFc(), hidden, n); // [n_seq, n_embd] -> [n_seq, n_inner]
    see(l, ".mlp.c_fc", hidden, n, config.nInner());
    workers.run(gelus, n);
    see(l, ".mlp.gelu", hidden, n, config.nInner());
    linear.run(hidden, b.mlpProj(), norm, n); // [n_seq, n_inner] -> [n_seq, n_embd]
    see(l, ".mlp.c_proj", norm, n, nEmbd);
    kernels.add(x, 0, norm, 0, n * nEmbd);
    see(l, "", x, n, nEmbd);
  }

  private void layerNorm(Norm n, int rows) {
    norms.weights = n;
    workers.run(norms, rows);
  }

  /**
   * Logits of {@code n} of the rows of which they are wanted, from that of index {@code from} on.
   */
  private void head(Rows rows, int from, int n, float[] y) { // [n, n_embd] -> [n, n_vocab]
    for (int i = 0; i < n; i++) {
      System.arraycopy(norm, rows.wanted(from + i) * nEmbd, heads, i * nEmbd, nEmbd);
    }
    head.y = y;
    head.rows = n;
    // Two chunks a thread, so that a slow thread leaves work to the others.
    head.columns = LinearLayer.wholeLanes(config.nVocab(), 2 * workers.count());
    workers.run(head, (config.nVocab() + head.columns - 1) / head.columns);
    see("logits", rows.position(rows.wanted(from)), y, n, config.nVocab());
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

  private void see(int layer, String part, float[] values, int rows, int width) {
    if (probe != null) {
      see("h." + layer + part, first, values, rows, width);
    }
  }

  private void see(String name, int position, float[] values, int rows, int width) {
    if (probe != null) {
      probe.see(name, position, new int[] {rows, width}, values);
    }
  }
}
