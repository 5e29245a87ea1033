package org.fastgpt.core;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * As many {@link ScalarKernels#fold}s at once as a vector has lanes. One alone is a chain of
 * additions of ever fewer numbers; side by side they keep the lanes full.
 */
final class SimdFolds {
  private static final VectorSpecies<Float> S = Simd.S;
  private static final int W = S.length();
  private static final int LANES = Kernels.LANES;

  // Constants, not elements of an array: else the compiler has to make objects of them.
  private static final VectorShuffle<Float> SWAP_8 = swap(8);
  private static final VectorShuffle<Float> SWAP_4 = swap(4);
  private static final VectorShuffle<Float> SWAP_2 = swap(2);
  private static final VectorShuffle<Float> SWAP_1 = swap(1);
  private static final VectorMask<Float> UPPER_8 = upper(8);
  private static final VectorMask<Float> UPPER_4 = upper(4);
  private static final VectorMask<Float> UPPER_2 = upper(2);
  private static final VectorMask<Float> UPPER_1 = upper(1);

  private SimdFolds() {}

  /** Every two neighbouring groups of {@code half} lanes exchanged. */
  private static VectorShuffle<Float> swap(int half) {
    return VectorShuffle.fromOp(S, lane -> (lane ^ half) % W);
  }

  /** The second of every two neighbouring groups of {@code half} lanes. */
  private static VectorMask<Float> upper(int half) {
    boolean[] lanes = new boolean[W];
    for (int lane = 0; lane < W; lane++) {
      lanes[lane] = (lane & half) != 0;
    }
    return VectorMask.fromArray(S, lanes, 0);
  }

  /**
   * Folds {@code sums [width, 32] at offset at} to {@code [width] at offset to}, which may lie
   * before it or at its beginning. What was there is lost.
   */
  static void fold(float[] sums, int at, int to) {
    for (int i = 0; i < W; i++) {
      narrow(sums, at + i * LANES, at + i * W);
    }
    if (W > 8) {
      merge(sums, at, 8, SWAP_8, UPPER_8);
    }
    if (W > 4) {
      merge(sums, at, 4, SWAP_4, UPPER_4);
    }
    merge(sums, at, 2, SWAP_2, UPPER_2);
    merge(sums, at, 1, SWAP_1, UPPER_1);
    FloatVector.fromArray(S, sums, at).intoArray(sums, to);
  }

  /** The first steps of one fold: of 32 lanes one vector, at {@code to}. */
  private static void narrow(float[] sums, int at, int to) {
    for (int half = LANES / 2; half > W; half /= 2) {
      for (int c = at; c < at + half; c += W) {
        FloatVector.fromArray(S, sums, c)
            .add(FloatVector.fromArray(S, sums, c + half))
            .intoArray(sums, c);
      }
    }
    FloatVector.fromArray(S, sums, at)
        .add(FloatVector.fromArray(S, sums, at + W))
        .intoArray(sums, to);
  }

  /**
   * The next step of all: adds lanes that are {@code half} apart. Each vector then has half of its
   * lanes left, so two become one: the first {@code half} vectors take up the second {@code half},
   * in the upper of their groups of lanes. So at the end lane i is the fold of vector i.
   */
  private static void merge(
      float[] vectors, int at, int half, VectorShuffle<Float> swap, VectorMask<Float> upper) {
    for (int i = at; i < at + half * W; i += W) {
      FloatVector a = FloatVector.fromArray(S, vectors, i);
      FloatVector b = FloatVector.fromArray(S, vectors, i + half * W);
      FloatVector first = a.blend(b.rearrange(swap), upper);
      FloatVector second = a.rearrange(swap).blend(b, upper);
      first.add(second).intoArray(vectors, i);
    }
  }
}
