package org.fastgpt.conformance;

import java.lang.foreign.MemorySegment;
import java.util.stream.IntStream;
import org.fastgpt.GptConfig;
import org.fastgpt.model.Model;

/**
 * GPT-2 in double precision: the judge between engines. As plain as can be, so that it can be
 * believed: no kernels, no cache, no SPI, its own weight layout ([out, in], transposed from the
 * checkpoint's [in, out]), tanh and exp of {@link StrictMath}. It is itself held to HuggingFace's
 * float64 results. It shares with the engines nothing but the reading of the model's files.
 */
public final class Oracle {

  /** Sees an activation, as {@link org.fastgpt.Probe} does, in double precision. */
  @FunctionalInterface
  public interface Watcher {
    /**
     * {@code values} [rows, width], or [n_head, rows, rows] of a softmax; the watcher's to keep.
     */
    void see(String name, double[] values);
  }

  private final GptConfig config;
  private final Model model;
  private final double epsilon;
  private final Block[] blocks;
  private final Matrix head;

  private record Matrix(float[] w, float[] b, int in, int out) {}

  private record Block(Matrix cAttn, Matrix attnProj, Matrix cFc, Matrix mlpProj) {}

  /** Reads the model's weights; the model may be closed afterwards no earlier than the oracle. */
  public Oracle(Model model) {
    this.model = model;
    config = model.config();
    // The decimal number that config.json has, 1e-5, and not the float32 next to it: in a model of
    // small variances the difference shows in the eleventh digit of the logits.
    epsilon = Double.parseDouble(Float.toString(config.layerNormEpsilon()));
    int e = config.nEmbd();
    blocks =
        IntStream.range(0, config.nLayer())
            .mapToObj(
                l ->
                    new Block(
                        transposed("h." + l + ".attn.c_attn", e, 3 * e),
                        transposed("h." + l + ".attn.c_proj", e, e),
                        transposed("h." + l + ".mlp.c_fc", e, config.nInner()),
                        transposed("h." + l + ".mlp.c_proj", config.nInner(), e)))
            .toArray(Block[]::new);
    String headName = config.tieWordEmbeddings() ? "wte.weight" : "lm_head.weight";
    head = new Matrix(vector(headName), new float[config.nVocab()], e, config.nVocab());
  }

  private Matrix transposed(String name, int in, int out) {
    MemorySegment w = model.floats(name + ".weight");
    float[] transposed = new float[in * out];
    for (int i = 0; i < in; i++) {
      for (int o = 0; o < out; o++) {
        transposed[o * in + i] = w.getAtIndex(Model.FLOAT, (long) i * out + o);
      }
    }
    return new Matrix(transposed, vector(name + ".bias"), in, out);
  }

  private float[] vector(String name) {
    return model.floats(name).toArray(Model.FLOAT);
  }

  /** The logits [n_seq, n_vocab] of a sequence. */
  public double[] logits(int[] ids) {
    return logits(ids, (name, values) -> {});
  }

  /** The logits [n_seq, n_vocab] of a sequence, with every activation on the way. */
  public double[] logits(int[] ids, Watcher watcher) {
    int n = ids.length;
    int e = config.nEmbd();
    double[] x = embed(ids); // [n_seq, n_embd]
    watcher.see("embd", x.clone());
    for (int l = 0; l < blocks.length; l++) {
      Block block = blocks[l];
      String h = "h." + l + ".";

      double[] normed = watch(watcher, h + "ln_1", layerNorm(x, h + "ln_1", n));
      double[] qkv = watch(watcher, h + "attn.c_attn", linear(normed, block.cAttn, n));
      double[] p = watch(watcher, h + "attn.softmax", attention(qkv, l, n));
      double[] mixed = watch(watcher, h + "attn.out", mix(p, qkv, n));
      add(x, watch(watcher, h + "attn.c_proj", linear(mixed, block.attnProj, n)));

      normed = watch(watcher, h + "ln_2", layerNorm(x, h + "ln_2", n));
      double[] hidden = watch(watcher, h + "mlp.c_fc", linear(normed, block.cFc, n));
      hidden = watch(watcher, h + "mlp.gelu", gelu(hidden));
      add(x, watch(watcher, h + "mlp.c_proj", linear(hidden, block.mlpProj, n)));
      watcher.see("h." + l, x.clone());
    }
    double[] last = watch(watcher, "ln_f", layerNorm(x, "ln_f", n));
    assert last.length == n * e;
    return watch(watcher, "logits", linear(last, head, n));
  }

  private static double[] watch(Watcher watcher, String name, double[] values) {
    watcher.see(name, values);
    return values;
  }

  private double[] embed(int[] ids) {
    int e = config.nEmbd();
    MemorySegment wte = model.floats("wte.weight");
    MemorySegment wpe = model.floats("wpe.weight");
    double[] x = new double[ids.length * e];
    for (int t = 0; t < ids.length; t++) {
      for (int i = 0; i < e; i++) {
        x[t * e + i] =
            (double) wte.getAtIndex(Model.FLOAT, (long) ids[t] * e + i)
                + wpe.getAtIndex(Model.FLOAT, (long) t * e + i);
      }
    }
    return x;
  }

  private double[] layerNorm(double[] x, String name, int n) {
    int e = config.nEmbd();
    float[] g = vector(name + ".weight");
    float[] b = vector(name + ".bias");
    double[] y = new double[n * e];
    for (int t = 0; t < n; t++) {
      double mean = 0;
      for (int i = 0; i < e; i++) {
        mean += x[t * e + i] / e;
      }
      double variance = 0;
      for (int i = 0; i < e; i++) {
        variance += (x[t * e + i] - mean) * (x[t * e + i] - mean) / e;
      }
      double deviation = Math.sqrt(variance + epsilon);
      for (int i = 0; i < e; i++) {
        y[t * e + i] = (x[t * e + i] - mean) / deviation * g[i] + b[i];
      }
    }
    return y;
  }

  private static double[] linear(double[] x, Matrix m, int n) {
    double[] y = new double[n * m.out];
    IntStream.range(0, m.out)
        .parallel()
        .forEach(
            o -> {
              for (int t = 0; t < n; t++) {
                y[t * m.out + o] = m.b[o] + dot(x, t * m.in, m.w, o * m.in, m.in);
              }
            });
    return y;
  }

  /** Four sums instead of one, for speed alone: in double their order does not matter here. */
  private static double dot(double[] x, int xAt, float[] w, int wAt, int n) {
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
    double s3 = 0;
    int i = 0;
    for (; i + 4 <= n; i += 4) {
      s0 += x[xAt + i] * w[wAt + i];
      s1 += x[xAt + i + 1] * w[wAt + i + 1];
      s2 += x[xAt + i + 2] * w[wAt + i + 2];
      s3 += x[xAt + i + 3] * w[wAt + i + 3];
    }
    for (; i < n; i++) {
      s0 += x[xAt + i] * w[wAt + i];
    }
    return s0 + s1 + s2 + s3;
  }

  /** Softmax of the causal scores: [n_head, n_seq, n_seq], zero where masked. */
  private double[] attention(double[] qkv, int layer, int n) {
    int e = config.nEmbd();
    int size = config.headSize();
    double scale = config.scaleAttnWeights() ? 1 / Math.sqrt(size) : 1;
    scale = config.scaleAttnByInverseLayerIdx() ? scale / (layer + 1) : scale;
    double[] p = new double[config.nHead() * n * n];
    for (int h = 0; h < config.nHead(); h++) {
      for (int t = 0; t < n; t++) {
        int row = (h * n + t) * n;
        double max = Double.NEGATIVE_INFINITY;
        for (int s = 0; s <= t; s++) {
          double score = 0;
          for (int i = 0; i < size; i++) {
            score += qkv[t * 3 * e + h * size + i] * qkv[s * 3 * e + e + h * size + i];
          }
          p[row + s] = score * scale;
          max = Math.max(max, p[row + s]);
        }
        double sum = 0;
        for (int s = 0; s <= t; s++) {
          p[row + s] = StrictMath.exp(p[row + s] - max);
          sum += p[row + s];
        }
        for (int s = 0; s <= t; s++) {
          p[row + s] /= sum;
        }
      }
    }
    return p;
  }

  /** The values weighted by p, heads side by side: [n_seq, n_embd]. */
  private double[] mix(double[] p, double[] qkv, int n) {
    int e = config.nEmbd();
    int size = config.headSize();
    double[] y = new double[n * e];
    for (int h = 0; h < config.nHead(); h++) {
      for (int t = 0; t < n; t++) {
        for (int s = 0; s <= t; s++) {
          double weight = p[(h * n + t) * n + s];
          for (int i = 0; i < size; i++) {
            y[t * e + h * size + i] += weight * qkv[s * 3 * e + 2 * e + h * size + i];
          }
        }
      }
    }
    return y;
  }

  private static double[] gelu(double[] x) {
    double[] y = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      double u = Math.sqrt(2 / Math.PI) * (x[i] + 0.044715 * x[i] * x[i] * x[i]);
      y[i] = 0.5 * x[i] * (1 + StrictMath.tanh(u));
    }
    return y;
  }

  private static void add(double[] x, double[] y) {
    for (int i = 0; i < x.length; i++) {
      x[i] += y[i];
    }
  }
}
