package org.fastgpt.core;

import static jdk.incubator.vector.VectorOperators.AND;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static org.fastgpt.core.Simd.MEMORY;
import static org.fastgpt.core.Simd.fold;
import static org.fastgpt.core.Simd.halves;
import static org.fastgpt.core.Simd.words;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;
import org.fastgpt.model.StoredTensor.DType;

/**
 * Products of one row with weights of 16 bits, where reading them is all that takes time.
 *
 * <p>F16: of the plain loops the compiler makes vectors by itself, with the processor's instruction
 * that widens F16, which the Vector API does not have.
 *
 * <p>BF16: two weights are loaded as one word: the even ones lie in the lower halves of a vector,
 * the odd ones in the upper halves, and stay apart until the sums are done. So nothing is moved
 * between lanes, and each sum has the order that {@link Kernels} defines.
 */
final class VectorHalves {
  private static final VectorSpecies<Float> S = Simd.S;
  private static final int W = S.length();
  private static final int LANES = Kernels.LANES;

  private VectorHalves() {}

  /** sums += x w, for a row of W in F16 that begins at address {@code at}. */
  static void addRowOfF16(float x, long at, float[] sums, int n) {
    for (int o = 0; o < n; o++) {
      float wo = Float.float16ToFloat(MEMORY.get(Matrix.HALF, at + 2L * o));
      sums[o] = Math.fma(x, wo, sums[o]);
    }
  }

  /** {@link Kernels#linear} for one row and W in BF16: x at xAt, y at yAt. */
  static void rowOfBf16(
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
    int half = n / (2 * W) * W; // how many even columns go by vectors
    float[] sums = scratch.floats(n); // the even columns, the odd ones, then what is left
    Arrays.fill(sums, 0, n, 0);
    for (int i = k; i < kEnd; i++) {
      long first = (long) i * out + from;
      addRowOfBf16(x[xAt + i], w.address() + 2 * first, sums, half);
      for (int o = 2 * half; o < n; o++) {
        sums[o] = Math.fma(x[xAt + i], w.get(first + o), sums[o]);
      }
    }
    int at = yAt + from;
    for (int o = 0; o < half; o++) {
      y[at + 2 * o] += sums[o];
      y[at + 2 * o + 1] += sums[half + o];
    }
    for (int o = 2 * half; o < n; o++) {
      y[at + o] += sums[o];
    }
  }

  private static void addRowOfBf16(float x, long at, float[] sums, int half) {
    FloatVector xv = FloatVector.broadcast(S, x);
    for (int o = 0; o < half; o += W) {
      IntVector words = words(at + 4L * o);
      FloatVector even = words.lanewise(LSHL, 16).reinterpretAsFloats();
      FloatVector odd = words.lanewise(AND, 0xffff0000).reinterpretAsFloats();
      xv.fma(even, FloatVector.fromArray(S, sums, o)).intoArray(sums, o);
      xv.fma(odd, FloatVector.fromArray(S, sums, half + o)).intoArray(sums, half + o);
    }
  }

  /** The logits of one row, as {@link Kernels#linearTransposed}. */
  static void logits(float[] x, int in, Matrix w, float[] y, int from, int to, Scratch scratch) {
    if (w.type() == DType.BF16) {
      logitsOfBf16(x, in, w, y, from, to, scratch);
      return;
    }
    float[] wide = scratch.floats(in);
    for (int o = from; o < to; o++) {
      widen(w, (long) o * in, in, wide);
      y[o] = dot(x, wide, in, scratch.lanes);
    }
  }

  private static float dot(float[] x, float[] w, int n, float[] lanes) {
    int whole = n / LANES * LANES;
    for (int c = 0; c < LANES; c += 2 * W) {
      FloatVector s0 = FloatVector.zero(S);
      FloatVector s1 = s0;
      for (int i = c; i < whole; i += LANES) {
        FloatVector w0 = FloatVector.fromArray(S, w, i);
        FloatVector w1 = FloatVector.fromArray(S, w, i + W);
        s0 = FloatVector.fromArray(S, x, i).fma(w0, s0);
        s1 = FloatVector.fromArray(S, x, i + W).fma(w1, s1);
      }
      s0.intoArray(lanes, c);
      s1.intoArray(lanes, c + W);
    }
    for (int i = whole; i < n; i++) {
      lanes[i - whole] = Math.fma(x[i], w[i], lanes[i - whole]);
    }
    return fold(lanes, 0);
  }

  private static void logitsOfBf16(
      float[] x, int in, Matrix w, float[] y, int from, int to, Scratch scratch) {
    int half = in / LANES * LANES / 2;
    float[] parted = scratch.floats(2 * half); // x: the even elements, then the odd ones
    for (int i = 0; i < half; i++) {
      parted[i] = x[2 * i];
      parted[half + i] = x[2 * i + 1];
    }
    for (int o = from; o < to; o++) {
      long first = (long) o * in;
      lanesOfBf16(parted, half, w.address() + 2 * first, scratch);
      float[] lanes = scratch.lanes;
      for (int i = 2 * half; i < in; i++) {
        lanes[i - 2 * half] = Math.fma(x[i], w.get(first + i), lanes[i - 2 * half]);
      }
      y[o] = fold(lanes, 0);
    }
  }

  /** The 32 lanes of a row; those of even and of odd elements side by side until the end. */
  private static void lanesOfBf16(float[] x, int half, long at, Scratch scratch) {
    float[] apart = scratch.apart;
    for (int c = 0; c < LANES / 2; c += W) {
      FloatVector even = FloatVector.zero(S);
      FloatVector odd = even;
      for (int i = c; i < half; i += LANES / 2) {
        IntVector words = words(at + 4L * i);
        FloatVector w0 = words.lanewise(LSHL, 16).reinterpretAsFloats();
        FloatVector w1 = words.lanewise(AND, 0xffff0000).reinterpretAsFloats();
        even = FloatVector.fromArray(S, x, i).fma(w0, even);
        odd = FloatVector.fromArray(S, x, half + i).fma(w1, odd);
      }
      even.intoArray(apart, c);
      odd.intoArray(apart, LANES / 2 + c);
    }
    join(apart, scratch.lanes);
  }

  private static void join(float[] apart, float[] lanes) {
    for (int c = 0; c < LANES / 2; c++) {
      lanes[2 * c] = apart[c];
      lanes[2 * c + 1] = apart[LANES / 2 + c];
    }
  }

  /**
   * {@code n} elements of W, from element {@code i} on, as float32. To an array: after a store to a
   * memory segment the compiler has every later access check its segment again.
   */
  static void widen(Matrix w, long i, int n, float[] floats) {
    long at = w.address() + 2 * i;
    if (w.type() == DType.BF16) {
      widenBf16(at, n, floats);
    } else {
      widenF16(at, n, floats);
    }
  }

  private static void widenF16(long at, int n, float[] floats) {
    for (int o = 0; o < n; o++) {
      floats[o] = Float.float16ToFloat(MEMORY.get(Matrix.HALF, at + 2L * o));
    }
  }

  private static void widenBf16(long at, int n, float[] floats) {
    int o = 0;
    for (; o + W <= n; o += W) {
      halves(at + 2L * o).lanewise(LSHL, 16).reinterpretAsFloats().intoArray(floats, o);
    }
    for (; o < n; o++) {
      floats[o] = Float.intBitsToFloat(MEMORY.get(Matrix.HALF, at + 2L * o) << 16);
    }
  }
}
