package org.fastgpt.core;

import static jdk.incubator.vector.VectorOperators.AND;
import static jdk.incubator.vector.VectorOperators.MAX;
import static org.fastgpt.core.Simd.MEMORY;
import static org.fastgpt.core.Simd.addTo;
import static org.fastgpt.core.Simd.foldWithRest;
import static org.fastgpt.core.Simd.halves;
import static org.fastgpt.core.Simd.load;
import static org.fastgpt.core.Simd.moved;
import static org.fastgpt.core.Simd.store;
import static org.fastgpt.core.Simd.wide;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorSpecies;
import org.fastgpt.model.StoredTensor.DType;

/**
 * Products of one row with weights of 16 bits, where reading them is all that takes time.
 *
 * <p>BF16 is the upper half of a float32: a shift widens it.
 *
 * <p>F16 has an instruction that widens it, but not in the Vector API. Of plain loops over long
 * rows the compiler makes vectors with it. A dot product is no such loop: there an F16 is moved to
 * where float32 has its bits (see {@link Simd#moved}). That is the weight times 2^-112, as the two
 * count exponents from different zeros, and x times 2^112 makes up for it: products, and so sums,
 * are the same bits. It does not hold for a weight that is infinite or NaN, or where x overflows;
 * then all is computed anew by {@link ScalarKernels}.
 */
final class VectorHalves {
  private static final VectorSpecies<Float> S = Simd.S;
  private static final int W = S.length();
  private static final int LANES = Kernels.LANES;

  /** What {@link Simd#moved} leaves out. */
  private static final float F16_SCALE = 0x1p112f;

  /** The F16 of infinity; those of NaN are larger. */
  private static final short F16_INFINITY = 0x7c00;

  /**
   * Rounds of a plain loop over memory. Of more than some 900 the compiler (of JDK 25) does but a
   * part by vectors, and the row takes up to three times as long.
   */
  private static final int PIECE = 768;

  private static final Kernels PLAIN = new ScalarKernels();

  private VectorHalves() {}

  /** {@link VectorLinear#row} for W in F16. */
  static void rowOfF16(
      float[] x,
      int xAt,
      int k,
      int kEnd,
      Matrix w,
      float[] y,
      int yAt,
      int out,
      int from,
      int to,
      Scratch scratch) {
    int n = to - from;
    float[] sums = scratch.floats(n);
    Arrays.fill(sums, 0, n, 0);
    for (int i = k; i < kEnd; i++) {
      long at = w.address() + w.at((long) i * out + from);
      for (int o = 0; o < n; o += PIECE) {
        addRowOfF16(x[xAt + i], at + 2L * o, sums, o, Math.min(PIECE, n - o));
      }
    }
    for (int o = 0; o < n; o++) {
      y[yAt + from + o] += sums[o];
    }
  }

  /** As {@link VectorLinear#addRow}; with sums in an array, else it is no loop for vectors. */
  private static void addRowOfF16(float x, long at, float[] sums, int to, int n) {
    for (int o = 0; o < n; o++) {
      float wo = Float.float16ToFloat(MEMORY.get(Matrix.HALF, at + 2L * o));
      sums[to + o] = Math.fma(x, wo, sums[to + o]);
    }
  }

  /** As {@link VectorLinear#addRow}. */
  static void addRowOfBf16(float x, long at, long sums, int n) {
    FloatVector xv = FloatVector.broadcast(S, x);
    int o = 0;
    for (int step = Simd.one * 2 * W; o + 2 * W <= n; o += step) { // two loads, then two stores
      ShortVector h0 = halves(at + 2L * o);
      ShortVector h1 = halves(at + 2L * (o + W));
      store(xv.fma(wide(h0), load(sums + 4L * o)), sums + 4L * o);
      store(xv.fma(wide(h1), load(sums + 4L * (o + W))), sums + 4L * (o + W));
    }
    for (; o < n; o++) {
      float wo = Float.intBitsToFloat(MEMORY.get(Matrix.HALF, at + 2L * o) << 16);
      addTo(sums + 4L * o, x, wo);
    }
  }

  /** The logits of one row, as {@link Kernels#linearTransposed}. */
  static void logits(float[] x, int in, Matrix w, float[] y, int from, int to, Scratch scratch) {
    if (w.type() == DType.BF16) {
      for (int o = from; o < to; o++) {
        y[o] = dotBf16(x, w, o, in, scratch.lanes);
      }
      return;
    }
    float[] scaled = scratch.floats(in);
    boolean finite = true;
    for (int i = 0; i < in; i++) {
      scaled[i] = x[i] * F16_SCALE;
      finite &= !Float.isInfinite(scaled[i]);
    }
    Arrays.fill(scratch.largest, (short) 0);
    for (int o = from; o < to && finite; o++) {
      y[o] = dotF16(x, scaled, w, o, in, scratch);
    }
    for (short magnitude : scratch.largest) {
      finite &= magnitude < F16_INFINITY;
    }
    if (!finite) {
      PLAIN.linearTransposed(x, 1, in, w, y, to, from, to, scratch);
    }
  }

  /** x with row o of W, in BF16. */
  private static float dotBf16(float[] x, Matrix w, int o, int n, float[] lanes) {
    int whole = n / LANES * LANES;
    long at = w.address() + 2L * o * n;
    for (int c = 0; c < LANES; c += 2 * W) {
      FloatVector s0 = FloatVector.zero(S);
      FloatVector s1 = s0;
      for (int i = c; i < whole; i += LANES) {
        FloatVector w0 = wide(halves(at + 2L * i));
        FloatVector w1 = wide(halves(at + 2L * (i + W)));
        s0 = FloatVector.fromArray(S, x, i).fma(w0, s0);
        s1 = FloatVector.fromArray(S, x, i + W).fma(w1, s1);
      }
      s0.intoArray(lanes, c);
      s1.intoArray(lanes, c + W);
    }
    return foldWithRest(lanes, x, w, (long) o * n, n);
  }

  /** The same in F16, with x scaled; remembers the largest magnitudes of W. */
  private static float dotF16(float[] x, float[] scaled, Matrix w, int o, int n, Scratch scratch) {
    float[] lanes = scratch.lanes;
    int whole = n / LANES * LANES;
    long at = w.address() + 2L * o * n;
    IntVector mask = IntVector.broadcast(Simd.INTS, Simd.F16_BITS);
    ShortVector magnitude = ShortVector.broadcast(Simd.HALVES, Short.MAX_VALUE);
    ShortVector largest = ShortVector.fromArray(Simd.HALVES, scratch.largest, 0);
    for (int c = 0; c < LANES; c += 2 * W) {
      FloatVector s0 = FloatVector.zero(S);
      FloatVector s1 = s0;
      for (int i = c; i < whole; i += LANES) {
        ShortVector h0 = halves(at + 2L * i);
        ShortVector h1 = halves(at + 2L * (i + W));
        s0 = FloatVector.fromArray(S, scaled, i).fma(moved(h0, mask), s0);
        s1 = FloatVector.fromArray(S, scaled, i + W).fma(moved(h1, mask), s1);
        largest = h0.lanewise(AND, magnitude).lanewise(MAX, largest);
        largest = h1.lanewise(AND, magnitude).lanewise(MAX, largest);
      }
      s0.intoArray(lanes, c);
      s1.intoArray(lanes, c + W);
    }
    largest.intoArray(scratch.largest, 0);
    return foldWithRest(lanes, x, w, (long) o * n, n);
  }

  /**
   * {@code n} elements of W, from element {@code i} on, as float32. To an array: after a store to a
   * memory segment the compiler has every later access check its segment again.
   */
  static void widen(Matrix w, long i, int n, float[] floats) {
    long at = w.address() + 2 * i;
    if (w.type() == DType.BF16) {
      widenBf16(at, n, floats);
      return;
    }
    for (int o = 0; o < n; o += PIECE) {
      widenF16(at + 2L * o, floats, o, Math.min(PIECE, n - o));
    }
  }

  private static void widenF16(long at, float[] floats, int to, int n) {
    for (int o = 0; o < n; o++) {
      floats[to + o] = Float.float16ToFloat(MEMORY.get(Matrix.HALF, at + 2L * o));
    }
  }

  private static void widenBf16(long at, int n, float[] floats) {
    int o = 0;
    for (; o + W <= n; o += W) {
      wide(halves(at + 2L * o)).intoArray(floats, o);
    }
    for (; o < n; o++) {
      floats[o] = Float.intBitsToFloat(MEMORY.get(Matrix.HALF, at + 2L * o) << 16);
    }
  }
}
