package org.fastgpt.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.SplittableRandom;
import jdk.incubator.vector.FloatVector;
import org.fastgpt.model.Model;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The vector kernels give the bits of the scalar ones, and write nowhere else. Run once per vector
 * width (see the module's pom).
 */
@Tag("bits")
class KernelsTest {

  private static final float SENTINEL = 12345.678f;
  private static final int OFFSET = 3;

  private final Kernels scalar = Kernels.named("scalar");
  private final Kernels vector = Kernels.named("vector");
  private final SplittableRandom random = new SplittableRandom(42);

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 768})
  void linearGivesTheSameBits(int out) {
    for (int in : new int[] {1, 7, 8, 9, 33}) {
      for (int rows : new int[] {1, 3, 4, 5, 9}) {
        for (int from : new int[] {0, out / 3, out - 1}) {
          float[] x = values(rows * in);
          float[] b = values(out);
          MemorySegment w = segment(in * out);
          int to = out - from / 2;
          sameBits(
              rows * out, (k, y) -> k.linear(x, rows, in, w, b, y, out, from, Math.max(from, to)));
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 31, 32, 33, 63, 64, 65, 96, 768})
  void linearTransposedGivesTheSameBits(int in) {
    for (int rows : new int[] {1, 2, 8}) {
      float[] x = values(rows * in);
      MemorySegment w = segment(13 * in);
      sameBits(rows * 13, (k, y) -> k.linearTransposed(x, rows, in, w, y, 13, 2, 11, lanes()));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 768, 3072})
  void rowKernelsGiveTheSameBits(int n) {
    float[] x = values(OFFSET + n + OFFSET);
    float[] g = values(n);
    float[] b = values(n);
    sameBits(OFFSET + n + OFFSET, (k, y) -> k.layerNorm(x, g, b, 1e-5f, y, OFFSET, n, lanes()));
    inPlaceSameBits(x, (k, y) -> k.gelu(y, OFFSET, n, lanes()));
    inPlaceSameBits(x, (k, y) -> k.geluFastTanh(y, OFFSET, n));
    inPlaceSameBits(x, (k, y) -> k.softmax(y, OFFSET, n, lanes()));
    inPlaceSameBits(x, (k, y) -> k.add(y, b, n));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 8, 12, 16, 17, 32, 64, 80})
  void attentionGivesTheSameBits(int headSize) {
    float[] q = values(OFFSET + headSize);
    float[] page = values(OFFSET + 2 * headSize * Kernels.LANES);
    float[] p = values(OFFSET + Kernels.LANES);
    sameBits(
        OFFSET + Kernels.LANES + OFFSET,
        (k, y) -> k.scores(q, OFFSET, page, OFFSET, headSize, 0.125f, y, OFFSET));
    for (int n : new int[] {1, 2, 31, 32}) {
      sameBits(
          OFFSET + headSize + OFFSET,
          (k, y) -> k.mix(p, OFFSET, n, page, OFFSET, headSize, y, OFFSET));
    }
  }

  @Test
  void extremeValuesGiveTheSameBits() {
    float[] x = {
      0f,
      -0f,
      1e-40f,
      -1e-40f,
      87f,
      -87f,
      88.5f,
      -88.5f,
      150f,
      -150f,
      1e30f,
      -1e30f,
      3.4e38f,
      -3.4e38f,
      Float.POSITIVE_INFINITY,
      Float.NEGATIVE_INFINITY,
      Float.NaN,
      5f,
      -5f,
      0.5f
    };
    float[] many = new float[OFFSET + 7 * x.length];
    for (int i = 0; i < many.length; i++) {
      many[i] = x[i % x.length];
    }
    inPlaceSameBits(many, (k, y) -> k.gelu(y, OFFSET, many.length - OFFSET, lanes()));
    inPlaceSameBits(many, (k, y) -> k.geluFastTanh(y, OFFSET, many.length - OFFSET));
    for (int from = 0; from < x.length; from++) {
      float[] row = Arrays.copyOfRange(many, from, from + 40);
      inPlaceSameBits(row, (k, y) -> k.softmax(y, 0, 40, lanes()));
    }
  }

  @Test
  void refusesUnknownKernels() {
    assertThatThrownBy(() -> Kernels.named("simd"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "kernels 'simd' are unknown; there are: auto, scalar, vector, openblas, accelerate");
  }

  @Test
  void widthIsTheOneAskedForElseTheMachines() {
    int preferred = Math.min(512, FloatVector.SPECIES_PREFERRED.vectorBitSize());
    String bits = System.getProperty("fastgpt.vectorBits", String.valueOf(preferred));
    assertThat(vector.name()).isEqualTo("vector-" + bits);
  }

  private interface Call {
    void on(Kernels kernels, float[] y);
  }

  /** Runs both on an output full of sentinels: what they do not write stays. */
  private void sameBits(int size, Call call) {
    float[] blank = new float[size + 1];
    Arrays.fill(blank, SENTINEL);
    inPlaceSameBits(blank, call);
  }

  private void inPlaceSameBits(float[] x, Call call) {
    float[] expected = x.clone();
    float[] actual = x.clone();
    call.on(scalar, expected);
    call.on(vector, actual);
    assertThat(bits(actual)).isEqualTo(bits(expected));
  }

  /** All NaNs count as one: which one an operation yields is not defined by IEEE 754. */
  private static int[] bits(float[] x) {
    int[] bits = new int[x.length];
    for (int i = 0; i < x.length; i++) {
      bits[i] = Float.floatToIntBits(x[i]);
    }
    return bits;
  }

  /** Scratch memory, with what an earlier call has left in it. */
  private static float[] lanes() {
    float[] lanes = new float[Kernels.LANES];
    Arrays.fill(lanes, SENTINEL);
    return lanes;
  }

  private float[] values(int n) {
    float[] x = new float[n];
    for (int i = 0; i < n; i++) {
      x[i] = (float) (random.nextDouble(-1, 1) * Math.pow(10, random.nextInt(-3, 2)));
    }
    return x;
  }

  /** Weights at an odd address, as in a file whose header has any length. */
  private MemorySegment segment(int n) {
    MemorySegment bytes = Arena.ofAuto().allocate(4L * n + 1).asSlice(1);
    for (int i = 0; i < n; i++) {
      bytes.setAtIndex(Model.FLOAT, i, (float) random.nextDouble(-1, 1));
    }
    return bytes;
  }
}
