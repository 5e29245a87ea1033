package org.fastgpt.conformance.mutants;

import java.util.Arrays;
import org.fastgpt.GptConfig;
import org.fastgpt.Probe;
import org.fastgpt.Session;

/**
 * GPT-2's forward pass over one sequence, layer by layer for all rows of a call, each row for
 * itself. As picoGPT, with a KV cache. Every {@code has} is a fault that {@link Mutation} explains.
 */
final class PlainSession implements Session {

  private final PlainEngine engine;
  private final GptConfig config;
  private final int nEmbd;
  private final int padding; // rows at the begin of the sequence that are not of the text
  private final float[] logits;
  private PlainEngine.Cache cache; // null: closed
  private int length; // rows in the cache, padding included
  private boolean rewound; // since the last forward
  private int decoded; // calls of one token since the begin or the last rewind
  private Probe probe;

  /**
   * @param padding how many of the first tokens to come fill a row of a batch on its left: others
   *     do not see them, and positions are counted from after them
   */
  PlainSession(PlainEngine engine, int padding) {
    this.engine = engine;
    this.padding = padding;
    config = engine.config();
    nEmbd = config.nEmbd();
    logits = new float[config.nVocab()];
    cache = engine.newCache();
  }

  private boolean has(Mutation fault) {
    return engine.has(fault);
  }

  @Override
  public int position() {
    return length;
  }

  @Override
  public float[] forward(int... ids) {
    int[] taken = accepted(ids);
    if (taken.length > 0) { // 0 with CONTEXT_FULL_IGNORED alone
      float[] x = blocks(taken);
      head(x, taken.length - 1, length - 1);
    }
    return logits;
  }

  @Override
  public void forward(int[] ids, LogitsSink each) {
    int[] taken = accepted(ids);
    if (taken.length == 0) { // with CONTEXT_FULL_IGNORED alone
      return;
    }
    float[] x = blocks(taken);
    int first = length - taken.length;
    for (int t = 0; t < taken.length; t++) {
      int row = has(Mutation.LOGITS_ONE_ROW_LATE) ? Math.max(t - 1, 0) : t;
      head(x, row, first + t);
      each.accept(first + t, logits);
    }
  }

  /** The ids to process: all. */
  private int[] accepted(int[] ids) {
    checkOpen();
    if (has(Mutation.TOKEN_OUT_OF_RANGE_EXCEPTION)) {
      for (int id : ids) {
        if (id < 0 || id >= config.nVocab()) {
          throw new IndexOutOfBoundsException(id);
        }
      }
    }
    int room = config.nCtx() - length;
    if (has(Mutation.CONTEXT_FULL_IGNORED) && ids.length > room) {
      return Arrays.copyOf(ids, room);
    }
    config.checkInput(ids, has(Mutation.LAST_POSITION_UNUSABLE) ? length + 1 : length);
    return ids;
  }

  /** All but the head: [n_seq] -> [n_seq, n_embd]. */
  private float[] blocks(int[] ids) {
    int n = ids.length;
    decoded += n == 1 && length > 0 ? 1 : 0;
    float[] x = embed(ids); // [n_seq] -> [n_seq, n_embd]
    see("embd", x, n);
    for (int l = 0; l < config.nLayer(); l++) {
      block(l, x, n); // [n_seq, n_embd] -> [n_seq, n_embd]
    }
    float[] normed = has(Mutation.LN_F_LEFT_OUT) ? x : layerNorm("ln_f", x, n);
    see("ln_f", normed, n);
    length += n;
    rewound = false;
    return normed;
  }

  private float[] embed(int[] ids) {
    float[] wte = engine.weights("wte.weight");
    float[] wpe = engine.weights("wpe.weight");
    float[] x = new float[ids.length * nEmbd];
    for (int t = 0; t < ids.length; t++) {
      int position = Math.max(length + t - padding, 0);
      if (has(Mutation.POSITIONS_OFF_BY_ONE)) {
        position = Math.min(position + 1, config.nCtx() - 1);
      }
      boolean placed = !(has(Mutation.WPE_MISSING_WHEN_DECODING) && decoded > 1);
      for (int i = 0; i < nEmbd; i++) {
        x[t * nEmbd + i] = wte[ids[t] * nEmbd + i] + (placed ? wpe[position * nEmbd + i] : 0);
      }
    }
    return x;
  }

  /** x += c_proj(attention(c_attn(ln_1(x)))); x += c_proj(gelu(c_fc(ln_2(x)))). */
  private void block(int l, float[] x, int n) {
    String h = "h." + l + ".";
    float[] normed = layerNorm(h + "ln_1", x, n);
    see(h + "ln_1", normed, n);
    float[] qkv = linear(h + "attn.c_attn", normed, n, has(Mutation.C_ATTN_TRANSPOSED), true);
    float[] mixed = attention(l, qkv, n); // [n_seq, 3*n_embd] -> [n_seq, n_embd]
    see(h + "attn.out", mixed, n);
    add(x, linear(h + "attn.c_proj", mixed, n, false, !has(Mutation.ATTN_BIAS_LEFT_OUT)));

    normed = layerNorm(h + "ln_2", x, n);
    see(h + "ln_2", normed, n);
    float[] hidden = linear(h + "mlp.c_fc", normed, n, false, true); // -> [n_seq, n_inner]
    for (int i = 0; i < hidden.length; i++) {
      hidden[i] = gelu(hidden[i]);
    }
    see(h + "mlp.gelu", hidden, n);
    add(x, linear(h + "mlp.c_proj", hidden, n, false, !has(Mutation.MLP_BIAS_LEFT_OUT)));
    see("h." + l, x, n);
  }

  private float[] layerNorm(String name, float[] x, int n) {
    float[] g = engine.weights(name + ".weight");
    float[] b = engine.weights(name + ".bias");
    float epsilon = has(Mutation.EPSILON_1E_6) ? 1e-6f : config.layerNormEpsilon();
    int count = has(Mutation.UNBIASED_VARIANCE) ? nEmbd - 1 : nEmbd;
    float[] y = new float[n * nEmbd];
    for (int row = 0; row < y.length; row += nEmbd) {
      float sum = 0;
      for (int i = 0; i < nEmbd; i++) {
        sum += x[row + i];
      }
      float mean = sum / nEmbd;
      float squares = 0;
      for (int i = 0; i < nEmbd; i++) {
        squares += (x[row + i] - mean) * (x[row + i] - mean);
      }
      float deviation = (float) Math.sqrt(squares / count + epsilon);
      for (int i = 0; i < nEmbd; i++) {
        y[row + i] = (x[row + i] - mean) / deviation * g[i] + b[i];
      }
    }
    return y;
  }

  /** y = x W + b, W [in, out]; if {@code transposed}, wrongly, the same memory as [out, in]. */
  private float[] linear(String name, float[] x, int n, boolean transposed, boolean biased) {
    float[] w = engine.weights(name + ".weight");
    float[] b = engine.weights(name + ".bias");
    int out = b.length;
    int in = w.length / out;
    float[] y = new float[n * out];
    float[] row =
        new float[out]; // of W, and not W itself: C2 makes vectors of sums[o], row[o] alone
    for (int t = 0; t < n; t++) {
      float[] sums = biased ? b.clone() : new float[out];
      for (int i = 0; i < in; i++) {
        row(w, i, in, transposed, row);
        float xi = x[t * in + i];
        for (int o = 0; o < out; o++) {
          sums[o] += xi * row[o];
        }
      }
      System.arraycopy(sums, 0, y, t * out, out);
    }
    see(name, y, n);
    return y;
  }

  /** Row {@code i} of W [in, out]. */
  private static void row(float[] w, int i, int in, boolean transposed, float[] row) {
    if (!transposed) {
      System.arraycopy(w, i * row.length, row, 0, row.length);
      return;
    }
    for (int o = 0; o < row.length; o++) {
      row[o] = w[o * in + i];
    }
  }

  /** softmax(q kᵀ / sqrt(headSize)) v, heads side by side: [n_seq, 3*n_embd] -> [n_seq, n_embd]. */
  private float[] attention(int l, float[] qkv, int n) {
    int q = has(Mutation.Q_K_SWAPPED) ? nEmbd : 0;
    int k = has(Mutation.Q_K_SWAPPED) ? 0 : has(Mutation.K_V_SWAPPED) ? 2 * nEmbd : nEmbd;
    int v = has(Mutation.K_V_SWAPPED) ? nEmbd : 2 * nEmbd;
    for (int t = 0; t < n; t++) {
      int row = t * 3 * nEmbd;
      int slot = (length + t) * nEmbd;
      if (!(has(Mutation.STALE_CACHE) && rewound && t == 0)) {
        System.arraycopy(qkv, row + k, cache.keys[l], slot, nEmbd);
      }
      System.arraycopy(qkv, row + v, cache.values[l], slot, nEmbd);
    }
    int size = config.headSize();
    int width = length + n;
    float[] p = new float[config.nHead() * n * width]; // [n_head, n_seq, width]
    float[] y = new float[n * nEmbd];
    for (int h = 0; h < config.nHead(); h++) {
      for (int t = 0; t < n; t++) {
        int row = (h * n + t) * width;
        int from = row + firstSeen(t, n);
        int to = row + lastSeen(t, n);
        for (int i = from; i <= to; i++) {
          int key = (i - row) * nEmbd + h * size;
          p[i] = scale(l) * dot(qkv, t * 3 * nEmbd + q + h * size, cache.keys[l], key, size);
        }
        softmax(p, from, to);
        for (int i = from; i <= to; i++) {
          int value = (i - row) * nEmbd + h * size;
          for (int o = 0; o < size; o++) {
            y[t * nEmbd + h * size + o] += p[i] * cache.values[l][value + o];
          }
        }
      }
    }
    if (probe != null) {
      int[] shape = {config.nHead(), n, width};
      probe.see("h." + l + ".attn.softmax", length, shape, p);
    }
    return y;
  }

  /** The first row of the sequence that row {@code t} of a call of {@code n} sees. */
  private int firstSeen(int t, int n) {
    if (has(Mutation.CHUNK_FORGETS_THE_PAST) && t == 0 && n > 1) {
      return length;
    }
    return has(Mutation.PADDING_NOT_MASKED) ? 0 : padding;
  }

  /** The last row of the sequence that row {@code t} of a call of {@code n} sees: its own. */
  private int lastSeen(int t, int n) {
    if (has(Mutation.NO_MASK)) {
      return length + n - 1;
    }
    return length + (has(Mutation.MASK_SHIFTED) ? Math.min(t + 1, n - 1) : t);
  }

  private float scale(int l) {
    double scale = config.scaleAttnWeights() ? 1 / Math.sqrt(config.headSize()) : 1;
    if (has(Mutation.NO_SCALE)) {
      scale = 1;
    }
    return (float) (config.scaleAttnByInverseLayerIdx() ? scale / (l + 1) : scale);
  }

  private static void softmax(float[] p, int from, int to) {
    float max = Float.NEGATIVE_INFINITY;
    for (int i = from; i <= to; i++) {
      max = Math.max(max, p[i]);
    }
    float sum = 0;
    for (int i = from; i <= to; i++) {
      p[i] = (float) StrictMath.exp(p[i] - max);
      sum += p[i];
    }
    for (int i = from; i <= to; i++) {
      p[i] /= sum;
    }
  }

  private float gelu(float x) {
    double u = Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x);
    double tanh =
        has(Mutation.ERF_GELU)
            ? erf(x / Math.sqrt(2))
            : has(Mutation.FAST_TANH) ? fastTanh(u) : StrictMath.tanh(u);
    return (float) (0.5 * x * (1 + tanh));
  }

  /** The error function, to 1.5e-7. Abramowitz and Stegun 7.1.26. */
  private static double erf(double x) {
    double t = 1 / (1 + 0.3275911 * Math.abs(x));
    double[] a = {1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592};
    return Math.copySign(1 - t * polynomial(a, t) * StrictMath.exp(-x * x), x);
  }

  /**
   * The tanh of fastGPT's {@code fast_tanh}: the odd polynomial of degree 17 that is nearest to
   * tanh on [-5, 5], by Remez' algorithm; 3.0e-3 off at 4.92, 1.0029 at 5, and 1 above.
   */
  static double fastTanh(double x) {
    double[] a = {
      4.81624922835e-10,
      -5.51383893265e-8,
      2.65661706020e-6,
      -7.01885248773e-5,
      1.11323677948e-3,
      -1.09720152796e-2,
      6.82805057466e-2,
      -0.279450100819,
      0.985697726430
    };
    return Math.abs(x) > 5 ? Math.signum(x) : x * polynomial(a, x * x);
  }

  /** Coefficients from the highest power down. */
  private static double polynomial(double[] a, double x) {
    double y = 0;
    for (double coefficient : a) {
      y = y * x + coefficient;
    }
    return y;
  }

  /** Logits of a row: [n_embd] -> [n_vocab]. */
  private void head(float[] x, int row, int position) {
    float[] w = engine.headWeights();
    for (int o = 0; o < logits.length; o++) {
      logits[o] = dot(x, row * nEmbd, w, o * nEmbd, nEmbd);
      if (has(Mutation.NONDETERMINISTIC)) {
        logits[o] += engine.noise() * Math.ulp(logits[o]);
      }
    }
    if (probe != null) {
      probe.see("logits", position, new int[] {1, logits.length}, logits);
    }
  }

  private static float dot(float[] x, int xAt, float[] y, int yAt, int n) {
    float sum = 0;
    for (int i = 0; i < n; i++) {
      sum += x[xAt + i] * y[yAt + i];
    }
    return sum;
  }

  private static void add(float[] x, float[] y) {
    for (int i = 0; i < x.length; i++) {
      x[i] += y[i];
    }
  }

  @Override
  public void rewind(int to) {
    checkOpen();
    GptConfig.checkRewind(to, length);
    rewound |= to < length;
    length = to;
    decoded = 0;
  }

  @Override
  public boolean observe(Probe observer) {
    checkOpen();
    probe = observer;
    return true;
  }

  private void see(String name, float[] values, int n) {
    if (probe != null) {
      probe.see(name, length, new int[] {n, values.length / n}, values);
    }
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
