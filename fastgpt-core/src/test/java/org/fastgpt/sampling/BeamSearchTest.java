package org.fastgpt.sampling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.Engines;
import org.fastgpt.FakeEngine;
import org.fastgpt.Fixtures;
import org.fastgpt.Forkable;
import org.fastgpt.Generator;
import org.fastgpt.Generator.Stop;
import org.fastgpt.GptConfig;
import org.fastgpt.Session;
import org.fastgpt.model.Model;
import org.fastgpt.sampling.BeamSearch.EarlyStopping;
import org.fastgpt.sampling.BeamSearch.Hypothesis;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BeamSearchTest {

  private static final String SEED = "20190214";

  private static BeamSearch beams(int n) {
    return new BeamSearch(n, 1, EarlyStopping.FALSE, Penalties.NONE, true, Set.of());
  }

  /** As many beams as there are texts: nothing is overlooked. */
  @Property(seed = SEED, tries = 50)
  void withEnoughBeamsTheBestOfAllTextsIsFound(
      @ForAll @IntRange(max = 3) int a, @ForAll @IntRange(max = 3) int b) {
    var engine = new FakeEngine(4, 10, 3);
    var search = new BeamSearch(64, 1, EarlyStopping.NEVER, Penalties.NONE, false, Set.of());
    int[] prompt = {a, b};
    List<Hypothesis> found = search.search(engine, prompt, 3, () -> true);
    assertThat(found)
        .hasSize(64)
        .isSortedAccordingTo((x, y) -> Double.compare(y.score(), x.score()));
    double best = Double.NEGATIVE_INFINITY;
    for (int text = 0; text < 64; text++) {
      best = Math.max(best, score(engine, prompt, text / 16, text / 4 % 4, text % 4));
    }
    assertThat(found.getFirst().score()).isCloseTo(best, within(1e-12));
    for (Hypothesis h : found) {
      assertThat(h.score()).isCloseTo(score(engine, prompt, h.ids()), within(1e-12));
    }
  }

  /** Mean log probability. */
  private static double score(Engine engine, int[] prompt, int... ids) {
    double sum = 0;
    double[] log = new double[engine.config().nVocab()];
    try (Session session = engine.newSession()) {
      float[] logits = session.forward(prompt);
      for (int id : ids) {
        LogProbabilities.logSoftmax(logits, log);
        sum += log[id];
        logits = session.forward(id);
      }
    }
    return sum / ids.length;
  }

  @Property(seed = SEED, tries = 50)
  void oneBeamIsGreedy(@ForAll @IntRange(max = 9) int prompt, @ForAll @IntRange(max = 30) int n) {
    var engine = new FakeEngine(10, 25, 3);
    try (Session session = engine.newSession()) {
      var greedy =
          new Generator(true, true)
              .generate(session, engine.config(), new int[] {prompt}, n, _ -> true);
      List<Hypothesis> found = beams(1).search(engine, new int[] {prompt}, n, () -> true);
      if (n == 0) {
        assertThat(found).isEmpty();
      } else {
        assertThat(found).hasSize(1);
        assertThat(found.getFirst().ids()).containsExactly(greedy.ids());
        assertThat(found.getFirst().stop()).isEqualTo(greedy.stop());
      }
    }
  }

  /** Core forks; without that its sessions are rewound and fed again, with the same bits. */
  @ParameterizedTest
  @ValueSource(ints = {2, 5})
  void sessionsThatCannotForkGiveTheSame(int n) {
    int[] prompt = {47, 46, 557, 55, 349, 441, 25, 198};
    try (Model model = Model.open(Fixtures.TINY_SHAKESPEARE);
        Engine engine = Engines.named("core").open(model, EngineOptions.threads(1));
        Session session = engine.newSession()) {
      assertThat(session).isInstanceOf(Forkable.class);
      List<Hypothesis> forked = beams(n).search(engine, prompt, 40, () -> true);
      List<Hypothesis> fed = beams(n).search(new Unforkable(engine), prompt, 40, () -> true);
      assertThat(fed).usingRecursiveComparison().isEqualTo(forked);
    }
  }

  /** A beam's prefix is not processed again where a session holds it. */
  @Test
  void sessionsAreReused() {
    var engine = new FakeEngine(50, 200, 5);
    int[] prompt = new int[100];
    beams(4).search(engine, prompt, 50, () -> true);
    assertThat(engine.sessions()).isLessThanOrEqualTo(4);
    assertThat(engine.processed()).isLessThan(4 * (100 + 50) + 1500);
  }

  @Test
  void whoWantsNoMoreGetsTheBeamsAsTheyAre() {
    var engine = new FakeEngine(10, 25, 3);
    int[] steps = {0};
    List<Hypothesis> found =
        new BeamSearch(3, 1, EarlyStopping.FALSE, Penalties.NONE, false, Set.of())
            .search(engine, new int[] {1}, -1, () -> ++steps[0] <= 5);
    assertThat(found).hasSize(3).allMatch(h -> h.ids().length == 5 && h.stop() == Stop.CANCELLED);
  }

  @Test
  void endsWhereTheContextIsFull() {
    var engine = new FakeEngine(10, 25, 3);
    var search = new BeamSearch(3, 1, EarlyStopping.FALSE, Penalties.NONE, false, Set.of());
    assertThat(search.search(engine, new int[20], -1, () -> true))
        .allMatch(h -> h.ids().length == 5 && h.stop() == Stop.CONTEXT_FULL);
    assertThatThrownBy(() -> search.search(engine, new int[25], 1, () -> true))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("leaves no room");
  }

  /** An engine with its forks taken away. */
  private record Unforkable(Engine engine) implements Engine {
    @Override
    public String name() {
      return engine.name();
    }

    @Override
    public GptConfig config() {
      return engine.config();
    }

    @Override
    public Session newSession() {
      Session session = engine.newSession();
      return new Session() {
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
          session.forward(ids, each);
        }

        @Override
        public void rewind(int position) {
          session.rewind(position);
        }

        @Override
        public void close() {
          session.close();
        }
      };
    }

    @Override
    public void close() {}
  }
}
