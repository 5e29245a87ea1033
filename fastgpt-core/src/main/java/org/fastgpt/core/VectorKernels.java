package org.fastgpt.core;

import static jdk.incubator.vector.VectorOperators.AND;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LT;
import static jdk.incubator.vector.VectorOperators.MAX;
import static jdk.incubator.vector.VectorOperators.XOR;
import static org.fastgpt.core.Simd.all;
import static org.fastgpt.core.Simd.fold;
import static org.fastgpt.core.Simd.ordered;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * The same sums as {@link ScalarKernels}, in the same order, by the Vector API. Touched only where
 * the module jdk.incubator.vector is present.
 *
 * <p>Vectors lie across outputs, so a chain is one lane of one accumulator; a lanes sum is 32 /
 * width accumulators side by side. No reduceLanes of floats (its order is not defined), no lanewise
 * EXP or TANH (their bits differ by machine). What is added up in a loop is an argument there, not
 * what the method is called on: of what comes from the round before, the compiler knows the class
 * only if it has seen enough, and otherwise each vector becomes an object on the heap.
 */
final class VectorKernels implements Kernels {

  private static final VectorSpecies<Float> S = Simd.S;
  private static final int W = S.length();

  @Override
  public String name() {
    return "vector-" + S.vectorBitSize();
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
    if (rows == 1) {
      VectorLinear.row(x, 0, k, kEnd, w, y, yAt, out, from, to, scratch);
    } else {
      VectorLinear.rows(x, rows, in, k, kEnd, w, y, yAt, out, from, to, scratch);
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
    VectorHead.logits(x, rows, in, w, y, out, from, to, scratch);
  }

  @Override
  public void layerNorm(
      float[] x, float[] g, float[] b, float eps, float[] y, int at, int n, Scratch scratch) {
    float[] lanes = scratch.lanes;
    int whole = n / LANES * LANES;
    for (int c = 0; c < LANES; c += W) {
      FloatVector sum = FloatVector.zero(S);
      for (int i = c; i < whole; i += LANES) {
        sum = FloatVector.fromArray(S, x, at + i).add(sum);
      }
      sum.intoArray(lanes, c);
    }
    for (int i = whole; i < n; i++) {
      lanes[i - whole] += x[at + i];
    }
    float mean = fold(lanes, 0) / n;
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
    float rstd = 1 / (float) Math.sqrt(fold(lanes, 0) / n + eps);
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
  public void gelu(float[] x, int at, int n, Scratch scratch) {
    int whole = n / W * W;
    float[] e = scratch.floats(whole);
    for (int i = 0; i < whole; i += W) {
      FloatVector v = FloatVector.fromArray(S, x, at + i);
      v.mul(v.mul(v).fma(all(ScalarKernels.GELU_B), all(ScalarKernels.GELU_A))).intoArray(e, i);
    }
    exp(e, 0, whole);
    for (int i = 0; i < whole; i += W) {
      FloatVector.fromArray(S, x, at + i)
          .div(FloatVector.fromArray(S, e, i).add(1))
          .intoArray(x, at + i);
    }
    for (int i = at + whole; i < at + n; i++) {
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
        p = square.fma(p, all(c[k]));
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
  public void softmax(float[] x, int at, int n, Scratch scratch) {
    float[] lanes = scratch.lanes;
    float max = max(x, at, n);
    int vectors = n / W * W;
    for (int i = 0; i < vectors; i += W) {
      FloatVector.fromArray(S, x, at + i).sub(max).intoArray(x, at + i);
    }
    exp(x, at, vectors);
    for (int i = vectors; i < n; i++) {
      x[at + i] = ScalarKernels.exp(x[at + i] - max);
    }
    int whole = n / LANES * LANES;
    for (int c = 0; c < LANES; c += W) {
      FloatVector sum = FloatVector.zero(S);
      for (int i = c; i < whole; i += LANES) {
        sum = FloatVector.fromArray(S, x, at + i).add(sum);
      }
      sum.intoArray(lanes, c);
    }
    for (int i = whole; i < n; i++) {
      lanes[i - whole] += x[at + i];
    }
    float sum = fold(lanes, 0);
    int i = 0;
    for (; i + W <= n; i += W) {
      FloatVector.fromArray(S, x, at + i).div(sum).intoArray(x, at + i);
    }
    for (; i < n; i++) {
      x[at + i] /= sum;
    }
  }

  /**
   * The largest; the order of comparisons does not matter. Compared as whole numbers of the same
   * order: the largest of floats, with its rules for NaN and -0, takes a vector many times as long.
   */
  private static float max(float[] x, int at, int n) {
    IntVector largest = IntVector.broadcast(Simd.INTS, Integer.MIN_VALUE);
    int i = 0;
    for (; i + W <= n; i += W) {
      IntVector bits = FloatVector.fromArray(S, x, at + i).reinterpretAsInts();
      IntVector flip = bits.lanewise(ASHR, 31).lanewise(AND, Integer.MAX_VALUE);
      largest = bits.lanewise(XOR, flip).lanewise(MAX, largest);
    }
    int max = largest.reduceLanes(MAX);
    for (; i < n; i++) {
      max = Math.max(max, ordered(Float.floatToRawIntBits(x[at + i])));
    }
    return Float.intBitsToFloat(ordered(max));
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
    if (rows == 1) {
      VectorAttention.scores1(q, qAt, k, kAt, headSize, scale, scores, to);
      return;
    }
    for (int t = 0; t < rows; t += VectorAttention.TILE_ROWS) {
      int n = Math.min(VectorAttention.TILE_ROWS, rows - t);
      int qt = qAt + t * qStride;
      VectorAttention.scores6(
          q, qt, qStride, n, k, kAt, headSize, scale, scores, to + t * stride, stride);
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
    if (rows == 1) {
      VectorAttention.mix1(p, pAt, n, v, vAt, headSize, out, to, 0);
      return;
    }
    for (int t = 0; t < rows; t += VectorAttention.TILE_ROWS) {
      int some = Math.min(VectorAttention.TILE_ROWS, rows - t);
      int pt = pAt + t * pStride;
      VectorAttention.mix6(p, pt, pStride, some, n, v, vAt, headSize, out, to + t * stride, stride);
    }
  }

  @Override
  public void add(float[] x, int xAt, float[] y, int yAt, int n) {
    int i = 0;
    for (; i + W <= n; i += W) {
      FloatVector.fromArray(S, x, xAt + i)
          .add(FloatVector.fromArray(S, y, yAt + i))
          .intoArray(x, xAt + i);
    }
    for (; i < n; i++) {
      x[xAt + i] += y[yAt + i];
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
}
