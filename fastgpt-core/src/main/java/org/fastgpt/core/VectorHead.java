package org.fastgpt.core;

import static org.fastgpt.core.Simd.fold;
import static org.fastgpt.core.Simd.load;
import static org.fastgpt.core.Simd.rest;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * The logits of {@link VectorKernels}: dot products along the rows of W, which are read in order.
 *
 * <p>For several rows of x, some rows of W are touched first (see {@link VectorLinear}), and then
 * multiplied by tiles of 2 or 4 rows of x and 4 of W, whose lanes are folded side by side: each
 * fold by itself takes more time than half of its products.
 */
final class VectorHead {
  private static final VectorSpecies<Float> S = Simd.S;
  private static final int W = S.length();
  private static final int LANES = Kernels.LANES;

  /** Rows of W that are touched at once: some 100 KB of the second-level cache. */
  private static final int TOUCHED = 32;

  /** Rows of W in a tile. */
  private static final int TILE = 4;

  /** Rows of x that meet it: together some 24 KB of the first-level cache. */
  private static final int ROWS = 4;

  private VectorHead() {}

  /** {@link Kernels#linearTransposed}. */
  static void logits(
      float[] x,
      int rows,
      int in,
      Matrix w,
      float[] y,
      int out,
      int from,
      int to,
      Scratch scratch) {
    if (rows == 1 && !w.isFloat32()) {
      VectorHalves.logits(x, in, w, y, from, to, scratch);
      return;
    }
    int o = from;
    while (o < to && rows > 1) {
      int n = Math.min(TOUCHED, to - o);
      long at = near(w, o, n, in, scratch);
      for (int t = 0; t < rows; t += ROWS) {
        several(x, t, Math.min(ROWS, rows - t), in, at, n, y, o, out, scratch);
      }
      o += n;
    }
    for (; o < to; o++) {
      y[o] = dot(x, 0, w.address() + 4L * o * in, in, scratch.lanes);
    }
  }

  /** Brings rows of W into the cache. Returns the address where they are as float32. */
  private static long near(Matrix w, int o, int n, int in, Scratch scratch) {
    if (w.isFloat32()) {
      long at = w.address() + 4L * o * in;
      scratch.touched = VectorLinear.touch(at, n, 4L * in, 4L * in);
      return at;
    }
    MemorySegment wide = scratch.memory(4L * n * in);
    for (int i = 0; i < n; i++) {
      VectorLinear.widen(w, (long) (o + i) * in, in, wide, 4L * i * in, scratch);
    }
    return wide.address();
  }

  /** A few rows of x, from t on, with {@code n} rows of W from address {@code at} on. */
  private static void several(
      float[] x,
      int t,
      int rows,
      int in,
      long at,
      int n,
      float[] y,
      int o,
      int out,
      Scratch scratch) {
    float[] sums = scratch.floats(ROWS * TILE * LANES); // [rows, TILE, LANES]
    int i = 0;
    for (; i + TILE <= n && rows > 1; i += TILE) {
      long wi = at + 4L * i * in;
      boolean four = Simd.MANY_REGISTERS && rows == ROWS;
      if (four) {
        tile4(x, t * in, wi, in, sums);
      }
      for (int r = 0; r < rows && !four; r += 2) {
        int pair = Math.min(r, rows - 2); // of an odd number of rows, one is computed twice
        tile2(x, (t + pair) * in, wi, in, sums, pair * TILE * LANES);
      }
      for (int d = 0; d < rows * TILE && in % LANES != 0; d++) {
        rest(x, (t + d / TILE) * in, wi + 4L * (d % TILE) * in, in, sums, d * LANES);
      }
      for (int d = 0; d < rows * TILE; d += W) {
        SimdFolds.fold(sums, d * LANES, d);
      }
      for (int r = 0; r < rows; r++) {
        int yAt = (t + r) * out + o + i;
        for (int j = 0; j < TILE; j++) {
          y[yAt + j] = sums[r * TILE + j];
        }
      }
    }
    for (; i < n; i++) {
      for (int r = 0; r < rows; r++) {
        y[(t + r) * out + o + i] = dot(x, (t + r) * in, at + 4L * i * in, in, scratch.lanes);
      }
    }
  }

  /** The lanes of 2 rows of x with 4 of W, without what is beyond the last whole 32. */
  private static void tile2(float[] x, int x0, long at0, int n, float[] sums, int to) {
    int whole = n / LANES * LANES;
    int step = Simd.one * LANES;
    int x1 = x0 + n;
    long at1 = at0 + 4L * n;
    long at2 = at1 + 4L * n;
    long at3 = at2 + 4L * n;
    for (int c = 0; c < LANES; c += W) {
      FloatVector s00 = FloatVector.zero(S);
      FloatVector s01 = s00;
      FloatVector s02 = s00;
      FloatVector s03 = s00;
      FloatVector s10 = s00;
      FloatVector s11 = s00;
      FloatVector s12 = s00;
      FloatVector s13 = s00;
      for (int i = c; i < whole; i += step) {
        FloatVector w0 = load(at0 + 4L * i);
        FloatVector w1 = load(at1 + 4L * i);
        FloatVector w2 = load(at2 + 4L * i);
        FloatVector w3 = load(at3 + 4L * i);
        FloatVector v = FloatVector.fromArray(S, x, x0 + i);
        s00 = v.fma(w0, s00);
        s01 = v.fma(w1, s01);
        s02 = v.fma(w2, s02);
        s03 = v.fma(w3, s03);
        v = FloatVector.fromArray(S, x, x1 + i);
        s10 = v.fma(w0, s10);
        s11 = v.fma(w1, s11);
        s12 = v.fma(w2, s12);
        s13 = v.fma(w3, s13);
      }
      s00.intoArray(sums, to + c);
      s01.intoArray(sums, to + LANES + c);
      s02.intoArray(sums, to + 2 * LANES + c);
      s03.intoArray(sums, to + 3 * LANES + c);
      s10.intoArray(sums, to + 4 * LANES + c);
      s11.intoArray(sums, to + 5 * LANES + c);
      s12.intoArray(sums, to + 6 * LANES + c);
      s13.intoArray(sums, to + 7 * LANES + c);
    }
  }

  /** The lanes of 4 rows of x with 4 of W, as {@link #tile2}: for vectors with 32 registers. */
  private static void tile4(float[] x, int x0, long at0, int n, float[] sums) {
    int whole = n / LANES * LANES;
    int step = Simd.one * LANES;
    int x1 = x0 + n;
    int x2 = x1 + n;
    int x3 = x2 + n;
    long at1 = at0 + 4L * n;
    long at2 = at1 + 4L * n;
    long at3 = at2 + 4L * n;
    for (int c = 0; c < LANES; c += W) {
      FloatVector s00 = FloatVector.zero(S);
      FloatVector s01 = s00;
      FloatVector s02 = s00;
      FloatVector s03 = s00;
      FloatVector s10 = s00;
      FloatVector s11 = s00;
      FloatVector s12 = s00;
      FloatVector s13 = s00;
      FloatVector s20 = s00;
      FloatVector s21 = s00;
      FloatVector s22 = s00;
      FloatVector s23 = s00;
      FloatVector s30 = s00;
      FloatVector s31 = s00;
      FloatVector s32 = s00;
      FloatVector s33 = s00;
      for (int i = c; i < whole; i += step) {
        FloatVector w0 = load(at0 + 4L * i);
        FloatVector w1 = load(at1 + 4L * i);
        FloatVector w2 = load(at2 + 4L * i);
        FloatVector w3 = load(at3 + 4L * i);
        FloatVector v = FloatVector.fromArray(S, x, x0 + i);
        s00 = v.fma(w0, s00);
        s01 = v.fma(w1, s01);
        s02 = v.fma(w2, s02);
        s03 = v.fma(w3, s03);
        v = FloatVector.fromArray(S, x, x1 + i);
        s10 = v.fma(w0, s10);
        s11 = v.fma(w1, s11);
        s12 = v.fma(w2, s12);
        s13 = v.fma(w3, s13);
        v = FloatVector.fromArray(S, x, x2 + i);
        s20 = v.fma(w0, s20);
        s21 = v.fma(w1, s21);
        s22 = v.fma(w2, s22);
        s23 = v.fma(w3, s23);
        v = FloatVector.fromArray(S, x, x3 + i);
        s30 = v.fma(w0, s30);
        s31 = v.fma(w1, s31);
        s32 = v.fma(w2, s32);
        s33 = v.fma(w3, s33);
      }
      s00.intoArray(sums, c);
      s01.intoArray(sums, LANES + c);
      s02.intoArray(sums, 2 * LANES + c);
      s03.intoArray(sums, 3 * LANES + c);
      s10.intoArray(sums, 4 * LANES + c);
      s11.intoArray(sums, 5 * LANES + c);
      s12.intoArray(sums, 6 * LANES + c);
      s13.intoArray(sums, 7 * LANES + c);
      s20.intoArray(sums, 8 * LANES + c);
      s21.intoArray(sums, 9 * LANES + c);
      s22.intoArray(sums, 10 * LANES + c);
      s23.intoArray(sums, 11 * LANES + c);
      s30.intoArray(sums, 12 * LANES + c);
      s31.intoArray(sums, 13 * LANES + c);
      s32.intoArray(sums, 14 * LANES + c);
      s33.intoArray(sums, 15 * LANES + c);
    }
  }

  /** One row of x with one of W, which begins at address {@code at}. */
  private static float dot(float[] x, int xAt, long at, int n, float[] lanes) {
    int whole = n / LANES * LANES;
    int step = Simd.one * LANES;
    for (int c = 0; c < LANES; c += 2 * W) {
      FloatVector s0 = FloatVector.zero(S);
      FloatVector s1 = s0;
      for (int i = c; i < whole; i += step) {
        s0 = FloatVector.fromArray(S, x, xAt + i).fma(load(at + 4L * i), s0);
        s1 = FloatVector.fromArray(S, x, xAt + i + W).fma(load(at + 4L * (i + W)), s1);
      }
      s0.intoArray(lanes, c);
      s1.intoArray(lanes, c + W);
    }
    rest(x, xAt, at, n, lanes, 0);
    return fold(lanes, 0);
  }
}
