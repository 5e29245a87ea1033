package org.fastgpt.core;

import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LT;
import static jdk.incubator.vector.VectorOperators.MAX;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * The same sums as {@link ScalarKernels}, in the same order, by the Vector API. Touched only where
 * the module jdk.incubator.vector is present.
 *
 * <p>Vectors lie across outputs, so a chain is one lane of one accumulator; a lanes sum is 32 /
 * width accumulators side by side. No reduceLanes of floats (its order is not defined), no lanewise
 * EXP or TANH (their bits differ by machine).
 */
final class VectorKernels implements Kernels {

  /** The width: what the machine prefers, or the property fastgpt.vectorBits (128, 256, 512). */
  private static final VectorSpecies<Float> S = species();

  private static final int W = S.length();
  private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;

  private static VectorSpecies<Float> species() {
    String bits = System.getProperty("fastgpt.vectorBits", "preferred");
    return switch (bits) {
      case "preferred" ->
          // The order of sums fits vectors of up to 32 floats; none wider than 512 bits is tried.
          FloatVector.SPECIES_PREFERRED.length() <= 16
              ? FloatVector.SPECIES_PREFERRED
              : FloatVector.SPECIES_512;
      case "128" -> FloatVector.SPECIES_128;
      case "256" -> FloatVector.SPECIES_256;
      case "512" -> FloatVector.SPECIES_512;
      default ->
          throw new IllegalArgumentException(
              "fastgpt.vectorBits '" + bits + "' is unknown; there are: preferred, 128, 256, 512");
    };
  }

  @Override
  public String name() {
    return "vector-" + S.vectorBitSize();
  }

  @Override
  public void linear(
      float[] x,
      int rows,
      int in,
      MemorySegment w,
      float[] b,
      float[] y,
      int out,
      int from,
      int to) {
    int t = 0;
    for (; t + 4 <= rows; t += 4) {
      linear4(x, t, in, w, b, y, out, from, to);
    }
    for (; t < rows; t++) {
      linear1(x, t, in, w, b, y, out, from, to);
    }
  }

  /**
   * One row: reads W row by row as it lies in memory, eight rows at a time, so that y, which stays
   * in the L1 cache, is loaded and stored once for eight multiplications.
   */
  private static void linear1(
      float[] x, int t, int in, MemorySegment w, float[] b, float[] y, int out, int from, int to) {
    System.arraycopy(b, from, y, t * out + from, to - from);
    int i = 0;
    for (; i + 8 <= in; i += 8) {
      add8Rows(x, t * in + i, w, (long) i * out, y, t * out, out, from, to);
    }
    for (; i < in; i++) {
      addRow(x[t * in + i], w, (long) i * out, y, t * out, from, to);
    }
  }

  private static void add8Rows(
      float[] x,
      int xAt,
      MemorySegment w,
      long row,
      float[] y,
      int yAt,
      int out,
      int from,
      int to) {
    FloatVector x0 = FloatVector.broadcast(S, x[xAt]);
    FloatVector x1 = FloatVector.broadcast(S, x[xAt + 1]);
    FloatVector x2 = FloatVector.broadcast(S, x[xAt + 2]);
    FloatVector x3 = FloatVector.broadcast(S, x[xAt + 3]);
    FloatVector x4 = FloatVector.broadcast(S, x[xAt + 4]);
    FloatVector x5 = FloatVector.broadcast(S, x[xAt + 5]);
    FloatVector x6 = FloatVector.broadcast(S, x[xAt + 6]);
    FloatVector x7 = FloatVector.broadcast(S, x[xAt + 7]);
    long stride = 4L * out;
    int o = from;
    for (; o + W <= to; o += W) {
      long at = 4 * (row + o);
      FloatVector sum = FloatVector.fromArray(S, y, yAt + o);
      sum = x0.fma(load(w, at), sum);
      sum = x1.fma(load(w, at + stride), sum);
      sum = x2.fma(load(w, at + 2 * stride), sum);
      sum = x3.fma(load(w, at + 3 * stride), sum);
      sum = x4.fma(load(w, at + 4 * stride), sum);
      sum = x5.fma(load(w, at + 5 * stride), sum);
      sum = x6.fma(load(w, at + 6 * stride), sum);
      sum = x7.fma(load(w, at + 7 * stride), sum);
      sum.intoArray(y, yAt + o);
    }
    for (int i = 0; o < to && i < 8; i++) {
      addTail(x[xAt + i], w, row + (long) i * out, y, yAt, o, to);
    }
  }

  private static void addRow(
      float x, MemorySegment w, long row, float[] y, int yAt, int from, int to) {
    FloatVector xv = FloatVector.broadcast(S, x);
    int o = from;
    for (; o + W <= to; o += W) {
      xv.fma(load(w, 4 * (row + o)), FloatVector.fromArray(S, y, yAt + o)).intoArray(y, yAt + o);
    }
    addTail(x, w, row, y, yAt, o, to);
  }

  private static void addTail(
      float x, MemorySegment w, long row, float[] y, int yAt, int from, int to) {
    for (int o = from; o < to; o++) {
      y[yAt + o] = Math.fma(x, w.getAtIndex(FLOAT, row + o), y[yAt + o]);
    }
  }

  /** Four rows: a tile of 4 rows by 2 vectors stays in registers while i runs over all inputs. */
  private static void linear4(
      float[] x, int t, int in, MemorySegment w, float[] b, float[] y, int out, int from, int to) {
    int o = from;
    for (; o + 2 * W <= to; o += 2 * W) {
      tile4x2(x, t * in, in, w, b, y, t * out, out, o);
    }
    for (int row = t; row < t + 4 && o < to; row++) {
      linear1(x, row, in, w, b, y, out, o, to);
    }
  }

  private static void tile4x2(
      float[] x, int xAt, int in, MemorySegment w, float[] b, float[] y, int yAt, int out, int o) {
    FloatVector b0 = FloatVector.fromArray(S, b, o);
    FloatVector b1 = FloatVector.fromArray(S, b, o + W);
    FloatVector s00 = b0;
    FloatVector s01 = b1;
    FloatVector s10 = b0;
    FloatVector s11 = b1;
    FloatVector s20 = b0;
    FloatVector s21 = b1;
    FloatVector s30 = b0;
    FloatVector s31 = b1;
    for (int i = 0; i < in; i++) {
      long at = 4 * ((long) i * out + o);
      FloatVector w0 = load(w, at);
      FloatVector w1 = load(w, at + 4L * W);
      FloatVector x0 = FloatVector.broadcast(S, x[xAt + i]);
      FloatVector x1 = FloatVector.broadcast(S, x[xAt + in + i]);
      FloatVector x2 = FloatVector.broadcast(S, x[xAt + 2 * in + i]);
      FloatVector x3 = FloatVector.broadcast(S, x[xAt + 3 * in + i]);
      s00 = x0.fma(w0, s00);
      s01 = x0.fma(w1, s01);
      s10 = x1.fma(w0, s10);
      s11 = x1.fma(w1, s11);
      s20 = x2.fma(w0, s20);
      s21 = x2.fma(w1, s21);
      s30 = x3.fma(w0, s30);
      s31 = x3.fma(w1, s31);
    }
    s00.intoArray(y, yAt + o);
    s01.intoArray(y, yAt + o + W);
    s10.intoArray(y, yAt + out + o);
    s11.intoArray(y, yAt + out + o + W);
    s20.intoArray(y, yAt + 2 * out + o);
    s21.intoArray(y, yAt + 2 * out + o + W);
    s30.intoArray(y, yAt + 3 * out + o);
    s31.intoArray(y, yAt + 3 * out + o + W);
  }

  @Override
  public void linearTransposed(
      float[] x,
      int rows,
      int in,
      MemorySegment w,
      float[] y,
      int out,
      int from,
      int to,
      float[] lanes) {
    for (int o = from; o < to; o++) {
      for (int t = 0; t < rows; t++) {
        y[t * out + o] = dot(x, t * in, w, (long) o * in, in, lanes);
      }
    }
  }

  private static float dot(float[] x, int at, MemorySegment w, long row, int n, float[] lanes) {
    int whole = n / LANES * LANES;
    // Accumulator c of each block of 32; with W lanes to a vector, 32 / W vectors.
    switch (W) {
      case 16 -> dot2(x, at, w, row, whole, lanes);
      case 8 -> dot4(x, at, w, row, whole, 0, lanes);
      default -> {
        dot4(x, at, w, row, whole, 0, lanes);
        dot4(x, at, w, row, whole, 4 * W, lanes);
      }
    }
    for (int i = whole; i < n; i++) {
      lanes[i - whole] = Math.fma(x[at + i], w.getAtIndex(FLOAT, row + i), lanes[i - whole]);
    }
    return fold(lanes);
  }

  private static void dot2(float[] x, int at, MemorySegment w, long row, int n, float[] lanes) {
    FloatVector s0 = FloatVector.zero(S);
    FloatVector s1 = FloatVector.zero(S);
    for (int i = 0; i < n; i += LANES) {
      s0 = FloatVector.fromArray(S, x, at + i).fma(load(w, 4 * (row + i)), s0);
      s1 = FloatVector.fromArray(S, x, at + i + W).fma(load(w, 4 * (row + i + W)), s1);
    }
    s0.intoArray(lanes, 0);
    s1.intoArray(lanes, W);
  }

  /** Accumulators c to c + 4 W of the 32. */
  private static void dot4(
      float[] x, int at, MemorySegment w, long row, int n, int c, float[] lanes) {
    FloatVector s0 = FloatVector.zero(S);
    FloatVector s1 = FloatVector.zero(S);
    FloatVector s2 = FloatVector.zero(S);
    FloatVector s3 = FloatVector.zero(S);
    for (int i = c; i < n; i += LANES) {
      long from = 4 * (row + i);
      s0 = FloatVector.fromArray(S, x, at + i).fma(load(w, from), s0);
      s1 = FloatVector.fromArray(S, x, at + i + W).fma(load(w, from + 4L * W), s1);
      s2 = FloatVector.fromArray(S, x, at + i + 2 * W).fma(load(w, from + 8L * W), s2);
      s3 = FloatVector.fromArray(S, x, at + i + 3 * W).fma(load(w, from + 12L * W), s3);
    }
    s0.intoArray(lanes, c);
    s1.intoArray(lanes, c + W);
    s2.intoArray(lanes, c + 2 * W);
    s3.intoArray(lanes, c + 3 * W);
  }

  /** {@link ScalarKernels#fold}, a vector at a time as long as halves fill one. */
  private static float fold(float[] lanes) {
    int half = LANES / 2;
    for (; half >= W; half /= 2) {
      for (int c = 0; c < half; c += W) {
        FloatVector.fromArray(S, lanes, c)
            .add(FloatVector.fromArray(S, lanes, c + half))
            .intoArray(lanes, c);
      }
    }
    for (; half > 0; half /= 2) {
      for (int c = 0; c < half; c++) {
        lanes[c] += lanes[c + half];
      }
    }
    return lanes[0];
  }

  @Override
  public void layerNorm(
      float[] x, float[] g, float[] b, float eps, float[] y, int at, int n, float[] lanes) {
    int whole = n / LANES * LANES;
    for (int c = 0; c < LANES; c += W) {
      FloatVector sum = FloatVector.zero(S);
      for (int i = c; i < whole; i += LANES) {
        sum = sum.add(FloatVector.fromArray(S, x, at + i));
      }
      sum.intoArray(lanes, c);
    }
    for (int i = whole; i < n; i++) {
      lanes[i - whole] += x[at + i];
    }
    float mean = fold(lanes) / n;
    for (int c = 0; c < LANES; c += W) {
      FloatVector sum = FloatVector.zero(S);
      for (int i = c; i < whole; i += LANES) {
        FloatVector d = FloatVector.fromArray(S, x, at + i).sub(mean);
        sum = d.fma(d, sum);
      }
      sum.intoArray(lanes, c);
    }
    for (int i = whole; i < n; i++) {
      float d = x[at + i] - mean;
      lanes[i - whole] = Math.fma(d, d, lanes[i - whole]);
    }
    float rstd = 1 / (float) Math.sqrt(fold(lanes) / n + eps);
    int i = 0;
    for (; i + W <= n; i += W) {
      FloatVector.fromArray(S, x, at + i)
          .sub(mean)
          .mul(rstd)
          .fma(FloatVector.fromArray(S, g, i), FloatVector.fromArray(S, b, i))
          .intoArray(y, at + i);
    }
    for (; i < n; i++) {
      y[at + i] = Math.fma((x[at + i] - mean) * rstd, g[i], b[i]);
    }
  }

  @Override
  public void gelu(float[] x, int at, int n, float[] lanes) {
    int i = at;
    for (; i + LANES <= at + n; i += LANES) {
      for (int c = 0; c < LANES; c += W) {
        FloatVector v = FloatVector.fromArray(S, x, i + c);
        v.mul(v.mul(v).fma(all(ScalarKernels.GELU_B), all(ScalarKernels.GELU_A)))
            .intoArray(lanes, c);
      }
      exp(lanes, 0, LANES);
      for (int c = 0; c < LANES; c += W) {
        FloatVector.fromArray(S, x, i + c)
            .div(FloatVector.fromArray(S, lanes, c).add(1))
            .intoArray(x, i + c);
      }
    }
    for (; i < at + n; i++) {
      x[i] = ScalarKernels.gelu(x[i]);
    }
  }

  @Override
  public void geluFastTanh(float[] x, int at, int n) {
    float[] c = ScalarKernels.FAST_C;
    int i = at;
    for (; i + W <= at + n; i += W) {
      FloatVector v = FloatVector.fromArray(S, x, i);
      FloatVector u = v.mul(v.mul(v).fma(all(ScalarKernels.FAST_B), all(ScalarKernels.FAST_A)));
      FloatVector square = u.mul(u);
      FloatVector p = all(c[c.length - 1]);
      for (int k = c.length - 2; k >= 0; k--) {
        p = p.fma(square, all(c[k]));
      }
      FloatVector tanh =
          u.mul(p)
              .blend(1f, u.compare(GT, ScalarKernels.FAST_END))
              .blend(-1f, u.compare(LT, -ScalarKernels.FAST_END));
      FloatVector half = v.mul(0.5f);
      half.fma(tanh, half).intoArray(x, i);
    }
    for (; i < at + n; i++) {
      x[i] = ScalarKernels.geluFastTanh(x[i]);
    }
  }

  @Override
  public void softmax(float[] x, int at, int n, float[] lanes) {
    float max = max(x, at, n);
    int whole = n / LANES * LANES;
    for (int i = 0; i < whole; i += W) {
      FloatVector.fromArray(S, x, at + i).sub(max).intoArray(x, at + i);
    }
    exp(x, at, whole);
    for (int i = whole; i < n; i++) {
      x[at + i] = ScalarKernels.exp(x[at + i] - max);
    }
    for (int c = 0; c < LANES; c += W) {
      FloatVector sum = FloatVector.zero(S);
      for (int i = c; i < whole; i += LANES) {
        sum = sum.add(FloatVector.fromArray(S, x, at + i));
      }
      sum.intoArray(lanes, c);
    }
    for (int i = whole; i < n; i++) {
      lanes[i - whole] += x[at + i];
    }
    float sum = fold(lanes);
    int i = 0;
    for (; i + W <= n; i += W) {
      FloatVector.fromArray(S, x, at + i).div(sum).intoArray(x, at + i);
    }
    for (; i < n; i++) {
      x[at + i] /= sum;
    }
  }

  /** The largest; the order of comparisons does not matter. */
  private static float max(float[] x, int at, int n) {
    float max = x[at];
    int i = 0;
    if (n >= W) {
      FloatVector m = FloatVector.fromArray(S, x, at);
      for (i = W; i + W <= n; i += W) {
        m = m.max(FloatVector.fromArray(S, x, at + i));
      }
      max = m.reduceLanes(MAX);
    }
    for (; i < n; i++) {
      max = Math.max(max, x[at + i]);
    }
    return max;
  }

  @Override
  public void scores(
      float[] q, int qAt, float[] k, int kAt, int headSize, float scale, float[] scores, int to) {
    for (int s = 0; s < LANES; s += 2 * W) {
      FloatVector s0 = FloatVector.zero(S);
      FloatVector s1 = FloatVector.zero(S);
      for (int i = 0; i < headSize; i++) {
        FloatVector qi = FloatVector.broadcast(S, q[qAt + i]);
        int at = kAt + i * LANES + s;
        s0 = qi.fma(FloatVector.fromArray(S, k, at), s0);
        s1 = qi.fma(FloatVector.fromArray(S, k, at + W), s1);
      }
      s0.mul(scale).intoArray(scores, to + s);
      s1.mul(scale).intoArray(scores, to + s + W);
    }
  }

  @Override
  public void mix(
      float[] p, int pAt, int n, float[] v, int vAt, int headSize, float[] out, int to) {
    int o = 0;
    for (; o + W <= headSize; o += W) {
      FloatVector sum = FloatVector.fromArray(S, out, to + o);
      for (int s = 0; s < n; s++) {
        FloatVector ps = FloatVector.broadcast(S, p[pAt + s]);
        sum = ps.fma(FloatVector.fromArray(S, v, vAt + s * headSize + o), sum);
      }
      sum.intoArray(out, to + o);
    }
    for (; o < headSize; o++) {
      for (int s = 0; s < n; s++) {
        out[to + o] = Math.fma(p[pAt + s], v[vAt + s * headSize + o], out[to + o]);
      }
    }
  }

  @Override
  public void add(float[] x, float[] y, int n) {
    int i = 0;
    for (; i + W <= n; i += W) {
      FloatVector.fromArray(S, x, i).add(FloatVector.fromArray(S, y, i)).intoArray(x, i);
    }
    for (; i < n; i++) {
      x[i] += y[i];
    }
  }

  /**
   * {@link ScalarKernels#exp}, step by step, in place. {@code x [n] at offset at}, n a multiple of
   * the width. On arrays: a vector that is handed to a method, or returned, is an object on the
   * heap wherever that method is not inlined, and one of this size is not always.
   */
  private static void exp(float[] x, int at, int n) {
    for (int i = at; i < at + n; i += W) {
      FloatVector v = FloatVector.fromArray(S, x, i);
      FloatVector c = v.max(ScalarKernels.EXP_MIN).min(ScalarKernels.EXP_MAX);
      FloatVector z = c.fma(all(ScalarKernels.LOG2_E), all(ScalarKernels.ROUND));
      FloatVector k = z.sub(ScalarKernels.ROUND);
      FloatVector r = k.fma(all(-ScalarKernels.LN2_LO), k.fma(all(-ScalarKernels.LN2_HI), c));
      FloatVector p = all(ScalarKernels.EXP_C6).fma(r, all(ScalarKernels.EXP_C5));
      p = p.fma(r, all(ScalarKernels.EXP_C4));
      p = p.fma(r, all(ScalarKernels.EXP_C3));
      p = p.fma(r, all(ScalarKernels.EXP_C2));
      p = p.fma(r, all(ScalarKernels.EXP_C1));
      p = p.fma(r.mul(r), r).add(1);
      IntVector bits = z.reinterpretAsInts().lanewise(LSHL, 23).add(p.reinterpretAsInts());
      bits.reinterpretAsFloats().blend(0f, v.compare(LT, ScalarKernels.EXP_MIN)).intoArray(x, i);
    }
  }

  private static FloatVector all(float value) {
    return FloatVector.broadcast(S, value);
  }

  private static FloatVector load(MemorySegment w, long at) {
    return FloatVector.fromMemorySegment(S, w, at, LE);
  }
}
