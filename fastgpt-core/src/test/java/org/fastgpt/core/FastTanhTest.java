package org.fastgpt.core;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.Map;
import java.util.function.DoubleUnaryOperator;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.Engines;
import org.fastgpt.Fixtures;
import org.fastgpt.Promise;
import org.fastgpt.Session;
import org.fastgpt.Tolerances;
import org.fastgpt.model.Model;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code --gelu fast_tanh}, fastGPT's approximation of tanh. */
@Tag("bits")
class FastTanhTest {

  private static final int[] IDS = {5, 1000, 17, 64, 1023, 0, 300, 301, 302, 99};

  private static Model model;

  @BeforeAll
  static void open() {
    model = Model.open(Fixtures.TINY_SHAKESPEARE);
  }

  @AfterAll
  static void close() {
    model.close();
  }

  /** As it stands in fastGPT's gpt2.f90, in double. */
  @SuppressWarnings("FloatingPointLiteralPrecision") // its digits, to be compared
  private static double original(double x) {
    if (x > 5) {
      return 1;
    }
    if (x < -5) {
      return -1;
    }
    double x2 = x * x;
    double y =
        2.656616768082727089e-6 + x2 * (-5.5138381821615909058e-8 + x2 * 4.8162484477588665996e-10);
    y = 1.1132367134444316902e-3 + x2 * (-7.018851897305717565e-5 + x2 * y);
    y = 6.8280504526399188164e-2 + x2 * (-1.0972014877337651823e-2 + x2 * y);
    return x * (0.98569772605911309407 + x2 * (-0.2794500993392901382 + x2 * y));
  }

  /** To float32's rounding: just below 5 terms of some 700 add up to 0.2. */
  @Test
  void isThePolynomialOfFastGpt() {
    assertThat(ScalarKernels.fastTanh(0)).isZero();
    assertThat(ScalarKernels.fastTanh(5.0001f)).isEqualTo(1);
    assertThat(ScalarKernels.fastTanh(-5.0001f)).isEqualTo(-1);
    assertThat(worst(0, 1, FastTanhTest::original)).isLessThan(1e-6); // measured 9.1e-8
    assertThat(worst(1, 8, FastTanhTest::original)).isLessThan(5e-4); // measured 2.7e-4
  }

  /** And by no less: the tolerance is no larger than it has to be. Measured: 0.003244. */
  @Test
  void errsByAsMuchAsItsToleranceSays() {
    assertThat(worst(0, 8, StrictMath::tanh))
        .isBetween(0.9 * Tolerances.FAST_TANH, Tolerances.FAST_TANH);
  }

  /** The largest error between {@code from} and {@code to}, and between -to and -from. */
  private static double worst(float from, float to, DoubleUnaryOperator exact) {
    double worst = 0;
    for (float x = from; x < to; x += 0.00001f) {
      worst = Math.max(worst, Math.abs(ScalarKernels.fastTanh(x) - exact.applyAsDouble(x)));
      worst = Math.max(worst, Math.abs(ScalarKernels.fastTanh(-x) - exact.applyAsDouble(-x)));
    }
    return worst;
  }

  /** Each element of mlp.gelu beside what tanh in double makes of that of mlp.c_fc. */
  @ParameterizedTest
  @CsvSource({"tanh, 0", "fast_tanh, 1"})
  void isUsedWhereItIsAskedForAndKeepsItsTolerance(String gelu, int times) {
    var seen = new HashMap<String, float[]>();
    try (Engine engine = engine("auto", gelu, 2);
        Session session = engine.newSession()) {
      session.observe((name, position, shape, values) -> seen.put(name, values.clone()));
      session.forward(IDS);
    }
    double worst = 0;
    for (int l = 0; l < model.config().nLayer(); l++) {
      float[] x = seen.get("h." + l + ".mlp.c_fc");
      float[] y = seen.get("h." + l + ".mlp.gelu");
      for (int i = 0; i < IDS.length * model.config().nInner(); i++) {
        double u = Math.sqrt(2 / Math.PI) * (x[i] + 0.044715 * x[i] * (double) x[i] * x[i]);
        double error = Math.abs(y[i] - 0.5 * x[i] * (1 + StrictMath.tanh(u)));
        double bound = 4 * Math.ulp(x[i]) + times * Tolerances.FAST_TANH * Math.abs(x[i]) / 2;
        assertThat(error).isLessThanOrEqualTo(bound);
        worst = Math.max(worst, error);
      }
    }
    assertThat(worst > 0.001).as("%s: error %s", gelu, worst).isEqualTo(times == 1);
  }

  /** It has a defined order too: the promises hold among engines that use it. */
  @Test
  void givesTheSameBitsByAllKernels() {
    try (Engine scalar = engine("scalar", "fast_tanh", 1);
        Engine vector = engine("vector", "fast_tanh", 2);
        Session one = scalar.newSession();
        Session other = vector.newSession()) {
      assertThat(one.forward(IDS)).containsExactly(other.forward(IDS));
      assertThat(scalar.name()).isEqualTo("core-scalar+fast_tanh");
      assertThat(vector.name()).startsWith("core-vector-").endsWith("+fast_tanh");
      assertThat(scalar.promises()).containsExactlyInAnyOrder(Promise.values());
    }
  }

  @Test
  void isNotTheDefault() {
    try (Engine engine = Engines.named("core").open(model, EngineOptions.DEFAULT)) {
      assertThat(engine.name()).doesNotContain("tanh");
    }
  }

  private static Engine engine(String kernels, String gelu, int threads) {
    return Engines.named("core")
        .open(model, new EngineOptions(threads, Map.of("kernels", kernels, "gelu", gelu)));
  }
}
