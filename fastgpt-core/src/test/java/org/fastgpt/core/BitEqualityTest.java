package org.fastgpt.core;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.Engines;
import org.fastgpt.Fixtures;
import org.fastgpt.Session;
import org.fastgpt.model.Model;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The logits are the same bits whatever the kernels, the number of threads, the split of the
 * prompt, with cache or without. Run once per vector width (see the module's pom).
 */
@Tag("bits")
class BitEqualityTest {

  private static Model model;
  private static int[] ids;
  private static List<int[]> expected;

  @BeforeAll
  static void computeTheDefinition() {
    model = Model.open(Fixtures.TINY_SHAKESPEARE);
    ids = Fixtures.ids(Fixtures.object(Fixtures.golden("tiny-shakespeare"), "full_context"), "ids");
    ids = Arrays.copyOf(ids, 150);
    try (Engine engine = engine("scalar", 1);
        Session session = engine.newSession()) {
      expected = new ArrayList<>();
      for (int id : ids) {
        expected.add(bits(session.forward(id)));
      }
    }
  }

  @AfterAll
  static void close() {
    model.close();
  }

  @ParameterizedTest
  @CsvSource({"scalar, 2", "vector, 1", "vector, 2", "vector, 3"})
  void doNotDependOnKernelsAndThreads(String kernels, int threads) {
    try (Engine engine = engine(kernels, threads);
        Session session = engine.newSession()) {
      assertSame(all(session, ids), 0);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 5, 31, 32, 33, 64, 65, 149})
  void doNotDependOnChunks(int size) {
    try (Engine engine = engine("vector", 2);
        Session session = engine.newSession()) {
      for (int from = 0; from < ids.length; from += size) {
        int to = Math.min(from + size, ids.length);
        float[] last = session.forward(Arrays.copyOfRange(ids, from, to));
        assertThat(bits(last)).isEqualTo(expected.get(to - 1));
      }
      assertThat(session.position()).isEqualTo(ids.length);
    }
  }

  @Test
  void doNotDependOnTheCache() {
    try (Engine engine = engine("vector", 2);
        Session session = engine.newSession()) {
      for (int n : new int[] {1, 2, 31, 32, 33, 100}) {
        session.rewind(0);
        assertThat(bits(session.forward(Arrays.copyOf(ids, n)))).isEqualTo(expected.get(n - 1));
      }
    }
  }

  @Test
  void doNotDependOnWhatWasRewound() {
    try (Engine engine = engine("vector", 2);
        Session session = engine.newSession()) {
      session.forward(ids);
      for (int to : new int[] {149, 64, 33, 32, 31, 1, 0}) {
        session.rewind(to);
        session.forward(7, 8, 9); // another continuation, to be forgotten
        session.rewind(to);
        assertSame(all(session, Arrays.copyOfRange(ids, to, ids.length)), to);
      }
    }
  }

  @Test
  void doNotDependOnWhetherAProbeLooks() {
    try (Engine engine = engine("vector", 2);
        Session session = engine.newSession()) {
      session.observe((name, position, shape, values) -> {});
      assertSame(all(session, ids), 0);
    }
  }

  @Test
  void doNotDependOnOtherSessions() throws Exception {
    try (Engine engine = engine("vector", 2);
        var pool = Executors.newFixedThreadPool(3)) {
      List<Future<List<int[]>>> runs =
          IntStream.range(0, 6)
              .mapToObj(
                  i ->
                      pool.submit(
                          () -> {
                            try (Session session = engine.newSession()) {
                              return all(session, ids);
                            }
                          }))
              .toList();
      for (Future<List<int[]>> run : runs) {
        assertSame(run.get(), 0);
      }
    }
  }

  private static Engine engine(String kernels, int threads) {
    return Engines.named("core")
        .open(model, new EngineOptions(threads, Map.of("kernels", kernels)));
  }

  private static List<int[]> all(Session session, int[] ids) {
    var logits = new ArrayList<int[]>();
    session.forward(ids, (position, row) -> logits.add(bits(row)));
    return logits;
  }

  private static void assertSame(List<int[]> actual, int from) {
    assertThat(actual).hasSize(ids.length - from);
    for (int i = 0; i < actual.size(); i++) {
      assertThat(actual.get(i)).as("position %d", from + i).isEqualTo(expected.get(from + i));
    }
  }

  private static int[] bits(float[] x) {
    return IntStream.range(0, x.length).map(i -> Float.floatToRawIntBits(x[i])).toArray();
  }
}
