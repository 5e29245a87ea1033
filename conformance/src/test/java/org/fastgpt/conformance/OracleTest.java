package org.fastgpt.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.HashMap;
import org.fastgpt.Probe;
import org.fastgpt.Tolerances;
import org.fastgpt.model.Model;
import org.fastgpt.model.Models;
import org.fastgpt.model.Progress;
import org.junit.jupiter.api.Test;

/** The judge is judged: by what HuggingFace computed in float64. */
class OracleTest {

  /** Largest error measured, relative to the tensor's largest: 2.4e-15. */
  @Test
  void everyActivationOfAwkwardIsHuggingFaces() {
    Golden trace = Golden.of("synthetic-awkward").orElseThrow().object("trace");
    try (Model model = Model.open(Models.resolve("synthetic-awkward", Progress.NONE))) {
      double bound = Tolerances.oracle(model.config());
      var seen = new HashMap<String, double[]>();
      new Oracle(model).logits(trace.ids("ids"), seen::put);
      for (String name : Probe.names(2)) {
        double error = error(seen.get(name), trace.object("activations").doubles(name));
        assertThat(error).as(name).isLessThan(bound);
      }
    }
  }

  /** Measured: 6e-15 at most, here and below. */
  @Test
  void logitsOfSmallAreHuggingFaces() {
    Golden logits = Golden.of("synthetic-small").orElseThrow().object("logits");
    try (Model model = Model.open(Models.resolve("synthetic-small", Progress.NONE))) {
      double[] all = new Oracle(model).logits(logits.ids("ids"));
      double[] last = Arrays.copyOfRange(all, all.length - 997, all.length);
      assertThat(error(last, logits.doubles("last_logits")))
          .isLessThan(Tolerances.oracle(model.config()));
    }
  }

  @Test
  void logitsOfAFullContextAreHuggingFaces() {
    Golden context = Golden.of("tiny-shakespeare").orElseThrow().object("full_context");
    try (Model model = Model.open(Golden.data().resolve("models/tiny-shakespeare"))) {
      double[] all = new Oracle(model).logits(context.ids("ids"));
      double[] last = Arrays.copyOfRange(all, all.length - 1024, all.length);
      assertThat(error(last, context.doubles("last_logits")))
          .isLessThan(Tolerances.oracle(model.config()));
    }
  }

  private static double error(double[] actual, double[] expected) {
    assertThat(actual).hasSameSizeAs(expected);
    double scale = Arrays.stream(expected).map(Math::abs).max().orElseThrow();
    double worst = 0;
    for (int i = 0; i < expected.length; i++) {
      worst = Math.max(worst, Math.abs(actual[i] - expected[i]));
    }
    return worst / scale;
  }
}
