package org.fastgpt.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.fastgpt.model.Model;
import org.junit.jupiter.api.Test;

/**
 * How far the definition is from exact arithmetic. Every bound stands beside what was measured (JDK
 * 25, x86-64; the bits are the same everywhere).
 */
class KernelAccuracyTest {

  private static final double ULP_OF_1 = 0x1p-23;

  private final Kernels kernels = Kernels.named("scalar");
  private final Scratch scratch = new Scratch();
  private final SplittableRandom random = new SplittableRandom(7);

  @Test
  void expIsWithinOneUlp() {
    double worst = 0;
    for (float x = -87; x < 88; x += 0.00037f) {
      double exact = StrictMath.exp(x);
      worst = Math.max(worst, Math.abs(ScalarKernels.exp(x) - exact) / Math.ulp((float) exact));
    }
    assertThat(worst).isLessThan(1.0); // measured 0.981
  }

  @Test
  void expIsZeroFarBelowAndFiniteFarAbove() {
    assertThat(ScalarKernels.exp(-87.1f)).isZero();
    assertThat(ScalarKernels.exp(Float.NEGATIVE_INFINITY)).isZero();
    assertThat(ScalarKernels.exp(Float.POSITIVE_INFINITY)).isFinite().isGreaterThan(1e38f);
    assertThat(ScalarKernels.exp(Float.NaN)).isNaN();
    assertThat(ScalarKernels.exp(0)).isEqualTo(1);
  }

  /**
   * As GPT-2's formula in double. The error is that of exp's argument, which grows with |x|; where
   * it is large, the result is small.
   */
  @Test
  void geluIsWithinFewUlpOfItsScale() {
    double worst = 0;
    for (float x = -150; x < 150; x += 0.0011f) {
      double u = StrictMath.sqrt(2 / Math.PI) * (x + 0.044715 * x * (double) x * x);
      double exact = 0.5 * x * (1 + StrictMath.tanh(u));
      double scale = Math.max(Math.abs(exact), 0.1);
      worst = Math.max(worst, Math.abs(ScalarKernels.gelu(x) - exact) / (scale * ULP_OF_1));
    }
    assertThat(worst).isLessThan(4.0); // measured 2.19, at -1.588
  }

  @Test
  void softmaxSumsToOneAndIsWithinFewUlp() {
    for (int n : new int[] {1, 2, 33, 1024}) {
      float[] x = values(n, 10);
      double[] exact = softmax(x);
      kernels.softmax(x, 0, n, scratch);
      double sum = 0;
      for (int i = 0; i < n; i++) {
        sum += x[i];
        // exp's argument, up to 20 here, is rounded to half its ulp, which is 8 ulp of the result.
        // Measured 9.5 with exp, sum and quotient.
        assertThat((double) x[i]).isCloseTo(exact[i], within(20 * ULP_OF_1 * exact[i]));
      }
      assertThat(sum).isCloseTo(1.0, within(4 * ULP_OF_1));
    }
  }

  @Test
  void softmaxOfEqualValuesIsUniform() {
    float[] x = {3, 3, 3, 3};
    kernels.softmax(x, 0, 4, scratch);
    assertThat(x).containsExactly(0.25f, 0.25f, 0.25f, 0.25f);
  }

  /** One pass of E[x²] - mean² would lose all digits here; two passes do not. */
  @Test
  void layerNormDoesNotCancelOnALargeMean() {
    int n = 768;
    float[] x = values(n, 1);
    for (int i = 0; i < n; i++) {
      x[i] += 1000;
    }
    float[] ones = new float[n];
    Arrays.fill(ones, 1);
    float[] y = new float[n];
    kernels.layerNorm(x, ones, new float[n], 1e-5f, y, 0, n, scratch);
    double mean = 0;
    double variance = 0;
    for (float v : x) {
      mean += v / (double) n;
    }
    for (float v : x) {
      variance += (v - mean) * (v - mean) / n;
    }
    for (int i = 0; i < n; i++) {
      assertThat((double) y[i]).isCloseTo((x[i] - mean) / Math.sqrt(variance + 1e-5), within(4e-4));
    }
  }

  /** 8 · 2⁻²³ · Σ|a b|, the bound of the tolerance ladder; far above what is measured. */
  @Test
  void sumsAreWithinTheBoundOfTheirMagnitudes() {
    for (int n : new int[] {64, 768, 3072}) {
      double chain = 0;
      double lanes = 0;
      for (int draw = 0; draw < 200; draw++) {
        float[] x = values(n, 1);
        MemorySegment w = Arena.ofAuto().allocate(4L * n);
        w.copyFrom(MemorySegment.ofArray(values(n, 1)));
        double exact = 0;
        double magnitude = 0;
        for (int i = 0; i < n; i++) {
          double product = x[i] * (double) w.getAtIndex(Model.FLOAT, i);
          exact += product;
          magnitude += Math.abs(product);
        }
        float[] y = new float[1];
        for (int k = 0; k < n; k += Kernels.BLOCK) {
          int kEnd = Math.min(k + Kernels.BLOCK, n);
          kernels.linear(x, 1, n, k, kEnd, Matrix.of(w), y, 0, 1, 0, 1, scratch);
        }
        chain = Math.max(chain, Math.abs(y[0] - exact) / (magnitude * ULP_OF_1));
        kernels.linearTransposed(x, 1, n, Matrix.of(w), y, 1, 0, 1, scratch);
        lanes = Math.max(lanes, Math.abs(y[0] - exact) / (magnitude * ULP_OF_1));
      }
      assertThat(chain).as("chains of %d", n).isLessThan(8); // measured 1.11
      assertThat(lanes).as("lanes of %d", n).isLessThan(1); // measured 0.31
    }
  }

  private static double[] softmax(float[] x) {
    double sum = 0;
    double[] y = new double[x.length];
    double max = x[0];
    for (float v : x) {
      max = Math.max(max, v);
    }
    for (int i = 0; i < x.length; i++) {
      y[i] = StrictMath.exp(x[i] - max);
      sum += y[i];
    }
    for (int i = 0; i < x.length; i++) {
      y[i] /= sum;
    }
    return y;
  }

  private float[] values(int n, double scale) {
    float[] x = new float[n];
    for (int i = 0; i < n; i++) {
      x[i] = (float) (random.nextDouble(-1, 1) * scale);
    }
    return x;
  }
}
