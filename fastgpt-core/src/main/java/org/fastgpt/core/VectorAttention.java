package org.fastgpt.core;

import static org.fastgpt.core.Simd.all;
import static org.fastgpt.core.Simd.store;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Attention of {@link VectorKernels} over one page of the cache: for six rows at a time, so that a
 * key or value that is loaded is used six times, and their sums, in two vectors each, keep the
 * arithmetic busy without waiting for each other. Where fewer rows are left, the last of them takes
 * the places of those missing: it is computed again, and comes out the same.
 */
final class VectorAttention {
  private static final VectorSpecies<Float> S = Simd.S;
  private static final int W = S.length();
  private static final int LANES = Kernels.LANES;

  /** Rows of a tile. */
  static final int TILE_ROWS = 6;

  private VectorAttention() {}

  /** {@link Kernels#scores} of up to six queries. */
  static void scores6(
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
    int last = rows - 1;
    int q0 = qAt;
    int q1 = qAt + Math.min(1, last) * qStride;
    int q2 = qAt + Math.min(2, last) * qStride;
    int q3 = qAt + Math.min(3, last) * qStride;
    int q4 = qAt + Math.min(4, last) * qStride;
    int q5 = qAt + Math.min(5, last) * qStride;
    for (int s = 0; s < LANES; s += 2 * W) {
      FloatVector s00 = FloatVector.zero(S);
      FloatVector s01 = s00;
      FloatVector s10 = s00;
      FloatVector s11 = s00;
      FloatVector s20 = s00;
      FloatVector s21 = s00;
      FloatVector s30 = s00;
      FloatVector s31 = s00;
      FloatVector s40 = s00;
      FloatVector s41 = s00;
      FloatVector s50 = s00;
      FloatVector s51 = s00;
      for (int i = 0; i < headSize; i++) {
        FloatVector k0 = FloatVector.fromArray(S, k, kAt + i * LANES + s);
        FloatVector k1 = FloatVector.fromArray(S, k, kAt + i * LANES + s + W);
        FloatVector qi = all(q[q0 + i]);
        s00 = qi.fma(k0, s00);
        s01 = qi.fma(k1, s01);
        qi = all(q[q1 + i]);
        s10 = qi.fma(k0, s10);
        s11 = qi.fma(k1, s11);
        qi = all(q[q2 + i]);
        s20 = qi.fma(k0, s20);
        s21 = qi.fma(k1, s21);
        qi = all(q[q3 + i]);
        s30 = qi.fma(k0, s30);
        s31 = qi.fma(k1, s31);
        qi = all(q[q4 + i]);
        s40 = qi.fma(k0, s40);
        s41 = qi.fma(k1, s41);
        qi = all(q[q5 + i]);
        s50 = qi.fma(k0, s50);
        s51 = qi.fma(k1, s51);
      }
      store(s00, s01, scale, scores, to + s);
      store(s10, s11, scale, scores, to + Math.min(1, last) * stride + s);
      store(s20, s21, scale, scores, to + Math.min(2, last) * stride + s);
      store(s30, s31, scale, scores, to + Math.min(3, last) * stride + s);
      store(s40, s41, scale, scores, to + Math.min(4, last) * stride + s);
      store(s50, s51, scale, scores, to + Math.min(5, last) * stride + s);
    }
  }

  /** {@link Kernels#scores} of one query. */
  static void scores1(
      float[] q, int qAt, float[] k, int kAt, int headSize, float scale, float[] scores, int to) {
    for (int s = 0; s < LANES; s += 2 * W) {
      FloatVector s0 = FloatVector.zero(S);
      FloatVector s1 = s0;
      for (int i = 0; i < headSize; i++) {
        FloatVector qi = all(q[qAt + i]);
        s0 = qi.fma(FloatVector.fromArray(S, k, kAt + i * LANES + s), s0);
        s1 = qi.fma(FloatVector.fromArray(S, k, kAt + i * LANES + s + W), s1);
      }
      store(s0, s1, scale, scores, to + s);
    }
  }

  /** {@link Kernels#mix} of up to six rows. */
  static void mix6(
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
    int last = rows - 1;
    int p0 = pAt;
    int p1 = pAt + Math.min(1, last) * pStride;
    int p2 = pAt + Math.min(2, last) * pStride;
    int p3 = pAt + Math.min(3, last) * pStride;
    int p4 = pAt + Math.min(4, last) * pStride;
    int p5 = pAt + Math.min(5, last) * pStride;
    int o0 = to;
    int o1 = to + Math.min(1, last) * stride;
    int o2 = to + Math.min(2, last) * stride;
    int o3 = to + Math.min(3, last) * stride;
    int o4 = to + Math.min(4, last) * stride;
    int o5 = to + Math.min(5, last) * stride;
    int o = 0;
    for (; o + 2 * W <= headSize; o += 2 * W) {
      FloatVector s00 = FloatVector.fromArray(S, out, o0 + o);
      FloatVector s01 = FloatVector.fromArray(S, out, o0 + o + W);
      FloatVector s10 = FloatVector.fromArray(S, out, o1 + o);
      FloatVector s11 = FloatVector.fromArray(S, out, o1 + o + W);
      FloatVector s20 = FloatVector.fromArray(S, out, o2 + o);
      FloatVector s21 = FloatVector.fromArray(S, out, o2 + o + W);
      FloatVector s30 = FloatVector.fromArray(S, out, o3 + o);
      FloatVector s31 = FloatVector.fromArray(S, out, o3 + o + W);
      FloatVector s40 = FloatVector.fromArray(S, out, o4 + o);
      FloatVector s41 = FloatVector.fromArray(S, out, o4 + o + W);
      FloatVector s50 = FloatVector.fromArray(S, out, o5 + o);
      FloatVector s51 = FloatVector.fromArray(S, out, o5 + o + W);
      for (int s = 0; s < n; s++) {
        int at = vAt + s * headSize + o;
        FloatVector v0 = FloatVector.fromArray(S, v, at);
        FloatVector v1 = FloatVector.fromArray(S, v, at + W);
        FloatVector ps = all(p[p0 + s]);
        s00 = ps.fma(v0, s00);
        s01 = ps.fma(v1, s01);
        ps = all(p[p1 + s]);
        s10 = ps.fma(v0, s10);
        s11 = ps.fma(v1, s11);
        ps = all(p[p2 + s]);
        s20 = ps.fma(v0, s20);
        s21 = ps.fma(v1, s21);
        ps = all(p[p3 + s]);
        s30 = ps.fma(v0, s30);
        s31 = ps.fma(v1, s31);
        ps = all(p[p4 + s]);
        s40 = ps.fma(v0, s40);
        s41 = ps.fma(v1, s41);
        ps = all(p[p5 + s]);
        s50 = ps.fma(v0, s50);
        s51 = ps.fma(v1, s51);
      }
      s00.intoArray(out, o0 + o);
      s01.intoArray(out, o0 + o + W);
      s10.intoArray(out, o1 + o);
      s11.intoArray(out, o1 + o + W);
      s20.intoArray(out, o2 + o);
      s21.intoArray(out, o2 + o + W);
      s30.intoArray(out, o3 + o);
      s31.intoArray(out, o3 + o + W);
      s40.intoArray(out, o4 + o);
      s41.intoArray(out, o4 + o + W);
      s50.intoArray(out, o5 + o);
      s51.intoArray(out, o5 + o + W);
    }
    for (int t = 0; t < rows && o < headSize; t++) {
      mix1(p, pAt + t * pStride, n, v, vAt, headSize, out, to + t * stride, o);
    }
  }

  /**
   * {@link Kernels#mix} of one row, of the values' elements from {@code from} on: four vectors side
   * by side, each a chain of its own.
   */
  static void mix1(
      float[] p, int pAt, int n, float[] v, int vAt, int headSize, float[] out, int to, int from) {
    int o = from;
    for (; o + 4 * W <= headSize; o += 4 * W) {
      FloatVector s0 = FloatVector.fromArray(S, out, to + o);
      FloatVector s1 = FloatVector.fromArray(S, out, to + o + W);
      FloatVector s2 = FloatVector.fromArray(S, out, to + o + 2 * W);
      FloatVector s3 = FloatVector.fromArray(S, out, to + o + 3 * W);
      for (int s = 0; s < n; s++) {
        FloatVector ps = all(p[pAt + s]);
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
        FloatVector ps = all(p[pAt + s]);
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
