package org.fastgpt.conformance.mutants;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import org.fastgpt.EngineOptions;
import org.fastgpt.Generator;
import org.fastgpt.Probe;
import org.fastgpt.Session;
import org.fastgpt.Tolerances;
import org.fastgpt.conformance.Golden;
import org.fastgpt.conformance.Oracle;
import org.fastgpt.model.Model;
import org.fastgpt.model.Models;
import org.fastgpt.model.Progress;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The engine that is to be broken is whole before. */
class PlainEngineTest {

  static Model open(String name) {
    return Model.open(
        name.equals(Models.EMBEDDED)
            ? Golden.data().resolve("models").resolve(name)
            : Models.resolve(name, Progress.NONE));
  }

  static PlainEngine engine(Model model, Mutation mutation) {
    return (PlainEngine) new BrokenProvider(mutation).open(model, EngineOptions.DEFAULT);
  }

  @ParameterizedTest
  @ValueSource(strings = {"tiny-shakespeare", "synthetic-awkward", "synthetic-small"})
  void greedyIdsAreHuggingFaces(String name) {
    List<Golden> cases = Golden.of(name).orElseThrow().objects("greedy");
    assertThat(cases).isNotEmpty();
    try (Model model = open(name);
        var engine = engine(model, Mutation.NONE);
        Session session = engine.newSession()) {
      var generator = new Generator(true, false);
      for (Golden c : cases) {
        int[] expected = c.ids("new_ids");
        int[] prompt = c.ids("prompt_ids");
        var result =
            generator.generate(session, engine.config(), prompt, expected.length, id -> true);
        assertThat(result.ids()).containsExactly(expected);
      }
    }
  }

  @Test
  void everyActivationIsTheOraclesWithinRounding() {
    int[] ids = Golden.of("synthetic-awkward").orElseThrow().object("trace").ids("ids");
    try (Model model = open("synthetic-awkward");
        var engine = engine(model, Mutation.NONE);
        Session session = engine.newSession()) {
      var seen = new HashMap<String, List<Float>>(); // the logits come row by row
      session.observe(
          (name, position, shape, values) -> {
            List<Float> all = seen.computeIfAbsent(name, key -> new ArrayList<>());
            int size = Arrays.stream(shape).reduce(1, (a, b) -> a * b);
            for (int i = 0; i < size; i++) {
              all.add(values[i]);
            }
          });
      session.forward(ids, (position, logits) -> {});
      var checked = new ArrayList<String>();
      new Oracle(model)
          .logits(
              ids,
              (name, values) -> {
                checked.add(name);
                assertThat(relativeError(seen.get(name), values))
                    .as(name)
                    .isLessThanOrEqualTo(Tolerances.activation(engine.config(), name));
              });
      assertThat(checked).isEqualTo(Probe.names(engine.config().nLayer()));
      assertThat(seen).containsOnlyKeys(checked);
    }
  }

  private static double relativeError(List<Float> actual, double[] expected) {
    assertThat(actual).hasSize(expected.length);
    double largest = 0;
    double error = 0;
    for (int i = 0; i < expected.length; i++) {
      largest = Math.max(largest, Math.abs(expected[i]));
      error = Math.max(error, Math.abs(actual.get(i) - (float) expected[i]));
    }
    return error / largest;
  }

  @Test
  void theBitsDoNotDependOnChunksOrRewinds() {
    try (Model model = open("synthetic-awkward");
        var engine = engine(model, Mutation.NONE);
        Session session = engine.newSession()) {
      int[] ids = {5, 96, 0, 17, 17, 42, 8, 60, 3, 11, 29, 71};
      float[] whole = session.forward(ids).clone();
      session.rewind(7);
      assertThat(session.forward(Arrays.copyOfRange(ids, 7, 12))).isEqualTo(whole);
      session.rewind(0);
      float[] stepwise = null;
      for (int id : ids) {
        stepwise = session.forward(id);
      }
      assertThat(stepwise).isEqualTo(whole);
      session.rewind(0);
      session.forward(Arrays.copyOf(ids, 5));
      session.forward(
          Arrays.copyOfRange(ids, 5, 12),
          (position, logits) -> {
            if (position == 11) {
              assertThat(logits).isEqualTo(whole);
            }
          });
      assertThat(session.position()).isEqualTo(12);
    }
  }

  @Test
  void aBatchIsHuggingFacesRowByRow() {
    List<Golden> rows = Golden.of("tiny-shakespeare").orElseThrow().objects("ragged_batch");
    List<int[]> prompts = rows.stream().map(row -> row.ids("prompt_ids")).toList();
    int[][] expected = rows.stream().map(row -> row.ids("new_ids")).toArray(int[][]::new);
    try (Model model = open("tiny-shakespeare");
        var engine = engine(model, Mutation.NONE)) {
      assertThat(engine.generateBatch(prompts, expected[0].length).toArray(int[][]::new))
          .isDeepEqualTo(expected);
    }
  }

  @Test
  void aClosedSessionAndAnUnknownParameterAreRefused() {
    try (Model model = open("synthetic-awkward");
        var engine = engine(model, Mutation.NONE)) {
      Session session = engine.newSession();
      session.close();
      assertThatIllegalStateException()
          .isThrownBy(() -> session.forward(1))
          .withMessage("session is closed");
      assertThatIllegalStateException()
          .isThrownBy(() -> session.rewind(0))
          .withMessage("session is closed");
      assertThatExceptionOfType(IllegalArgumentException.class)
          .isThrownBy(() -> engine.parameter("h.2.ln_1.weight"));
    }
  }
}
