package org.fastgpt.core;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Locale;

/**
 * The arithmetic of GPT-2, and nothing of the model. All float32; matrices row-major; weights
 * little-endian float32 in memory segments at any alignment. Arguments are checked by the caller.
 *
 * <p><b>The order of every sum is defined</b>, so that all implementations, on any machine, for any
 * split of the work, give the same bits. There are two kinds of sum:
 *
 * <ul>
 *   <li><i>chain</i>: one accumulator per output element; {@code acc = fma(x[i], w[i], acc)} for
 *       rising i.
 *   <li><i>lanes</i>: 32 accumulators from zero; element i goes to accumulator i mod 32, in rising
 *       order; they are then folded pairwise: c and c + 16, then c and c + 8, 4, 2, 1.
 * </ul>
 *
 * A chain runs in parallel across outputs (vector lanes and threads lie there), the lanes of a dot
 * product fit vectors of 4, 8, 16 or 32 floats. Scratch memory, for the accumulators among other
 * things, is the caller's {@code lanes [32]}: nothing is allocated here.
 */
interface Kernels {

  /** How weights are read: little-endian float32 at any address. */
  ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Number of accumulators of a <i>lanes</i> sum, and of positions in a block of keys. */
  int LANES = 32;

  /** What {@code --kernels} calls it, with the width: {@code scalar}, {@code vector-256}. */
  String name();

  /** Whether every sum is in the defined order; false for those of a library. */
  default boolean sumsAsDefined() {
    return true;
  }

  /**
   * y = x W + b for the output columns [from, to): chains over {@code in}, starting from b. {@code
   * x [rows, in]; w [in, out]; b [out]; y [rows, out]}. W is stored as GPT-2's Conv1D has it, and
   * read once: with one row, this is where the time goes.
   */
  void linear(
      float[] x,
      int rows,
      int in,
      MemorySegment w,
      float[] b,
      float[] y,
      int out,
      int from,
      int to);

  /**
   * The logits: y = x Wᵀ for the output columns [from, to), lanes sums over {@code in}. {@code x
   * [rows, in]; w [out, in]; y [rows, out]}.
   */
  void linearTransposed(
      float[] x,
      int rows,
      int in,
      MemorySegment w,
      float[] y,
      int out,
      int from,
      int to,
      float[] lanes);

  /**
   * Normalises one row to mean 0, variance 1, then scales and shifts: y = fma((x - mean) * rstd, g,
   * b), rstd = 1 / sqrt(variance + eps). {@code x, y [n] at offset at; g, b [n]}. Biased variance,
   * two passes, lanes sums. As {@code norm} in openai/gpt-2 src/model.py.
   */
  void layerNorm(
      float[] x, float[] g, float[] b, float eps, float[] y, int at, int n, float[] lanes);

  /**
   * GPT-2's GELU in place: 0.5 x (1 + tanh(u)), u = sqrt(2/pi) (x + 0.044715 x³), computed as the
   * equal x / (1 + exp(-2u)), which does not cancel for negative x. {@code x [n] at offset at}.
   */
  void gelu(float[] x, int at, int n, float[] lanes);

  /**
   * GELU in place with fastGPT's {@code fast_tanh}, a polynomial: h fast_tanh(u) + h by one fma, h
   * = 0.5 x, u = x fma(0.044715 sqrt(2/pi), x², sqrt(2/pi)). {@code x [n] at offset at}. How far it
   * is from {@link #gelu}: {@link org.fastgpt.Tolerances#FAST_TANH}.
   */
  void geluFastTanh(float[] x, int at, int n);

  /** exp(x - max) / sum, in place; the sum in lanes. {@code x [n] at offset at}, n at least 1. */
  void softmax(float[] x, int at, int n, float[] lanes);

  /**
   * Attention scores of one query against a block of 32 keys: scores[s] = scale * (q · k_s), chains
   * over the head's features. {@code q [headSize] at qAt; k [headSize, 32] at kAt; scores [32] at
   * to}. All 32 are written; the caller looks at those whose keys are there.
   */
  void scores(
      float[] q, int qAt, float[] k, int kAt, int headSize, float scale, float[] scores, int to);

  /**
   * Adds a block of weighted values: out += Σ p[s] v_s, a chain over s. {@code p [n] at pAt; v [n,
   * headSize] at vAt; out [headSize] at to}.
   */
  void mix(float[] p, int pAt, int n, float[] v, int vAt, int headSize, float[] out, int to);

  /** x += y, the residual. {@code x, y [n] from index 0}. */
  void add(float[] x, float[] y, int n);

  /**
   * The kernels of that name: {@code scalar}, {@code vector}, or {@code auto} for vector where the
   * JVM has the Vector API module, else scalar; {@code openblas} or {@code accelerate} for auto
   * with the matrix products of that library.
   *
   * @throws IllegalArgumentException an unknown name, or vector without its module
   * @throws org.fastgpt.model.ModelException the library is not there
   */
  static Kernels named(String name) {
    boolean present = ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent();
    return switch (name.toLowerCase(Locale.ROOT)) {
      case "scalar" -> new ScalarKernels();
      case "auto" -> present ? new VectorKernels() : new ScalarKernels();
      case "vector" -> {
        if (!present) {
          throw new IllegalArgumentException(
              "kernels 'vector' need the Vector API: start java with"
                  + " --add-modules jdk.incubator.vector");
        }
        yield new VectorKernels();
      }
      case "openblas" -> new BlasKernels("openblas", OpenBlas.load(), named("auto"));
      case "accelerate" -> new BlasKernels("accelerate", Blas.accelerate(), named("auto"));
      default ->
          throw new IllegalArgumentException(
              "kernels '"
                  + name
                  + "' are unknown; there are: auto, scalar, vector, openblas, accelerate");
    };
  }
}
