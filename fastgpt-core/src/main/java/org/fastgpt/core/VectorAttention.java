package org.fastgpt.core;

import static org.fastgpt.core.Simd.store;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Attention of {@link VectorKernels} over one page of the cache: for four rows at a time, so that a
 * key or value that is loaded is used four times.
 */
final class VectorAttention {
  private static final VectorSpecies<Float> S = Simd.S;
  private static final int W = S.length();
  private static final int LANES = Kernels.LANES;

  /** Rows of a tile. */
  static final int TILE_ROWS = 4;

  private VectorAttention() {}

  /** {@link Kernels#scores} of four queries. */
  static void scores4(
      float[] q,
      int qAt,
      int qStride,
      float[] k,
      int kAt,
      int headSize,
      float scale,
      float[] scores,
      int to,
      int stride) {
    for (int s = 0; s < LANES; s += 2 * W) {
      FloatVector s00 = FloatVector.zero(S);
      FloatVector s01 = s00;
      FloatVector s10 = s00;
      FloatVector s11 = s00;
      FloatVector s20 = s00;
      FloatVector s21 = s00;
      FloatVector s30 = s00;
      FloatVector s31 = s00;
      for (int i = 0; i < headSize; i++) {
        FloatVector k0 = FloatVector.fromArray(S, k, kAt + i * LANES + s);
        FloatVector k1 = FloatVector.fromArray(S, k, kAt + i * LANES + s + W);
        FloatVector qi = FloatVector.broadcast(S, q[qAt + i]);
        s00 = qi.fma(k0, s00);
        s01 = qi.fma(k1, s01);
        qi = FloatVector.broadcast(S, q[qAt + qStride + i]);
        s10 = qi.fma(k0, s10);
        s11 = qi.fma(k1, s11);
        qi = FloatVector.broadcast(S, q[qAt + 2 * qStride + i]);
        s20 = qi.fma(k0, s20);
        s21 = qi.fma(k1, s21);
        qi = FloatVector.broadcast(S, q[qAt + 3 * qStride + i]);
        s30 = qi.fma(k0, s30);
        s31 = qi.fma(k1, s31);
      }
      store(s00, s01, scale, scores, to + s);
      store(s10, s11, scale, scores, to + stride + s);
      store(s20, s21, scale, scores, to + 2 * stride + s);
      store(s30, s31, scale, scores, to + 3 * stride + s);
    }
  }

  /** {@link Kernels#scores} of one query. */
  static void scores1(
      float[] q, int qAt, float[] k, int kAt, int headSize, float scale, float[] scores, int to) {
    for (int s = 0; s < LANES; s += 2 * W) {
      FloatVector s0 = FloatVector.zero(S);
      FloatVector s1 = s0;
      for (int i = 0; i < headSize; i++) {
        FloatVector qi = FloatVector.broadcast(S, q[qAt + i]);
        s0 = qi.fma(FloatVector.fromArray(S, k, kAt + i * LANES + s), s0);
        s1 = qi.fma(FloatVector.fromArray(S, k, kAt + i * LANES + s + W), s1);
      }
      store(s0, s1, scale, scores, to + s);
    }
  }

  /** {@link Kernels#mix} of four rows. */
  static void mix4(
      float[] p,
      int pAt,
      int pStride,
      int n,
      float[] v,
      int vAt,
      int headSize,
      float[] out,
      int to,
      int stride) {
    int o = 0;
    for (; o + W <= headSize; o += W) {
      FloatVector s0 = FloatVector.fromArray(S, out, to + o);
      FloatVector s1 = FloatVector.fromArray(S, out, to + stride + o);
      FloatVector s2 = FloatVector.fromArray(S, out, to + 2 * stride + o);
      FloatVector s3 = FloatVector.fromArray(S, out, to + 3 * stride + o);
      for (int s = 0; s < n; s++) {
        FloatVector vs = FloatVector.fromArray(S, v, vAt + s * headSize + o);
        s0 = vs.fma(FloatVector.broadcast(S, p[pAt + s]), s0);
        s1 = vs.fma(FloatVector.broadcast(S, p[pAt + pStride + s]), s1);
        s2 = vs.fma(FloatVector.broadcast(S, p[pAt + 2 * pStride + s]), s2);
        s3 = vs.fma(FloatVector.broadcast(S, p[pAt + 3 * pStride + s]), s3);
      }
      s0.intoArray(out, to + o);
      s1.intoArray(out, to + stride + o);
      s2.intoArray(out, to + 2 * stride + o);
      s3.intoArray(out, to + 3 * stride + o);
    }
    for (int t = 0; t < TILE_ROWS && o < headSize; t++) {
      mixTail(p, pAt + t * pStride, n, v, vAt, headSize, out, to + t * stride, o);
    }
  }

  /** {@link Kernels#mix} of one row: four vectors side by side, each a chain of its own. */
  static void mix1(
      float[] p, int pAt, int n, float[] v, int vAt, int headSize, float[] out, int to) {
    int o = 0;
    for (; o + 4 * W <= headSize; o += 4 * W) {
      FloatVector s0 = FloatVector.fromArray(S, out, to + o);
      FloatVector s1 = FloatVector.fromArray(S, out, to + o + W);
      FloatVector s2 = FloatVector.fromArray(S, out, to + o + 2 * W);
      FloatVector s3 = FloatVector.fromArray(S, out, to + o + 3 * W);
      for (int s = 0; s < n; s++) {
        FloatVector ps = FloatVector.broadcast(S, p[pAt + s]);
        int at = vAt + s * headSize + o;
        s0 = ps.fma(FloatVector.fromArray(S, v, at), s0);
        s1 = ps.fma(FloatVector.fromArray(S, v, at + W), s1);
        s2 = ps.fma(FloatVector.fromArray(S, v, at + 2 * W), s2);
        s3 = ps.fma(FloatVector.fromArray(S, v, at + 3 * W), s3);
      }
      s0.intoArray(out, to + o);
      s1.intoArray(out, to + o + W);
      s2.intoArray(out, to + o + 2 * W);
      s3.intoArray(out, to + o + 3 * W);
    }
    for (; o + W <= headSize; o += W) {
      FloatVector sum = FloatVector.fromArray(S, out, to + o);
      for (int s = 0; s < n; s++) {
        FloatVector ps = FloatVector.broadcast(S, p[pAt + s]);
        sum = ps.fma(FloatVector.fromArray(S, v, vAt + s * headSize + o), sum);
      }
      sum.intoArray(out, to + o);
    }
    mixTail(p, pAt, n, v, vAt, headSize, out, to, o);
  }

  private static void mixTail(
      float[] p, int pAt, int n, float[] v, int vAt, int headSize, float[] out, int to, int from) {
    for (int o = from; o < headSize; o++) {
      for (int s = 0; s < n; s++) {
        out[to + o] = Math.fma(p[pAt + s], v[vAt + s * headSize + o], out[to + o]);
      }
    }
  }
}
