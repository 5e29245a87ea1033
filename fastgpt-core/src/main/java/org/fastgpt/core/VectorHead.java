package org.fastgpt.core;

import static org.fastgpt.core.Simd.last;
import static org.fastgpt.core.Simd.load;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * The logits of {@link VectorKernels}: dot products along the rows of W, which are read in order.
 * For several rows of x, a few rows of W are touched first: see {@link VectorLinear}.
 */
final class VectorHead {
  private static final VectorSpecies<Float> S = Simd.S;
  private static final int W = S.length();
  private static final int LANES = Kernels.LANES;

  /** Rows of W that are touched at once: some 100 KB of the second-level cache. */
  private static final int TOUCHED = 32;

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
    for (; o + 2 <= to && rows > 1; o += 2) {
      long at = rows(w, o, 2, in, scratch);
      if ((o - from) % TOUCHED == 0 && w.isFloat32()) {
        scratch.touched = VectorLinear.touch(at, Math.min(TOUCHED, to - o), 4L * in, 4L * in);
      }
      int t = 0;
      for (; t + 2 <= rows; t += 2) {
        dots(x, t * in, at, in, y, t * out + o, out, scratch.floats(4 * LANES));
      }
      if (t < rows) {
        y[t * out + o] = dot(x, t * in, at, in, scratch.lanes);
        y[t * out + o + 1] = dot(x, t * in, at + 4L * in, in, scratch.lanes);
      }
    }
    for (; o < to; o++) {
      long at = rows(w, o, 1, in, scratch);
      for (int t = 0; t < rows; t++) {
        y[t * out + o] = dot(x, t * in, at, in, scratch.lanes);
      }
    }
  }

  /** The address of the rows of W from {@code o} on as float32: in W itself, or in scratch. */
  private static long rows(Matrix w, int o, int n, int in, Scratch scratch) {
    if (w.isFloat32()) {
      return w.data().address() + 4L * o * in;
    }
    MemorySegment wide = scratch.memory(4L * n * in);
    return VectorLinear.widen(w, (long) o * in, n * in, wide, 0, scratch).address();
  }

  /** One row of x with one of W, which begins at address {@code at}. */
  private static float dot(float[] x, int xAt, long at, int n, float[] lanes) {
    int whole = n / LANES * LANES;
    for (int c = 0; c < LANES; c += 2 * W) {
      FloatVector s0 = FloatVector.zero(S);
      FloatVector s1 = s0;
      for (int i = c; i < whole; i += LANES) {
        s0 = FloatVector.fromArray(S, x, xAt + i).fma(load(at + 4L * i), s0);
        s1 = FloatVector.fromArray(S, x, xAt + i + W).fma(load(at + 4L * (i + W)), s1);
      }
      s0.intoArray(lanes, c);
      s1.intoArray(lanes, c + W);
    }
    return last(x, xAt, at, whole, n, lanes, 0);
  }

  /** Two rows of x with two of W, so that what is loaded is used twice. */
  private static void dots(
      float[] x, int x0, long at0, int n, float[] y, int yAt, int out, float[] lanes) {
    int whole = n / LANES * LANES;
    int x1 = x0 + n;
    long at1 = at0 + 4L * n;
    for (int c = 0; c < LANES; c += 2 * W) {
      FloatVector s00 = FloatVector.zero(S);
      FloatVector s01 = s00;
      FloatVector s10 = s00;
      FloatVector s11 = s00;
      FloatVector t00 = s00;
      FloatVector t01 = s00;
      FloatVector t10 = s00;
      FloatVector t11 = s00;
      for (int i = c; i < whole; i += LANES) {
        FloatVector v0 = FloatVector.fromArray(S, x, x0 + i);
        FloatVector v1 = FloatVector.fromArray(S, x, x1 + i);
        FloatVector w0 = load(at0 + 4L * i);
        FloatVector w1 = load(at1 + 4L * i);
        s00 = v0.fma(w0, s00);
        s01 = v0.fma(w1, s01);
        s10 = v1.fma(w0, s10);
        s11 = v1.fma(w1, s11);
        v0 = FloatVector.fromArray(S, x, x0 + i + W);
        v1 = FloatVector.fromArray(S, x, x1 + i + W);
        w0 = load(at0 + 4L * (i + W));
        w1 = load(at1 + 4L * (i + W));
        t00 = v0.fma(w0, t00);
        t01 = v0.fma(w1, t01);
        t10 = v1.fma(w0, t10);
        t11 = v1.fma(w1, t11);
      }
      s00.intoArray(lanes, c);
      t00.intoArray(lanes, c + W);
      s01.intoArray(lanes, LANES + c);
      t01.intoArray(lanes, LANES + c + W);
      s10.intoArray(lanes, 2 * LANES + c);
      t10.intoArray(lanes, 2 * LANES + c + W);
      s11.intoArray(lanes, 3 * LANES + c);
      t11.intoArray(lanes, 3 * LANES + c + W);
    }
    y[yAt] = last(x, x0, at0, whole, n, lanes, 0);
    y[yAt + 1] = last(x, x0, at1, whole, n, lanes, LANES);
    y[yAt + out] = last(x, x1, at0, whole, n, lanes, 2 * LANES);
    y[yAt + out + 1] = last(x, x1, at1, whole, n, lanes, 3 * LANES);
  }
}
