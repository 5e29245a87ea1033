package org.fastgpt.core;

import java.util.Arrays;

/** The definition: plain loops, in the order in which every other implementation must sum. */
final class ScalarKernels implements Kernels {

  @Override
  public String name() {
    return "scalar";
  }

  @Override
  public void linear(
      float[] x,
      int rows,
      int in,
      int k,
      int kEnd,
      Matrix w,
      float[] y,
      int yAt,
      int out,
      int from,
      int to,
      Scratch scratch) {
    float[] chains = scratch.floats(to - from); // all columns at once: W is read as it lies
    for (int t = 0; t < rows; t++) {
      Arrays.fill(chains, 0, to - from, 0);
      for (int i = k; i < kEnd; i++) {
        float xi = x[t * in + i];
        long row = (long) i * out;
        for (int o = from; o < to; o++) {
          chains[o - from] = Math.fma(xi, w.get(row + o), chains[o - from]);
        }
      }
      for (int o = from; o < to; o++) {
        y[yAt + t * out + o] += chains[o - from];
      }
    }
  }

  @Override
  public void linearTransposed(
      float[] x,
      int rows,
      int in,
      Matrix w,
      float[] y,
      int out,
      int from,
      int to,
      Scratch scratch) {
    float[] lanes = scratch.lanes;
    for (int o = from; o < to; o++) {
      for (int t = 0; t < rows; t++) {
        Arrays.fill(lanes, 0);
        for (int i = 0; i < in; i++) {
          float wi = w.get((long) o * in + i);
          lanes[i % LANES] = Math.fma(x[t * in + i], wi, lanes[i % LANES]);
        }
        y[t * out + o] = fold(lanes);
      }
    }
  }

  @Override
  public void layerNorm(
      float[] x, float[] g, float[] b, float eps, float[] y, int at, int n, Scratch scratch) {
    float[] lanes = scratch.lanes;
    Arrays.fill(lanes, 0);
    for (int i = 0; i < n; i++) {
      lanes[i % LANES] += x[at + i];
    }
    float mean = fold(lanes) / n;
    Arrays.fill(lanes, 0);
    for (int i = 0; i < n; i++) {
      float d = x[at + i] - mean;
      lanes[i % LANES] = Math.fma(d, d, lanes[i % LANES]);
    }
    float rstd = 1 / (float) Math.sqrt(fold(lanes) / n + eps);
    for (int i = 0; i < n; i++) {
      y[at + i] = Math.fma((x[at + i] - mean) * rstd, g[i], b[i]);
    }
  }

  @Override
  public void gelu(float[] x, int at, int n, Scratch scratch) {
    for (int i = at; i < at + n; i++) {
      x[i] = gelu(x[i]);
    }
  }

  @Override
  public void geluFastTanh(float[] x, int at, int n) {
    for (int i = at; i < at + n; i++) {
      x[i] = geluFastTanh(x[i]);
    }
  }

  @Override
  public void softmax(float[] x, int at, int n, Scratch scratch) {
    float[] lanes = scratch.lanes;
    float max = x[at];
    for (int i = 1; i < n; i++) {
      max = Math.max(max, x[at + i]);
    }
    Arrays.fill(lanes, 0);
    for (int i = 0; i < n; i++) {
      x[at + i] = exp(x[at + i] - max);
      lanes[i % LANES] += x[at + i];
    }
    float sum = fold(lanes);
    for (int i = 0; i < n; i++) {
      x[at + i] /= sum;
    }
  }

  @Override
  public void scores(
      float[] q,
      int qAt,
      int qStride,
      int rows,
      float[] k,
      int kAt,
      int headSize,
      float scale,
      float[] scores,
      int to,
      int stride) {
    for (int t = 0; t < rows; t++) {
      for (int s = 0; s < LANES; s++) {
        float sum = 0;
        for (int i = 0; i < headSize; i++) {
          sum = Math.fma(q[qAt + t * qStride + i], k[kAt + i * LANES + s], sum);
        }
        scores[to + t * stride + s] = scale * sum;
      }
    }
  }

  @Override
  public void mix(
      float[] p,
      int pAt,
      int pStride,
      int rows,
      int n,
      float[] v,
      int vAt,
      int headSize,
      float[] out,
      int to,
      int stride) {
    for (int t = 0; t < rows; t++) {
      for (int s = 0; s < n; s++) {
        float ps = p[pAt + t * pStride + s];
        for (int o = 0; o < headSize; o++) {
          int at = to + t * stride + o;
          out[at] = Math.fma(ps, v[vAt + s * headSize + o], out[at]);
        }
      }
    }
  }

  @Override
  public void add(float[] x, int xAt, float[] y, int yAt, int n) {
    for (int i = 0; i < n; i++) {
      x[xAt + i] += y[yAt + i];
    }
  }

  /** Folds the 32 accumulators pairwise; destroys them. */
  static float fold(float[] lanes) {
    for (int half = LANES / 2; half > 0; half /= 2) {
      for (int c = 0; c < half; c++) {
        lanes[c] += lanes[c + half];
      }
    }
    return lanes[0];
  }

  /** -2 sqrt(2/pi), and that times 0.044715: GELU's -2u = x (A + B x²). */
  static final float GELU_A = (float) -1.5957691216057308;

  static final float GELU_B = (float) -0.07135481627260025;

  static float gelu(float x) {
    return x / (1 + exp(x * Math.fma(GELU_B, x * x, GELU_A)));
  }

  /** sqrt(2/pi), and that times 0.044715: GELU's u = x (A + B x²). */
  static final float FAST_A = (float) 0.7978845608028654;

  static final float FAST_B = (float) 0.035677408136300125;

  static float geluFastTanh(float x) {
    float half = 0.5f * x;
    return Math.fma(half, fastTanh(x * Math.fma(FAST_B, x * x, FAST_A)), half);
  }

  /** Beyond ± this, {@link #fastTanh} is ± 1. */
  static final float FAST_END = 5f;

  /** The polynomial's coefficients of x, x³, …, x¹⁷. */
  @SuppressWarnings("FloatingPointLiteralPrecision") // the digits of gpt2.f90, to be compared
  static final float[] FAST_C = {
    (float) 0.98569772605911309407,
    (float) -0.2794500993392901382,
    (float) 6.8280504526399188164e-2,
    (float) -1.0972014877337651823e-2,
    (float) 1.1132367134444316902e-3,
    (float) -7.018851897305717565e-5,
    (float) 2.656616768082727089e-6,
    (float) -5.5138381821615909058e-8,
    (float) 4.8162484477588665996e-10,
  };

  /** {@code fast_tanh} of fastGPT's gpt2.f90; Horner's rule in fma from the highest power down. */
  static float fastTanh(float x) {
    if (x > FAST_END) {
      return 1;
    }
    if (x < -FAST_END) {
      return -1;
    }
    float p = FAST_C[FAST_C.length - 1];
    for (int i = FAST_C.length - 2; i >= 0; i--) {
      p = Math.fma(p, x * x, FAST_C[i]);
    }
    return x * p;
  }

  static final float EXP_MIN = -87f; // just above the smallest normal number, 2^-126
  static final float EXP_MAX = 88f; // just below the largest, 2^128
  static final float LOG2_E = (float) 1.4426950408889634;
  // ln 2 in two parts: n * LN2_HI is exact for the n that occur.
  static final float LN2_HI = (float) 0.693359375;
  static final float LN2_LO = (float) -2.12194440e-4;
  // 1.5 * 2^23: adding it rounds to an integer, which then stands in the low bits.
  static final float ROUND = 12582912f;
  static final float EXP_C6 = (float) 1.9875691500e-4;
  static final float EXP_C5 = (float) 1.3981999507e-3;
  static final float EXP_C4 = (float) 8.3334519073e-3;
  static final float EXP_C3 = (float) 4.1665795894e-2;
  static final float EXP_C2 = (float) 1.6666665459e-1;
  static final float EXP_C1 = (float) 5.0000001201e-1;

  /**
   * e^x = 2^n e^r, with n an integer, |r| at most ln(2)/2, and e^r by the polynomial of Cephes'
   * expf (Moshier). 0 below -87; x above 88 counts as 88. Error at most 1 ulp. Never Math.exp: its
   * bits may differ from machine to machine.
   */
  static float exp(float x) {
    float c = Math.min(Math.max(x, EXP_MIN), EXP_MAX);
    float z = Math.fma(c, LOG2_E, ROUND);
    float n = z - ROUND;
    float r = Math.fma(n, -LN2_LO, Math.fma(n, -LN2_HI, c));
    float p = Math.fma(EXP_C6, r, EXP_C5);
    p = Math.fma(p, r, EXP_C4);
    p = Math.fma(p, r, EXP_C3);
    p = Math.fma(p, r, EXP_C2);
    p = Math.fma(p, r, EXP_C1);
    p = Math.fma(p, r * r, r) + 1;
    float y = Float.intBitsToFloat(Float.floatToRawIntBits(p) + (Float.floatToRawIntBits(z) << 23));
    return x < EXP_MIN ? 0 : y;
  }
}
