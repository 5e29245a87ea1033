package org.fastgpt.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.Engines;
import org.fastgpt.Fixtures;
import org.fastgpt.Probe;
import org.fastgpt.Session;
import org.fastgpt.Tolerances;
import org.fastgpt.model.Model;
import org.fastgpt.model.Models;
import org.fastgpt.model.Progress;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The core engine against what HuggingFace's GPT-2 computed in float64. */
class GoldenTest {

  /** Errors measured, as a share of the bound: up to 0.29 (h.1.attn.softmax); logits 0.15. */
  @Test
  @Tag("bits")
  void everyActivationIsWithinTheRoundingOfItsSums() {
    Map<String, Object> trace = Fixtures.object(Fixtures.golden("synthetic-awkward"), "trace");
    Map<String, Object> expected = Fixtures.object(trace, "activations");
    try (Model model = open("synthetic-awkward");
        Engine engine = Engines.named("core").open(model, EngineOptions.DEFAULT);
        Session session = engine.newSession()) {
      var seen = new HashMap<String, double[]>();
      session.observe(
          (name, position, shape, values) ->
              seen.put(name, doubles(values, Arrays.stream(shape).reduce(1, (a, b) -> a * b))));
      session.forward(Fixtures.ids(trace, "ids"), (position, logits) -> {});
      assertThat(seen.keySet()).containsExactlyInAnyOrderElementsOf(expected.keySet());
      assertThat(seen.keySet()).containsExactlyInAnyOrderElementsOf(Probe.names(2));
      for (String name : Probe.names(2)) {
        double bound = Tolerances.activation(engine.config(), name);
        assertClose(name, seen.get(name), Fixtures.doubles(expected, name), bound);
      }
    }
  }

  /** Error measured, as a share of the bound: 0.23. */
  @Test
  @Tag("bits")
  void logitsOfSyntheticSmallAreWithinTheRoundingOfTheirSums() {
    Map<String, Object> golden = Fixtures.object(Fixtures.golden("synthetic-small"), "logits");
    try (Model model = open("synthetic-small");
        Engine engine = Engines.named("core").open(model, EngineOptions.DEFAULT);
        Session session = engine.newSession()) {
      double[] logits = doubles(session.forward(Fixtures.ids(golden, "ids")), 997);
      double bound = Tolerances.logits(engine.config());
      assertClose("logits", logits, Fixtures.doubles(golden, "last_logits"), bound);
    }
  }

  /** 124M has the real shape. Errors of the top five logits, as a share of the bound: 0.18. */
  @ParameterizedTest
  @ValueSource(strings = {"awkward", "micro", "small", "124M"})
  void greedyIdsAndTopLogitsAreHuggingFaces(String size) {
    try (Model model = open("synthetic-" + size)) {
      greedyCases(model, Fixtures.objects(Fixtures.golden("synthetic-" + size), "greedy"));
    }
  }

  @Test
  void greedyIdsOfTinyShakespeareAreHuggingFaces() {
    List<Map<String, Object>> cases =
        Fixtures.objects(Fixtures.golden("tiny-shakespeare"), "greedy");
    assertThat(cases).hasSize(14);
    try (Model model = Model.open(Fixtures.TINY_SHAKESPEARE)) {
      greedyCases(model, cases);
    }
  }

  private static void greedyCases(Model model, List<Map<String, Object>> cases) {
    try (Engine engine = Engines.named("core").open(model, EngineOptions.DEFAULT);
        Session session = engine.newSession()) {
      double bound = Tolerances.logits(engine.config());
      for (Map<String, Object> golden : cases) {
        session.rewind(0);
        float[] logits = session.forward(Fixtures.ids(golden, "prompt_ids"));
        var ids = new ArrayList<Integer>();
        for (Map<String, Object> step : Fixtures.objects(golden, "steps")) {
          double[] top = Fixtures.doubles(step, "top_logits");
          int[] topIds = Fixtures.ids(step, "top_ids");
          for (int i = 0; i < top.length; i++) {
            double tolerance = bound * largest(logits);
            assertThat((double) logits[topIds[i]]).isCloseTo(top[i], within(tolerance));
          }
          ids.add(argmax(logits));
          logits = session.forward(ids.getLast());
        }
        assertThat(ids).containsExactly(box(golden, "new_ids"));
      }
    }
  }

  /** All positions of a sequence that fills the context. Share of the bound measured: 0.03. */
  @Test
  void logitsOfAFullContextAreWithinTheRoundingOfTheirSums() {
    Map<String, Object> golden =
        Fixtures.object(Fixtures.golden("tiny-shakespeare"), "full_context");
    int[] ids = Fixtures.ids(golden, "ids");
    int[] argmax = Fixtures.ids(golden, "argmax");
    double[] max = Fixtures.doubles(golden, "max");
    double[] logsumexp = Fixtures.doubles(golden, "logsumexp");
    double[] last = Fixtures.doubles(golden, "last_logits");
    try (Model model = Model.open(Fixtures.TINY_SHAKESPEARE);
        Engine engine = Engines.named("core").open(model, EngineOptions.DEFAULT);
        Session session = engine.newSession()) {
      assertThat(ids).hasSize(engine.config().nCtx());
      double bound = Tolerances.logits(engine.config());
      session.forward(
          ids,
          (position, logits) -> {
            double tolerance = bound * largest(logits);
            assertThat(argmax(logits)).isEqualTo(argmax[position]);
            assertThat((double) logits[argmax[position]])
                .isCloseTo(max[position], within(tolerance));
            assertThat(logsumexp(logits)).isCloseTo(logsumexp[position], within(tolerance));
            if (position == ids.length - 1) {
              assertClose("logits", doubles(logits, logits.length), last, bound);
            }
          });
    }
  }

  /** HuggingFace's left-padded batch; here each prompt runs alone and must give the same ids. */
  @Test
  void raggedPromptsGiveHuggingFacesBatch() {
    try (Model model = Model.open(Fixtures.TINY_SHAKESPEARE);
        Engine engine = Engines.named("core").open(model, EngineOptions.DEFAULT);
        Session session = engine.newSession()) {
      for (Map<String, Object> row :
          Fixtures.objects(Fixtures.golden("tiny-shakespeare"), "ragged_batch")) {
        session.rewind(0);
        int[] expected = Fixtures.ids(row, "new_ids");
        float[] logits = session.forward(Fixtures.ids(row, "prompt_ids"));
        for (int id : expected) {
          assertThat(argmax(logits)).isEqualTo(id);
          logits = session.forward(id);
        }
      }
    }
  }

  private static Model open(String name) {
    return Model.open(Models.resolve(name, Progress.NONE));
  }

  /** Every element within {@code bound} times the tensor's largest. */
  private static void assertClose(String name, double[] actual, double[] expected, double bound) {
    assertThat(actual).as(name).hasSameSizeAs(expected);
    double scale = Arrays.stream(expected).map(Math::abs).max().orElseThrow();
    double worst = 0;
    for (int i = 0; i < expected.length; i++) {
      worst = Math.max(worst, Math.abs(actual[i] - expected[i]));
    }
    assertThat(worst / (bound * scale)).as("%s: error as a share of its bound", name).isLessThan(1);
  }

  private static double[] doubles(float[] x, int n) {
    double[] y = new double[n];
    for (int i = 0; i < n; i++) {
      y[i] = x[i];
    }
    return y;
  }

  private static double largest(float[] logits) {
    double largest = 0;
    for (float v : logits) {
      largest = Math.max(largest, Math.abs(v));
    }
    return largest;
  }

  private static double logsumexp(float[] logits) {
    double max = largest(logits);
    double sum = 0;
    for (float v : logits) {
      sum += StrictMath.exp(v - max);
    }
    return max + StrictMath.log(sum);
  }

  private static int argmax(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      best = logits[i] > logits[best] ? i : best;
    }
    return best;
  }

  private static Integer[] box(Map<String, Object> golden, String key) {
    return Arrays.stream(Fixtures.ids(golden, key)).boxed().toArray(Integer[]::new);
  }
}
