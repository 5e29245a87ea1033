package org.fastgpt.inspect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.Engines;
import org.fastgpt.FakeEngine;
import org.fastgpt.Fixtures;
import org.fastgpt.GptConfig;
import org.fastgpt.Probe;
import org.fastgpt.Session;
import org.fastgpt.Tolerances;
import org.fastgpt.core.LogitLens;
import org.fastgpt.inspect.Inspection.Expectation;
import org.fastgpt.inspect.Inspection.Head;
import org.fastgpt.inspect.Inspection.Reading;
import org.fastgpt.model.Model;
import org.fastgpt.model.Models;
import org.fastgpt.model.Progress;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What is seen of two models, against what HuggingFace's GPT-2 computed in float64. */
class InspectorTest {

  private static final Map<String, Object> GOLDEN = Fixtures.golden("tiny-shakespeare");
  private static final Map<String, Object> TRACE =
      Fixtures.object(Fixtures.golden("synthetic-awkward"), "trace");
  private static final Set<Head> NO_HEADS = Set.of();
  private static final Set<Head> SOME_HEADS = Set.of(new Head(0, 2), new Head(1, 0));

  private Model model;
  private Engine engine;
  private Session session;
  private LogitLens lens;

  @BeforeEach
  void open() {
    open(Model.open(Models.resolve("synthetic-awkward", Progress.NONE)));
  }

  private void open(Model opened) {
    model = opened;
    engine = Engines.named("core").open(model, EngineOptions.DEFAULT);
    session = engine.newSession();
    lens = new LogitLens(model, EngineOptions.DEFAULT);
  }

  @AfterEach
  void close() {
    lens.close();
    session.close();
    engine.close();
    model.close();
  }

  private void openTinyShakespeare() {
    close();
    open(Model.open(Fixtures.TINY_SHAKESPEARE));
  }

  private static int[] traceIds() {
    return Fixtures.ids(TRACE, "ids");
  }

  private Inspection inspect(Session by) {
    return Inspector.inspect(by, engine.config(), traceIds(), 3, Optional.of(lens), SOME_HEADS);
  }

  /** A text that fills the context: 255 tokens with one before them. */
  @Test
  void logProbabilitiesAndTheLikeliestAreHuggingFaces() {
    openTinyShakespeare();
    Map<String, Object> golden = Fixtures.object(GOLDEN, "full_context");
    int[] ids = Fixtures.ids(golden, "ids");
    int[] argmax = Fixtures.ids(golden, "argmax");
    double[] expected = Fixtures.doubles(golden, "next_logprob");
    double[] largest = largestLogits(ids);
    Inspection seen =
        Inspector.inspect(session, engine.config(), ids, 1, Optional.empty(), NO_HEADS);
    assertThat(seen.of(0)).isEmpty();
    for (int t = 1; t < ids.length; t++) {
      Expectation it = seen.of(t).orElseThrow();
      double bound = Tolerances.logits(engine.config()) * largest[t - 1];
      assertThat(it.logProbability())
          .isCloseTo(expected[t - 1], within(Tolerances.meanLogProbability(bound)));
      assertThat(it.top().getFirst().id()).isEqualTo(argmax[t - 1]);
      assertThat(it.rank() == 1).isEqualTo(ids[t] == argmax[t - 1]);
    }
    Expectation next = seen.expectations().getLast();
    assertThat(next.logProbability()).isNaN();
    assertThat(next.rank()).isZero();
    assertThat(next.top().getFirst().id()).isEqualTo(argmax[ids.length - 1]);
  }

  private double[] largestLogits(int[] ids) {
    double[] largest = new double[ids.length];
    session.forward(
        ids,
        (t, logits) -> {
          for (float logit : logits) {
            largest[t] = Math.max(largest[t], Math.abs(logit));
          }
        });
    return largest;
  }

  @Test
  void attentionIsHuggingFaces() {
    Map<String, Object> activations = Fixtures.object(TRACE, "activations");
    int n = traceIds().length;
    Inspection seen = inspect(session);
    assertThat(seen.attention()).containsOnlyKeys(SOME_HEADS);
    seen.attention()
        .forEach(
            (head, rows) -> {
              String name = "h." + head.layer() + ".attn.softmax";
              double[] expected = Fixtures.doubles(activations, name); // [n_head, n_seq, n_seq]
              double bound = Tolerances.activation(engine.config(), name);
              for (int t = 0; t < n; t++) {
                assertThat(rows[t]).as("causal").hasSize(t + 1);
                for (int s = 0; s <= t; s++) {
                  assertThat((double) rows[t][s])
                      .isCloseTo(expected[(head.head() * n + t) * n + s], within(bound));
                }
              }
            });
  }

  @Test
  void rowsOfAttentionSumToOne() {
    for (float[][] rows : inspect(session).attention().values()) {
      for (float[] row : rows) {
        double sum = 0;
        for (float p : row) {
          assertThat(p).isBetween(0f, 1f);
          sum += p;
        }
        // Each weight is rounded once, and all are divided by one rounded sum.
        assertThat(sum).isCloseTo(1, within(Tolerances.sum(row.length + 1)));
      }
    }
  }

  @Test
  void theLensAtTheLastBlockSaysWhatTheModelSays() {
    openTinyShakespeare();
    int[] ids = Fixtures.ids(Fixtures.object(GOLDEN, "full_context"), "ids");
    Inspection seen =
        Inspector.inspect(session, engine.config(), ids, 1, Optional.of(lens), NO_HEADS);
    assertThat(seen.lens().stream().map(Inspection.Layer::name))
        .containsExactly("embd", "h.0", "h.1", "h.2", "h.3");
    List<Reading> last = seen.lens().getLast().readings();
    for (int t = 0; t < ids.length; t++) {
      Expectation expected = seen.expectations().get(t);
      assertThat(last.get(t))
          .isEqualTo(
              new Reading(expected.top().getFirst(), expected.logProbability(), expected.rank()));
    }
  }

  /** HuggingFace's residual stream, read in float64. */
  @Test
  void theLensAtEveryBlockIsThatOfFloat64() {
    Map<String, Object> activations = Fixtures.object(TRACE, "activations");
    int[] ids = traceIds();
    for (Inspection.Layer layer : inspect(session).lens()) {
      double[] stream = Fixtures.doubles(activations, layer.name());
      for (int t = 0; t + 1 < ids.length; t++) {
        double[] logits = logits(stream, t);
        double largest = Arrays.stream(logits).map(Math::abs).max().orElseThrow();
        double bound = Tolerances.meanLogProbability(Tolerances.logits(engine.config()) * largest);
        Reading reading = layer.readings().get(t);
        double best = Arrays.stream(logits).max().orElseThrow() - logSumExp(logits);
        double came = logits[ids[t + 1]];
        assertThat(reading.top().logProbability()).isCloseTo(best, within(bound));
        assertThat(reading.logProbability()).isCloseTo(came - logSumExp(logits), within(bound));
        long before = Arrays.stream(logits).filter(x -> x > came).count();
        assertThat(reading.rank()).as("%s at %d", layer.name(), t).isEqualTo((int) before + 1);
      }
    }
  }

  /** ln_f and the head of one row, plainly. */
  private double[] logits(double[] stream, int t) {
    GptConfig c = engine.config();
    float[] g = model.floats("ln_f.weight").toArray(Model.FLOAT);
    float[] b = model.floats("ln_f.bias").toArray(Model.FLOAT);
    float[] wte = model.floats("wte.weight").toArray(Model.FLOAT);
    double[] x = Arrays.copyOfRange(stream, t * c.nEmbd(), (t + 1) * c.nEmbd());
    double mean = Arrays.stream(x).average().orElseThrow();
    double variance = Arrays.stream(x).map(v -> (v - mean) * (v - mean)).average().orElseThrow();
    double[] logits = new double[c.nVocab()];
    for (int o = 0; o < logits.length; o++) {
      for (int i = 0; i < x.length; i++) {
        double norm = (x[i] - mean) / Math.sqrt(variance + c.layerNormEpsilon()) * g[i] + b[i];
        logits[o] += norm * wte[o * c.nEmbd() + i];
      }
    }
    return logits;
  }

  private static double logSumExp(double[] logits) {
    double max = Arrays.stream(logits).max().orElseThrow();
    return max + Math.log(Arrays.stream(logits).map(x -> Math.exp(x - max)).sum());
  }

  @Test
  @Tag("bits")
  void theLensReadsTheLogitsBitForBit() {
    int[] ids = new int[20]; // more rows than the lens reads at once
    Arrays.setAll(ids, t -> 7 * t % 97);
    float[] stream = new float[20 * 36];
    float[] expected = new float[20 * 97];
    session.observe(
        (name, _, shape, values) -> {
          if (name.equals("h.1")) {
            System.arraycopy(values, 0, stream, 0, shape[0] * shape[1]);
          }
        });
    session.forward(ids, (t, logits) -> System.arraycopy(logits, 0, expected, t * 97, 97));
    for (String kernels : List.of("auto", "scalar")) {
      for (int threads = 1; threads <= 3; threads++) {
        float[] actual = new float[20 * 97];
        var options = new EngineOptions(threads, Map.of("kernels", kernels));
        try (var other = new LogitLens(model, options)) {
          other.read(stream, 20, (t, logits) -> System.arraycopy(logits, 0, actual, t * 97, 97));
        }
        assertThat(actual).as("%s, %d threads", kernels, threads).isEqualTo(expected);
      }
    }
  }

  @Test
  void whatComesInPartsIsPutTogether() {
    Inspection expected = inspect(session);
    Inspection actual = inspect(new Watched(session, 3, _ -> true, true));
    assertThat(actual.expectations()).isEqualTo(expected.expectations());
    assertThat(actual.lens()).isEqualTo(expected.lens());
    expected
        .attention()
        .forEach((head, rows) -> assertThat(actual.attention().get(head)).isDeepEqualTo(rows));
  }

  @Test
  void whatAnEngineDoesNotShowIsNotThere() {
    List<Expectation> expected = inspect(session).expectations();
    Inspection some =
        inspect(new Watched(session, 99, name -> !name.matches("h.1|h.0.*softmax"), true));
    assertThat(some.expectations()).isEqualTo(expected);
    assertThat(some.lens()).isEmpty();
    assertThat(some.attention()).containsOnlyKeys(new Head(1, 0));
    Inspection none = inspect(new Watched(session, 99, _ -> false, false));
    assertThat(none.expectations()).isEqualTo(expected);
    assertThat(none.lens()).isEmpty();
    assertThat(none.attention()).isEmpty();
  }

  @Test
  void nothingIsObservedUnlessItIsAskedFor() {
    var watched = new Watched(session, 99, _ -> true, true);
    Inspector.inspect(watched, engine.config(), traceIds(), 1, Optional.empty(), NO_HEADS);
    assertThat(watched.observed).isZero();
    inspect(watched);
    assertThat(watched.observed).as("begins and ends").isEqualTo(2);
  }

  @Test
  void badInputIsRefused() {
    GptConfig config = engine.config();
    for (int[] ids : new int[][] {{}, {97}, {-1}}) {
      assertThatThrownBy(
              () -> Inspector.inspect(session, config, ids, 1, Optional.empty(), NO_HEADS))
          .isInstanceOf(IllegalArgumentException.class);
    }
    assertThatThrownBy(
            () -> Inspector.inspect(session, config, new int[25], 1, Optional.empty(), NO_HEADS))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("n_ctx = 24");
  }

  @Test
  void anEngineWithoutActivationsHasExpectations() {
    try (Session fake = new FakeEngine(97, 24, 2).newSession()) {
      Inspection seen = inspect(fake);
      assertThat(seen.expectations()).hasSize(traceIds().length);
      assertThat(seen.lens()).isEmpty();
      assertThat(seen.attention()).isEmpty();
    }
  }

  /** A session that takes ids in parts, and shows only some activations. */
  private static final class Watched implements Session {
    private final Session session;
    private final int part;
    private final Predicate<String> shown;
    private final boolean observes;
    private int observed;

    Watched(Session session, int part, Predicate<String> shown, boolean observes) {
      this.session = session;
      this.part = part;
      this.shown = shown;
      this.observes = observes;
    }

    @Override
    public int position() {
      return session.position();
    }

    @Override
    public float[] forward(int... ids) {
      return session.forward(ids);
    }

    @Override
    public void forward(int[] ids, LogitsSink each) {
      for (int from = 0; from < ids.length; from += part) {
        session.forward(Arrays.copyOfRange(ids, from, Math.min(from + part, ids.length)), each);
      }
    }

    @Override
    public void rewind(int position) {
      session.rewind(position);
    }

    @Override
    public boolean observe(Probe probe) {
      observed++;
      Probe some =
          (name, position, shape, values) -> {
            if (shown.test(name)) {
              probe.see(name, position, shape, values);
            }
          };
      return observes && session.observe(probe == null ? null : some);
    }

    @Override
    public void close() {}
  }
}
