package org.fastgpt.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;
import jdk.incubator.vector.FloatVector;
import org.fastgpt.model.StoredTensor;
import org.fastgpt.model.StoredTensor.DType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The vector kernels give the bits of the scalar ones, and write nowhere else. Run once per vector
 * width (see the module's pom).
 */
@Tag("bits")
class KernelsTest {

  private static final float SENTINEL = 12345.678f;
  private static final int OFFSET = 3;
  private static final DType[] WEIGHTS = {DType.F32, DType.F16, DType.BF16};

  private final Kernels scalar = Kernels.named("scalar");
  private final Kernels vector = Kernels.named("vector");
  private final SplittableRandom random = new SplittableRandom(42);

  /** Those that are compiled before the model is opened. */
  @ParameterizedTest
  @ValueSource(strings = {"auto", "vector", "Vector", "scalar", "openblas"})
  void namesThoseOfTheVectorApi(String name) {
    boolean vectors = !Set.of("scalar", "openblas").contains(name);
    assertThat(Kernels.areVectors(name)).isEqualTo(vectors);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 768})
  void linearGivesTheSameBits(int out) {
    for (int in : new int[] {1, 7, 33, Kernels.BLOCK}) {
      for (int rows : new int[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16}) {
        for (DType type : WEIGHTS) {
          for (int from : new int[] {0, out / 3, out - 1}) {
            float[] x = values(rows * in);
            Matrix w = matrix(in * out, type);
            int to = Math.max(from, out - from / 2);
            int k = in / 4;
            float[] y = values(OFFSET + rows * out + OFFSET);
            inPlaceSameBits(
                y,
                (kernels, sum) ->
                    kernels.linear(
                        x, rows, in, k, in, w, sum, OFFSET, out, from, to, new Scratch()));
          }
        }
      }
    }
  }

  /** Rows of W that are 4096 bytes apart, whose tiles are copied. */
  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F32", "F16", "BF16"})
  void manyRowsGiveTheSameBits(DType type) {
    int rows = VectorLinear.MANY_ROWS + 1;
    int in = 40;
    int out = 1024;
    float[] x = values(rows * in);
    Matrix w = matrix(in * out, type);
    for (int from : new int[] {0, 5}) {
      sameBits(
          rows * out, (k, y) -> k.linear(x, rows, in, 3, in, w, y, 0, out, from, out, scratch()));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 31, 32, 33, 63, 64, 65, 96, 768})
  void linearTransposedGivesTheSameBits(int in) {
    int out = 41; // some more than are read at once
    for (int rows : new int[] {1, 2, 3, 5, 8, 9, 17}) {
      for (DType type : WEIGHTS) {
        float[] x = values(rows * in);
        Matrix w = matrix(out * in, type);
        sameBits(
            rows * out, (k, y) -> k.linearTransposed(x, rows, in, w, y, out, 2, 39, scratch()));
      }
    }
  }

  /** Whatever the 16 bits are: subnormal numbers, infinities, and NaN are widened too. */
  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F16", "BF16"})
  void everyHalfIsWidenedExactly(DType type) {
    int all = 1 << 16;
    Matrix w = allHalves(type);
    sameBits(all, (k, y) -> k.linear(new float[] {1}, 1, 1, 0, 1, w, y, 0, all, 0, all, scratch()));
    for (int i = 0; i < all; i++) {
      float exact =
          type == DType.F16 ? Float.float16ToFloat((short) i) : Float.intBitsToFloat(i << 16);
      assertThat(Float.floatToIntBits(w.get(i))).isEqualTo(Float.floatToIntBits(exact));
    }
  }

  /** The logits too, which take F16 for what it is only where all is finite, and x small enough. */
  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F16", "BF16"})
  void everyHalfIsMultipliedExactly(DType type) {
    int in = Kernels.LANES;
    int all = (1 << 16) / in;
    int infinity = 0x7c00 / in;
    int[][] parts = {
      {0, infinity}, {infinity, infinity + 1}, {all / 2, all / 2 + infinity}, {0, all}
    };
    Matrix w = allHalves(type);
    for (float most : new float[] {1e-42f, 1, 65535, 65536, Float.MAX_VALUE, Float.NaN}) {
      float[] x = values(3 * all);
      for (int i = 5; i < x.length; i += in) {
        x[i] = most;
        x[i + 1] = -most;
      }
      for (int[] part : parts) {
        int from = part[0];
        int to = part[1];
        sameBits(all, (k, y) -> k.linearTransposed(x, 1, in, w, y, all, from, to, scratch()));
        // The same numbers as W [all, 32]; of three rows of x the last one goes alone.
        for (int rows : new int[] {1, 3}) {
          sameBits(
              rows * in, (k, y) -> k.linear(x, rows, all, from, to, w, y, 0, in, 0, in, scratch()));
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 768, 3072})
  void rowKernelsGiveTheSameBits(int n) {
    float[] x = values(OFFSET + n + OFFSET);
    float[] g = values(n);
    float[] b = values(n);
    sameBits(OFFSET + n + OFFSET, (k, y) -> k.layerNorm(x, g, b, 1e-5f, y, OFFSET, n, scratch()));
    inPlaceSameBits(x, (k, y) -> k.gelu(y, OFFSET, n, scratch()));
    inPlaceSameBits(x, (k, y) -> k.geluFastTanh(y, OFFSET, n));
    inPlaceSameBits(x, (k, y) -> k.softmax(y, OFFSET, n, scratch()));
    inPlaceSameBits(x, (k, y) -> k.add(y, OFFSET, b, 0, n));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 8, 12, 16, 17, 32, 64, 80})
  void attentionGivesTheSameBits(int headSize) {
    int stride = 3 * headSize + 1;
    float[] page = values(OFFSET + 2 * headSize * Kernels.LANES);
    for (int rows : new int[] {1, 3, 6, 9, 13}) {
      float[] q = values(OFFSET + rows * stride);
      sameBits(
          OFFSET + rows * 2 * Kernels.LANES + OFFSET,
          (k, y) ->
              k.scores(q, OFFSET, stride, rows, page, OFFSET, headSize, 0.125f, y, OFFSET, 2 * 32));
      float[] p = values(OFFSET + rows * 2 * Kernels.LANES);
      for (int n : new int[] {1, 2, 31, 32}) {
        sameBits(
            OFFSET + rows * stride + OFFSET,
            (k, y) -> k.mix(p, OFFSET, 2 * 32, rows, n, page, OFFSET, headSize, y, OFFSET, stride));
      }
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
    inPlaceSameBits(many, (k, y) -> k.gelu(y, OFFSET, many.length - OFFSET, scratch()));
    inPlaceSameBits(many, (k, y) -> k.geluFastTanh(y, OFFSET, many.length - OFFSET));
    for (int from = 0; from < x.length; from++) {
      float[] row = Arrays.copyOfRange(many, from, from + 40);
      inPlaceSameBits(row, (k, y) -> k.softmax(y, 0, 40, scratch()));
      float[] negativeNan = with(row, v -> Float.isNaN(v) ? Float.intBitsToFloat(0xffc00000) : v);
      inPlaceSameBits(negativeNan, (k, y) -> k.softmax(y, 0, 40, scratch()));
      float[] infinite = with(row, v -> Float.isNaN(v) ? 1 : v);
      inPlaceSameBits(infinite, (k, y) -> k.softmax(y, 0, 40, scratch()));
      float[] finite = with(row, v -> Float.isFinite(v) ? v : 1);
      inPlaceSameBits(finite, (k, y) -> k.softmax(y, 0, 40, scratch()));
      float[] negative = with(row, v -> Float.isFinite(v) ? -Math.abs(v) : Float.NEGATIVE_INFINITY);
      inPlaceSameBits(negative, (k, y) -> k.softmax(y, 0, 40, scratch()));
    }
  }

  /** They are read by their address, unchecked. */
  @Test
  void weightsThatAreNotAsLargeAsTheirShapeAreRefused() {
    var tensor = new StoredTensor("w", DType.F16, List.of(3, 5), Arena.ofAuto().allocate(28));
    assertThatThrownBy(() -> Matrix.of(tensor))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("w: 28 bytes for shape [3, 5]");
    assertThatThrownBy(() -> Matrix.of(MemorySegment.ofArray(new float[15])))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("weights in native memory expected, an array found");
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

  private static float[] with(float[] x, UnaryOperator<Float> replace) {
    float[] y = x.clone();
    for (int i = 0; i < y.length; i++) {
      y[i] = replace.apply(x[i]);
    }
    return y;
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
  private static Scratch scratch() {
    var scratch = new Scratch();
    Arrays.fill(scratch.lanes, SENTINEL);
    Arrays.fill(scratch.floats(4096), SENTINEL);
    Arrays.fill(scratch.largest, Short.MAX_VALUE);
    scratch.memory(1 << 16).fill((byte) 0x5a);
    return scratch;
  }

  private float[] values(int n) {
    float[] x = new float[n];
    for (int i = 0; i < n; i++) {
      x[i] = (float) (random.nextDouble(-1, 1) * Math.pow(10, random.nextInt(-3, 2)));
    }
    return x;
  }

  /** All numbers of 16 bits, at an odd address. */
  private static Matrix allHalves(DType type) {
    int all = 1 << 16;
    MemorySegment halves = Arena.ofAuto().allocate(2L * all + 1).asSlice(1);
    for (int i = 0; i < all; i++) {
      halves.setAtIndex(Matrix.HALF, i, (short) i);
    }
    return new Matrix(halves, type);
  }

  /** Weights at an odd address, as in a file whose header has any length. */
  private Matrix matrix(int n, DType type) {
    MemorySegment bytes = Arena.ofAuto().allocate((long) type.bytes() * n + 1).asSlice(1);
    for (int i = 0; i < n; i++) {
      float value = (float) random.nextDouble(-1, 1);
      switch (type) {
        case F16 -> bytes.setAtIndex(Matrix.HALF, i, Float.floatToFloat16(value));
        case BF16 ->
            bytes.setAtIndex(Matrix.HALF, i, (short) (Float.floatToRawIntBits(value) >>> 16));
        default -> bytes.setAtIndex(Matrix.FLOAT, i, value);
      }
    }
    return new Matrix(bytes, type);
  }
}
