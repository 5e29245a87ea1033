package org.fastgpt.conformance.program;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.Engines;
import org.fastgpt.ParameterView;
import org.fastgpt.Probe;
import org.fastgpt.Session;
import org.fastgpt.TextCodec;
import org.fastgpt.conformance.Golden;
import org.fastgpt.model.Model;
import org.fastgpt.model.Models;
import org.fastgpt.model.Progress;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The example program, a GPT-2 in plain Python; PYTHON names another Python than python3. */
class ProgramPythonTest {
  private static final String PYTHON = System.getenv().getOrDefault("PYTHON", "python3");
  private static final Golden GOLDEN = Golden.of("synthetic-awkward").orElseThrow();
  private static Model model;
  private static Engine engine;

  @BeforeAll
  static void open() throws InterruptedException {
    assumeTrue(
        runs(PYTHON),
        PYTHON + " is not there. To enable: install Python 3, or PYTHON=... mvn test");
    model = Model.open(Models.resolve("synthetic-awkward", Progress.NONE));
    String script = Path.of("src", "test", "resources", "program", "gpt2.py").toString();
    engine =
        new ProgramProvider("python", List.of(PYTHON, script)).open(model, EngineOptions.DEFAULT);
  }

  private static boolean runs(String python) throws InterruptedException {
    try {
      return new ProcessBuilder(python, "-c", "'GPT-2'.removeprefix('GPT')").start().waitFor() == 0;
    } catch (IOException e) {
      return false;
    }
  }

  @AfterAll
  static void close() {
    if (engine != null) {
      engine.close();
      model.close();
    }
  }

  @Test
  void greedyIdsAreHuggingFaces() {
    for (Golden greedy : GOLDEN.objects("greedy")) {
      try (Session session = engine.newSession()) {
        float[] logits = session.forward(greedy.ids("prompt_ids"));
        var ids = new ArrayList<Integer>();
        for (int _ : greedy.ids("new_ids")) {
          ids.add(argmax(logits));
          logits = session.forward(ids.getLast());
        }
        assertThat(ids.stream().mapToInt(Integer::intValue).toArray())
            .isEqualTo(greedy.ids("new_ids"));
      }
    }
  }

  /** Largest difference measured: 9.5e-6, of logits up to 20. */
  @Test
  void logitsAreNearCores() {
    int[] ids = GOLDEN.object("trace").ids("ids");
    try (Engine core = Engines.named("core").open(model, EngineOptions.threads(1));
        Session expected = core.newSession();
        Session session = engine.newSession()) {
      var rows = new ArrayList<float[]>();
      expected.forward(ids, (_, logits) -> rows.add(logits.clone()));
      session.forward(
          ids,
          (position, logits) ->
              assertThat(logits)
                  .usingComparatorWithPrecision(5e-5f)
                  .containsExactly(rows.get(position)));
    }
  }

  @Test
  void rewoundInPartsEqualsWholeBitForBit() {
    int[] ids = GOLDEN.object("trace").ids("ids");
    try (Session session = engine.newSession()) {
      float[] whole = session.forward(ids);
      session.rewind(3);
      session.forward(Arrays.copyOfRange(ids, 3, ids.length - 1));
      assertThat(session.forward(ids[ids.length - 1])).isEqualTo(whole);
    }
  }

  /** Largest difference measured: 9.5e-7, the rounding to float32 on the line. */
  @Test
  void activationsAreHuggingFaces() {
    Golden expected = GOLDEN.object("trace").object("activations");
    var seen = new ArrayList<String>();
    try (Session session = engine.newSession()) {
      assertThat(
              session.observe(
                  (name, position, shape, values) -> {
                    seen.add(name);
                    double[] golden = expected.doubles(name);
                    assertThat(position).isZero();
                    assertThat(values).hasSize(golden.length);
                    for (int i = 0; i < golden.length; i++) {
                      assertThat((double) values[i]).isCloseTo(golden[i], within(5e-6));
                    }
                    assertThat(shape).hasSize(name.endsWith("softmax") ? 3 : 2);
                  }))
          .isTrue();
      session.forward(GOLDEN.object("trace").ids("ids"));
      assertThat(seen).isEqualTo(Probe.names(model.config().nLayer()));
      session.observe(null);
      session.forward(1);
      assertThat(seen).hasSize(Probe.names(model.config().nLayer()).size());
    }
  }

  @Test
  void parametersAreTheModels() {
    assertThat(engine).isInstanceOf(ParameterView.class).isNotInstanceOf(TextCodec.class);
    ParameterView view = (ParameterView) engine;
    for (String name : model.tensors().keySet()) {
      assertThat(view.parameter(name)).isEqualTo(model.floats(name).toArray(Model.FLOAT));
    }
    assertThatIllegalArgumentException()
        .isThrownBy(() -> view.parameter("h.9.\u00e4"))
        .withMessage("h.9.\u00e4: no such tensor");
  }

  @Test
  void badInputGetsTheProgramsOwnMessage() {
    Session closed = engine.newSession();
    closed.close();
    try (Session session = engine.newSession()) {
      session.forward(1, 2);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> session.forward(3, 97))
          .withMessage("token 97 is outside the vocabulary [0, 97)");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> session.forward(new int[0], (_, _) -> {}))
          .withMessage("no tokens to process: at least one is needed");
      assertThatIllegalStateException()
          .isThrownBy(() -> session.forward(new int[23]))
          .withMessage("context full: position 2 + 23 new tokens is more than n_ctx = 24");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> session.rewind(3))
          .withMessage("cannot rewind to position 3: it is not in [0, 2]");
      assertThatIllegalStateException()
          .isThrownBy(() -> closed.forward(1))
          .withMessage("session is closed");
      assertThat(session.position()).isEqualTo(2);
    }
  }

  private static int argmax(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      best = logits[i] > logits[best] ? i : best;
    }
    return best;
  }
}
