package org.fastgpt.core;

import java.util.List;
import java.util.Locale;

/**
 * The arithmetic of GPT-2, and nothing of the model. All float32; arrays row-major; weights as the
 * file has them, those of 16 bits widened, which is exact. Arguments are checked by the caller.
 *
 * <p><b>The order of every sum is defined</b>, so that all implementations, on any machine, for any
 * split of the work, give the same bits. There are two kinds of sum:
 *
 * <ul>
 *   <li><i>chain</i>: one accumulator per output element, from zero; {@code acc = fma(x[i], w[i],
 *       acc)} for rising i.
 *   <li><i>lanes</i>: 32 accumulators from zero; element i goes to accumulator i mod 32, in rising
 *       order; they are then folded pairwise: c and c + 16, then c and c + 8, 4, 2, 1.
 * </ul>
 *
 * A chain runs in parallel across outputs (vector lanes lie there), the lanes of a dot product fit
 * vectors of 4, 8, 16 or 32 floats. A fully connected layer is a chain for each {@link #BLOCK} of
 * its inputs, added to the bias one after the other: y = ((b + c0) + c1) + …; so threads can share
 * one output, and each reads whole rows of W, in the order in which they lie in memory. Memory that
 * a kernel needs is the caller's {@code scratch}: nothing is allocated here.
 */
interface Kernels {

  /** Inputs of a fully connected layer that one chain runs over. */
  int BLOCK = 128;

  /** Number of accumulators of a <i>lanes</i> sum, and of positions in a block of keys. */
  int LANES = 32;

  /** What {@code --kernels} calls it, with the width: {@code scalar}, {@code vector-256}. */
  String name();

  /** Whether every sum is in the defined order; false for those of a library. */
  default boolean sumsAsDefined() {
    return true;
  }

  /** How many of {@code in} inputs one call of {@link #linear} takes at most. */
  default int block(int in) {
    return BLOCK;
  }

  /**
   * Adds one block of a fully connected layer to the columns [from, to): y += the chain over inputs
   * [k, kEnd). {@code x [rows, in]; w [in, out]; y [rows, out] at yAt}. W is stored as GPT-2's
   * Conv1D has it, and its rows [k, kEnd) are read once: with one row, this is where the time goes.
   *
   * @param kEnd at most k + {@link #block}
   */
  void linear(
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
      Scratch scratch);

  /**
   * The logits: y = x Wᵀ for the output columns [from, to), lanes sums over {@code in}. {@code x
   * [rows, in]; w [out, in]; y [rows, out]}.
   */
  void linearTransposed(
      float[] x, int rows, int in, Matrix w, float[] y, int out, int from, int to, Scratch scratch);

  /**
   * Normalises one row to mean 0, variance 1, then scales and shifts: y = fma((x - mean) * rstd, g,
   * b), rstd = 1 / sqrt(variance + eps). {@code x, y [n] at offset at; g, b [n]}. Biased variance,
   * two passes, lanes sums. As {@code norm} in openai/gpt-2 src/model.py.
   */
  void layerNorm(
      float[] x, float[] g, float[] b, float eps, float[] y, int at, int n, Scratch scratch);

  /**
   * GPT-2's GELU in place: 0.5 x (1 + tanh(u)), u = sqrt(2/pi) (x + 0.044715 x³), computed as the
   * equal x / (1 + exp(-2u)), which does not cancel for negative x. {@code x [n] at offset at}.
   */
  void gelu(float[] x, int at, int n, Scratch scratch);

  /**
   * GELU in place with fastGPT's {@code fast_tanh}, a polynomial: h fast_tanh(u) + h by one fma, h
   * = 0.5 x, u = x fma(0.044715 sqrt(2/pi), x², sqrt(2/pi)). {@code x [n] at offset at}. How far it
   * is from {@link #gelu}: {@link org.fastgpt.Tolerances#FAST_TANH}.
   */
  void geluFastTanh(float[] x, int at, int n);

  /** exp(x - max) / sum, in place; the sum in lanes. {@code x [n] at offset at}, n at least 1. */
  void softmax(float[] x, int at, int n, Scratch scratch);

  /**
   * Attention scores of some queries against a block of 32 keys: scores[t, s] = scale * (q_t ·
   * k_s), chains over the head's features. {@code q [rows, headSize] at qAt, its rows qStride
   * apart; k [headSize, 32] at kAt; scores [rows, 32] at to, its rows stride apart}. All 32 are
   * written; the caller looks at those whose keys are there.
   */
  void scores(
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
      int stride);

  /**
   * Adds a block of weighted values: out_t += Σ p[t, s] v_s, chains over s that go on from out.
   * {@code p [rows, n] at pAt, its rows pStride apart; v [n, headSize] at vAt; out [rows, headSize]
   * at to, its rows stride apart}.
   */
  void mix(
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
      int stride);

  /** x += y. {@code x [n] at xAt; y [n] at yAt}. */
  void add(float[] x, int xAt, float[] y, int yAt, int n);

  /** Whether the kernels of that name are those of the Vector API. */
  static boolean areVectors(String name) {
    return isVectorApiPresent()
        && List.of("auto", "vector").contains(name.toLowerCase(Locale.ROOT));
  }

  private static boolean isVectorApiPresent() {
    return ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent();
  }

  /**
   * The kernels of that name: {@code scalar}, {@code vector}, or {@code auto} for vector where the
   * JVM has the Vector API module, else scalar; {@code openblas} or {@code accelerate} for auto
   * with the matrix products of that library.
   *
   * @throws IllegalArgumentException an unknown name, or vector without its module
   * @throws org.fastgpt.model.ModelException the library is not there
   */
  static Kernels named(String name) {
    boolean present = isVectorApiPresent();
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
