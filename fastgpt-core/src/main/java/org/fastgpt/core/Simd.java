package org.fastgpt.core;

import static jdk.incubator.vector.VectorOperators.AND;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.S2I;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * What the vector kernels share: the width, W's memory, and the small steps that they are made of.
 * These take and return vectors, so they must be inlined, or each vector is an object on the heap;
 * none calls another, as the compiler may take the inner call for a rare one, and leave it a call.
 * The launcher forbids inlining for all in classes named Vector…: inlined into each other, kernels
 * are compiled several times over, while the first token waits.
 */
final class Simd {
  /**
   * The width: what the machine prefers, or the property fastgpt.vectorBits (128, 256, 512). The
   * one of all kernels: the compiler's profile of a vector's methods is shared by all who call
   * them, and where it saw two widths it may guess the wrong one, for good.
   */
  static final VectorSpecies<Float> S = species();

  private static final int W = S.length();
  private static final int LANES = Kernels.LANES;

  /** Whether there are 32 registers for vectors of this width; with narrower ones often only 16. */
  static final boolean MANY_REGISTERS = S.vectorBitSize() == 512;

  static final VectorSpecies<Integer> INTS = VectorSpecies.of(int.class, S.vectorShape());
  static final VectorSpecies<Short> HALVES =
      VectorSpecies.of(short.class, VectorShape.forBitSize(S.vectorBitSize() / 2));

  /** Sign, exponent and fraction of an F16, as they lie in {@link #moved}. */
  static final int F16_BITS = 0x8fffe000;

  private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;

  /**
   * All memory, by address. A constant, so that what the compiler makes of a kernel is the same in
   * every run: with the segments of weights themselves it checks their class, bounds and life in
   * the inner loops, or not, as their history in this run has it. What is read lies within W, whose
   * size was checked when it was opened, and which stays mapped while a session reads it.
   */
  @SuppressWarnings("restricted") // see above
  static final MemorySegment MEMORY = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

  /**
   * One, by which loops over memory go on: not a constant, as a loop of constant step is unrolled.
   * Its rounds then ask for their cache lines in another order than they lie in, at half of the
   * memory's speed on some machines, and it computes anew at each entry how far no access needs its
   * check.
   */
  static int one = 1;

  private Simd() {}

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

  /** A vector of W, at its address. */
  static FloatVector load(long at) {
    return FloatVector.fromMemorySegment(S, MEMORY, at, LE);
  }

  /** Stores a vector at an address. */
  static void store(FloatVector v, long at) {
    v.intoMemorySegment(MEMORY, at, LE);
  }

  /** Adds x w to a sum at an address. */
  static void addTo(long sum, float x, float w) {
    MEMORY.set(Matrix.FLOAT, sum, Math.fma(x, w, MEMORY.get(Matrix.FLOAT, sum)));
  }

  /** The number in all lanes. */
  static FloatVector all(float value) {
    return FloatVector.broadcast(S, value);
  }

  /** As many numbers of 16 bits as the vector has lanes. */
  static ShortVector halves(long at) {
    return ShortVector.fromMemorySegment(HALVES, MEMORY, at, LE);
  }

  /** BF16 as float32: its upper half. */
  static FloatVector wide(ShortVector bf16) {
    IntVector bits = (IntVector) bf16.convertShape(S2I, INTS, 0);
    return bits.lanewise(LSHL, 16).reinterpretAsFloats();
  }

  /**
   * F16 with sign, exponent and fraction where float32 has them: the number times 2^-112.
   *
   * @param mask {@link #F16_BITS} in all lanes; given as a number, what makes a vector of it the
   *     compiler may not have seen yet
   */
  static FloatVector moved(ShortVector f16, IntVector mask) {
    IntVector bits = (IntVector) f16.convertShape(S2I, INTS, 0);
    return bits.lanewise(LSHL, 13).lanewise(AND, mask).reinterpretAsFloats();
  }

  /** The bits of a float as a number of the same order, and back. */
  static int ordered(int bits) {
    return bits ^ ((bits >> 31) & Integer.MAX_VALUE);
  }

  /** y += s0, s1 side by side. */
  static void addTo(float[] y, int at, FloatVector s0, FloatVector s1) {
    FloatVector.fromArray(S, y, at).add(s0).intoArray(y, at);
    FloatVector.fromArray(S, y, at + W).add(s1).intoArray(y, at + W);
  }

  /** Stores scale * s0, s1 side by side. */
  static void store(FloatVector s0, FloatVector s1, float scale, float[] to, int at) {
    FloatVector.broadcast(S, scale).mul(s0).intoArray(to, at);
    FloatVector.broadcast(S, scale).mul(s1).intoArray(to, at + W);
  }

  /** Adds the elements of a lanes sum beyond the last whole 32. */
  static void rest(float[] x, int xAt, long at, int n, float[] lanes, int c) {
    int whole = n / LANES * LANES;
    for (int i = whole; i < n; i++) {
      float wi = MEMORY.get(Matrix.FLOAT, at + 4L * i);
      lanes[c + i - whole] = Math.fma(x[xAt + i], wi, lanes[c + i - whole]);
    }
  }

  /** The fold of a lanes sum with what is beyond the last whole 32 of a row of W. */
  static float foldWithRest(float[] lanes, float[] x, Matrix w, long row, int n) {
    int whole = n / LANES * LANES;
    for (int i = whole; i < n; i++) {
      lanes[i - whole] = Math.fma(x[i], w.get(row + i), lanes[i - whole]);
    }
    return fold(lanes, 0);
  }

  /** {@link ScalarKernels#fold} of those from {@code at} on. */
  static float fold(float[] lanes, int at) {
    for (int c = at; c < at + LANES / 2; c += W) {
      FloatVector.fromArray(S, lanes, c)
          .add(FloatVector.fromArray(S, lanes, c + LANES / 2))
          .intoArray(lanes, c);
    }
    return (fold4(lanes, at) + fold4(lanes, at + 2))
        + (fold4(lanes, at + 1) + fold4(lanes, at + 3));
  }

  /** Every fourth of 16. */
  private static float fold4(float[] lanes, int at) {
    return (lanes[at] + lanes[at + 8]) + (lanes[at + 4] + lanes[at + 12]);
  }
}
