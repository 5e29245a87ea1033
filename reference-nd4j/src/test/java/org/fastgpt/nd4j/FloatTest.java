package org.fastgpt.nd4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.fastgpt.Probe;
import org.fastgpt.model.Model;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.conf.WorkspaceConfiguration;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.DynamicCustomOp;
import org.nd4j.linalg.api.ops.impl.transforms.strict.GELU;
import org.nd4j.linalg.api.ops.impl.transforms.strict.PreciseGELU;
import org.nd4j.linalg.factory.Nd4j;

/** All arithmetic is in float32, and by formulas: some of ND4J's own ops are not what they say. */
class FloatTest {
  private static final double ULP = 0x1p-23; // of 1

  @BeforeAll
  static void loadNatives() {
    Natives.load();
  }

  @Test
  void everyArrayIsFloatWhateverTheDefaultTypeIs() {
    try (Model model = Model.open(Golden.folder(Golden.TINY))) {
      Nd4j.setDefaultDataTypes(DataType.DOUBLE, DataType.DOUBLE);
      try (Weights weights = Weights.load(model);
          KvCache cache = new KvCache(model.config())) {
        assertThat(weights.arrays()).allMatch(array -> array.dataType() == DataType.FLOAT);
        var seen = new ArrayList<String>();
        Watch watch =
            (name, x) -> {
              assertThat(x.dataType()).as(name).isEqualTo(DataType.FLOAT);
              seen.add(name);
              return x;
            };
        Gpt2.gpt2(new int[] {1, 2, 3}, weights, null, false, watch);
        Gpt2.gpt2(new int[] {1, 2, 3}, weights, cache, false, watch);
        cache.past(3);
        Gpt2.gpt2(new int[] {4}, weights, cache, true, watch);
        assertThat(seen).hasSize(3 * Probe.names(model.config().nLayer()).size());
      } finally {
        Nd4j.setDefaultDataTypes(DataType.FLOAT, DataType.FLOAT);
      }
    }
  }

  @Test
  void geluIsTheTanhFormulaAndNd4jsOwnAreNot() {
    double[] x = DoubleStream.iterate(-8, v -> v <= 8, v -> v + 0.125).toArray();
    DoubleUnaryOperator exact =
        v -> 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v * v * v)));
    INDArray in = Nd4j.createFromArray(floats(x)).reshape(1, x.length);
    assertThat(worst(Gpt2.gelu(in), x, exact)).isLessThan(4 * ULP); // measured 1.2
    // Measured 0.034 and 0.021: 280,000 and 170,000 times the rounding of float32.
    assertThat(worst(Nd4j.exec(new PreciseGELU(in, in.ulike())), x, exact)).isGreaterThan(1e-2);
    assertThat(worst(Nd4j.exec(new GELU(in, in.ulike())), x, exact)).isGreaterThan(1e-2);
  }

  @Test
  void geluStaysFiniteForLargeArguments() {
    double[] x = {-1e4, -150, 150, 1e4};
    INDArray in = Nd4j.createFromArray(floats(x)).reshape(1, x.length);
    assertThat(Gpt2.gelu(in).toFloatVector()).containsExactly(-0f, -0f, 150, 1e4f);
  }

  @Test
  void layerNormAddsEpsilonAndNd4jsOwnDoesNot() {
    // Variance 1e-6, a tenth of epsilon: what a row of small values has.
    double[] x = IntStream.range(0, 64).mapToDouble(i -> i % 2 == 0 ? 1e-3 : -1e-3).toArray();
    DoubleUnaryOperator exact = v -> v / Math.sqrt(1e-6 + 1e-5);
    INDArray in = Nd4j.createFromArray(floats(x)).reshape(1, x.length);
    INDArray g = Nd4j.ones(DataType.FLOAT, x.length);
    INDArray b = Nd4j.zeros(DataType.FLOAT, x.length);
    INDArray own = in.ulike();
    Nd4j.exec(
        DynamicCustomOp.builder("layer_norm")
            .addInputs(in, g, b)
            .addOutputs(own)
            .addIntegerArguments(1)
            .addBooleanArguments(false)
            .build());
    assertThat(worst(Gpt2.layerNorm(in, new Weights.Norm(g, b, 1e-5f)), x, exact))
        .isLessThan(4 * ULP);
    assertThat(worst(own, x, exact)).isGreaterThan(0.5); // measured 0.70; ours is exact to 1e-8
  }

  @Test
  void softmaxOfLargeAndMaskedScoresIsFinite() {
    INDArray scores = Nd4j.createFromArray(new float[] {1e4f, 1e4f, -1e10f, -150}).reshape(1, 4);
    assertThat(Gpt2.softmax(scores).toFloatVector()).containsExactly(0.5f, 0.5f, 0, 0);
  }

  @Test
  void matmulOfOneRowEqualsThatOfMany() {
    INDArray w = Nd4j.rand(DataType.FLOAT, 33, 65);
    INDArray x = Nd4j.rand(DataType.FLOAT, 3, 33);
    INDArray all = Gpt2.matmul(x, w);
    for (int i = 0; i < 3; i++) {
      INDArray row = Gpt2.matmul(x.getRow(i, true), w);
      assertThat(row.shape()).containsExactly(1, 65);
      // 33 products of at most 1: sums below 33.
      assertThat(row.sub(all.getRow(i, true)).amaxNumber().doubleValue()).isLessThan(33 * ULP);
    }
  }

  @Test
  void triLeavesMemoryUnwritten() {
    var once = WorkspaceConfiguration.builder().initialSize(1 << 20).build();
    try (var _ = Nd4j.getWorkspaceManager().getAndActivateWorkspace(once, "tri")) {
      Nd4j.createUninitialized(DataType.FLOAT, 10_000).assign(Float.NaN);
    }
    try (var _ = Nd4j.getWorkspaceManager().getAndActivateWorkspace(once, "tri")) {
      assertThat(Nd4j.tri(8, 8, 0).isNaN().any()).isTrue();
    }
  }

  private static float[] floats(double[] x) {
    float[] floats = new float[x.length];
    for (int i = 0; i < x.length; i++) {
      floats[i] = (float) x[i];
    }
    return floats;
  }

  /** The largest difference, in units of max(1, |exact|). */
  private static double worst(INDArray actual, double[] x, DoubleUnaryOperator exact) {
    float[] y = actual.reshape(x.length).toFloatVector();
    double worst = 0;
    for (int i = 0; i < x.length; i++) {
      double e = exact.applyAsDouble(x[i]);
      worst = Math.max(worst, Math.abs(y[i] - e) / Math.max(1, Math.abs(e)));
    }
    return worst;
  }
}
