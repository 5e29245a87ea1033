package org.fastgpt.nd4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.Engines;
import org.fastgpt.Session;
import org.fastgpt.model.Model;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SessionTest {
  private static final int[] IDS = IntStream.range(0, 200).map(i -> i * 37 % 1024).toArray();

  private static Model model;
  private static Engine cached;
  private static Engine plain;

  @BeforeAll
  static void open() {
    model = Model.open(Golden.folder(Golden.TINY));
    cached = Engines.named("nd4j").open(model, EngineOptions.threads(1));
    plain = Engines.named("nd4j").open(model, new EngineOptions(1, Map.of("form", "plain")));
  }

  @AfterAll
  static void close() {
    cached.close();
    plain.close();
    model.close();
  }

  private static Engine engine(String form) {
    return form.equals("plain") ? plain : cached;
  }

  private static float[] forward(Engine engine, int... ids) {
    try (Session session = engine.newSession()) {
      return session.forward(ids);
    }
  }

  /** Two fp32 computations of the same logits, each as far from the exact ones as it may be. */
  private static void assertSame(float[] actual, float[] expected) {
    double[] exact = IntStream.range(0, expected.length).mapToDouble(i -> expected[i]).toArray();
    assertThat(Golden.maxDifference(actual, exact))
        .isLessThan(2 * Golden.bound(cached.config(), exact));
  }

  @Test
  void enginesAreNamedAfterTheirForm() {
    assertThat(cached.name()).isEqualTo("nd4j");
    assertThat(plain.name()).isEqualTo("nd4j-plain");
  }

  @Test
  void plainEqualsCached() {
    try (Session one = cached.newSession();
        Session other = plain.newSession()) {
      assertSame(one.forward(IDS), other.forward(IDS));
      assertSame(one.forward(5), other.forward(5));
      assertThat(one.position()).isEqualTo(other.position()).isEqualTo(IDS.length + 1);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"cache", "plain"})
  void chunksEqualTheWhole(String form) {
    float[] whole = forward(engine(form), IDS);
    for (int chunk : new int[] {1, 7, 128, 199}) {
      try (Session session = engine(form).newSession()) {
        float[] logits = {};
        for (int from = 0; from < IDS.length; from += chunk) {
          logits =
              session.forward(Arrays.copyOfRange(IDS, from, Math.min(from + chunk, IDS.length)));
        }
        assertSame(logits, whole);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"cache", "plain"})
  void rewoundSessionIsAFreshOne(String form) {
    try (Session session = engine(form).newSession()) {
      session.forward(Arrays.copyOf(IDS, 50));
      session.forward(9);
      session.rewind(20);
      assertThat(session.position()).isEqualTo(20);
      float[] again = session.forward(Arrays.copyOfRange(IDS, 20, 30));
      assertSame(again, forward(engine(form), Arrays.copyOf(IDS, 30)));
      session.rewind(0);
      float[] fresh = forward(engine(form), Arrays.copyOf(IDS, 30));
      assertThat(session.forward(Arrays.copyOf(IDS, 30))).isEqualTo(fresh);
    }
  }

  @Test
  void generateIsPicoGptsLoop() {
    int[] prompt = Arrays.copyOf(IDS, 5);
    try (Session session = cached.newSession()) {
      int[] expected = Golden.greedy(session, prompt, 12);
      Weights weights = ((Nd4jEngine) plain).weights();
      assertThat(Gpt2.generate(prompt, weights, 12)).isEqualTo(expected);
    }
  }

  @Test
  void sessionsOfSeveralThreadsDoNotDisturbEachOther() throws Exception {
    var expected = new ArrayList<int[]>();
    for (int i = 0; i < 4; i++) {
      try (Session session = cached.newSession()) {
        expected.add(Golden.greedy(session, new int[] {i, 2 * i}, 40));
      }
    }
    try (var threads = Executors.newFixedThreadPool(4)) {
      var runs = new ArrayList<Callable<int[]>>();
      for (int i = 0; i < 8; i++) {
        int n = i % 4;
        Session session = cached.newSession(); // made by one thread, used and closed by another
        runs.add(
            () -> {
              try (session) {
                return Golden.greedy(session, new int[] {n, 2 * n}, 40);
              }
            });
      }
      var results = threads.invokeAll(runs);
      for (int i = 0; i < 8; i++) {
        assertThat(results.get(i).get()).isEqualTo(expected.get(i % 4));
      }
    }
  }

  @Test
  void aSinkMayUseAnotherSession() {
    float[] expected = forward(cached, 1, 2, 3);
    try (Session outer = cached.newSession()) {
      var inner = new Session[1];
      outer.forward(
          new int[] {4, 5},
          (position, _) -> {
            if (position == 0) {
              inner[0] = cached.newSession();
              inner[0].forward(1, 2);
            }
          });
      assertThat(inner[0].forward(3)).isEqualTo(expectedAfter(1, 2, 3));
      assertSame(expectedAfter(1, 2, 3), expected);
      inner[0].close();
      assertThat(outer.forward(6)).isEqualTo(expectedAfter(4, 5, 6));
    }
  }

  private static float[] expectedAfter(int first, int second, int third) {
    try (Session session = cached.newSession()) {
      session.forward(first, second);
      return session.forward(third);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"cache", "plain"})
  void aRefusedCallChangesNothing(String form) {
    try (Session session = engine(form).newSession()) {
      session.forward(1, 2, 3);
      assertThatIllegalArgumentException().isThrownBy(session::forward);
      assertThatIllegalArgumentException().isThrownBy(() -> session.forward(4, 1024));
      assertThatIllegalArgumentException().isThrownBy(() -> session.rewind(4));
      assertThatIllegalStateException().isThrownBy(() -> session.forward(new int[254]));
      IllegalArgumentException own = new IllegalArgumentException("the sink's own");
      assertThatIllegalArgumentException()
          .isThrownBy(
              () ->
                  session.forward(
                      IDS,
                      (_, _) -> {
                        throw own;
                      }))
          .isSameAs(own);
      assertThat(session.position()).isEqualTo(3);
      assertThat(session.forward(4)).isEqualTo(forwardAfterThree(form));
    }
  }

  private static float[] forwardAfterThree(String form) {
    try (Session session = engine(form).newSession()) {
      session.forward(1, 2, 3);
      return session.forward(4);
    }
  }

  @Test
  void closedSessionsAndEnginesSaySo() {
    Session session = cached.newSession();
    session.close();
    session.close();
    assertThatIllegalStateException()
        .isThrownBy(() -> session.forward(1))
        .withMessage("session is closed");
    assertThatIllegalStateException().isThrownBy(() -> session.rewind(0));
    Engine engine = Engines.named("nd4j").open(model, EngineOptions.threads(1));
    try (Session orphan = engine.newSession()) {
      engine.close();
      engine.close();
      assertThatIllegalStateException()
          .isThrownBy(() -> orphan.forward(1))
          .withMessage("engine is closed");
    }
  }

  @Test
  void anUnknownFormIsRefused() {
    var options = new EngineOptions(0, Map.of("form", "fast"));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Engines.named("nd4j").open(model, options))
        .withMessage("form 'fast' of nd4j is not cache or plain");
  }

  @Test
  void anObservedPassGivesTheSameLogits() {
    try (Session session = cached.newSession()) {
      session.observe((_, _, _, _) -> {});
      assertSame(session.forward(IDS), forward(cached, IDS));
      assertThat(session.observe(null)).isTrue();
      assertSame(session.forward(5), forward(cached, withLast(IDS, 5)));
    }
  }

  private static int[] withLast(int[] ids, int last) {
    int[] more = Arrays.copyOf(ids, ids.length + 1);
    more[ids.length] = last;
    return more;
  }
}
