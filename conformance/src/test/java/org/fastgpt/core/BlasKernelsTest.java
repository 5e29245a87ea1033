package org.fastgpt.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.abort;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.fastgpt.Tolerances;
import org.fastgpt.model.Model;
import org.fastgpt.model.ModelException;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A BLAS gives what the scalar kernels give, within the rounding of sums in any order, and writes
 * nowhere else. Here and not in core, because ND4J brings an OpenBLAS to this class path.
 */
@Tag("core")
class BlasKernelsTest {

  private static BlasKernels openBlas;

  private final Kernels scalar = Kernels.named("scalar");
  private final Scratch scratch = new Scratch();
  private final SplittableRandom random = new SplittableRandom(42);

  @BeforeAll
  static void load() {
    try {
      openBlas = (BlasKernels) Kernels.named("openblas");
    } catch (ModelException e) {
      abort(e.getMessage()); // a machine for which ND4J has none
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 8, 31, 32, 33, 64, 65, 768})
  void linearIsWithinItsRounding(int out) {
    for (int in : new int[] {1, 7, 33, 768}) {
      for (int rows : new int[] {1, 2, 5, 9, 64}) {
        for (int from : new int[] {0, out / 3, out - 1}) {
          checkLinear(openBlas, rows, in, out, from, Math.max(from + 1, out - from / 2));
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 31, 32, 33, 64, 65, 768})
  void linearTransposedIsWithinItsRounding(int in) {
    for (int out : new int[] {1, 13, 65}) {
      for (int rows : new int[] {1, 2, 8}) {
        checkLinearTransposed(openBlas, rows, in, out, out / 3, out - out / 5);
      }
    }
  }

  /** The binding is one; only the library is another. */
  @Test
  void accelerateIsBoundInTheSameWay() {
    var accelerate =
        new BlasKernels("accelerate", Blas.load(OpenBlas.load().library()), Kernels.named("auto"));
    assertThat(accelerate.name()).isEqualTo("accelerate");
    assertThat(accelerate.sumsAsDefined()).isFalse();
    checkLinear(accelerate, 1, 65, 33, 3, 30);
    checkLinear(accelerate, 5, 65, 33, 3, 30);
    checkLinearTransposed(accelerate, 1, 65, 33, 3, 30);
    checkLinearTransposed(accelerate, 5, 65, 33, 3, 30);
  }

  /** A BLAS may expect floats at whole addresses; a file may have them elsewhere. */
  @Test
  void weightsAtAnOddAddressAreLeftToTheOtherKernels() {
    Matrix w = Matrix.of(weights(33 * 65, 1));
    float[] x = values(2 * 65);
    float[] expected = new float[2 * 33];
    float[] actual = new float[2 * 33];
    scalar.linear(x, 2, 65, 0, 65, w, expected, 0, 33, 0, 33, scratch);
    openBlas.linear(x, 2, 65, 0, 65, w, actual, 0, 33, 0, 33, scratch);
    assertThat(actual).containsExactly(expected);
    scalar.linearTransposed(x, 2, 65, w, expected, 33, 0, 33, scratch);
    openBlas.linearTransposed(x, 2, 65, w, actual, 33, 0, 33, scratch);
    assertThat(actual).containsExactly(expected);
  }

  @Test
  void nativeCodeIsNeverGivenLessMemoryThanItUses() {
    float[] x = new float[2 * 8];
    MemorySegment weights = weights(8 * 4, 0);
    Matrix w = Matrix.of(weights);
    Matrix shorter = Matrix.of(weights.asSlice(0, weights.byteSize() - 4));
    float[] y = new float[2 * 4];
    assertThatThrownBy(() -> openBlas.linear(x, 2, 8, 0, 8, shorter, y, 0, 4, 0, 4, scratch))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> openBlas.linear(x, 3, 8, 0, 8, w, new float[12], 0, 4, 0, 4, scratch))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> openBlas.linearTransposed(x, 2, 8, shorter, y, 4, 0, 4, null))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> openBlas.linearTransposed(x, 2, 8, w, new float[7], 4, 0, 4, null))
        .isInstanceOf(IndexOutOfBoundsException.class);
  }

  private void checkLinear(Kernels blas, int rows, int in, int out, int from, int to) {
    float[] x = values(rows * in);
    float[] b = values(out);
    MemorySegment w = weights(in * out, 0);
    float[] expected = blank(rows * out);
    float[] actual = blank(rows * out);
    for (int t = 0; t < rows; t++) {
      System.arraycopy(b, from, expected, t * out + from, to - from);
      System.arraycopy(b, from, actual, t * out + from, to - from);
    }
    Matrix matrix = Matrix.of(w);
    scalar.linear(x, rows, in, 0, in, matrix, expected, 0, out, from, to, scratch);
    blas.linear(x, rows, in, 0, in, matrix, actual, 0, out, from, to, scratch);
    for (int t = 0; t < rows; t++) {
      for (int o = 0; o < out; o++) {
        double magnitude = Math.abs(b[o]);
        for (int i = 0; i < in; i++) {
          magnitude += Math.abs(x[t * in + i] * (double) w.getAtIndex(Model.FLOAT, i * out + o));
        }
        assertSame(expected[t * out + o], actual[t * out + o], in + 1, magnitude);
      }
    }
  }

  private void checkLinearTransposed(Kernels blas, int rows, int in, int out, int from, int to) {
    float[] x = values(rows * in);
    MemorySegment w = weights(in * out, 0);
    float[] expected = blank(rows * out);
    float[] actual = blank(rows * out);
    Matrix matrix = Matrix.of(w);
    scalar.linearTransposed(x, rows, in, matrix, expected, out, from, to, scratch);
    blas.linearTransposed(x, rows, in, matrix, actual, out, from, to, scratch);
    for (int t = 0; t < rows; t++) {
      for (int o = 0; o < out; o++) {
        double magnitude = 0;
        for (int i = 0; i < in; i++) {
          magnitude += Math.abs(x[t * in + i] * (double) w.getAtIndex(Model.FLOAT, o * in + i));
        }
        assertSame(expected[t * out + o], actual[t * out + o], in, magnitude);
      }
    }
  }

  /** Within the rounding of both; NaN, which none has written to, stays NaN. */
  private static void assertSame(float expected, float actual, int terms, double magnitude) {
    if (Float.isNaN(expected)) {
      assertThat(actual).isNaN();
    } else {
      assertThat((double) Math.abs(actual - expected))
          .isLessThanOrEqualTo(Tolerances.betweenTwo(Tolerances.sum(terms)) * magnitude);
    }
  }

  /** An output that is not a number anywhere: nothing of it may come into the result. */
  private static float[] blank(int n) {
    float[] y = new float[n];
    Arrays.fill(y, Float.NaN);
    return y;
  }

  private float[] values(int n) {
    float[] x = new float[n];
    for (int i = 0; i < n; i++) {
      x[i] = (float) random.nextDouble(-1, 1);
    }
    return x;
  }

  private MemorySegment weights(int n, int address) {
    MemorySegment bytes = Arena.ofAuto().allocate(4L * n + address, 4).asSlice(address);
    for (int i = 0; i < n; i++) {
      bytes.setAtIndex(Model.FLOAT, i, (float) random.nextDouble(-1, 1));
    }
    return bytes;
  }
}
