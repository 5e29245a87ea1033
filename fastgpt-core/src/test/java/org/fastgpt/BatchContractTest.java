package org.fastgpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Map;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.fastgpt.model.Model;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What every batch promises: core's, and that of sessions, which stands in for others. */
class BatchContractTest {

  private static final int ROWS = 2;

  private static Model model;
  private static Engine core;

  @BeforeAll
  static void open() {
    model = Model.open(Fixtures.TINY_SHAKESPEARE);
    core = Engines.named("core").open(model, new EngineOptions(1, Map.of()));
  }

  @AfterAll
  static void close() {
    core.close();
    model.close();
  }

  private static Batch batch(boolean shared) {
    return shared ? Batch.of(core, ROWS) : new SessionBatch(core, ROWS);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aRowThatWasRemovedLeavesNothingToTheNext(boolean shared) {
    try (Batch batch = batch(shared);
        Session session = core.newSession()) {
      int first = batch.add();
      batch.step(new int[] {first}, new int[][] {{1, 2, 3}}, (_, _) -> {});
      batch.remove(first);
      int second = batch.add();
      assertThat(second).isEqualTo(first);
      assertThat(batch.position(second)).isZero();
      float[] expected = session.forward(7, 8);
      var seen = new ArrayList<Integer>();
      batch.step(
          new int[] {second},
          new int[][] {{7, 8}},
          (slot, logits) -> {
            assertThat(logits).containsExactly(expected);
            seen.add(slot);
          });
      assertThat(seen).containsExactly(second);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void whatIsRefusedHasChangedNothing(boolean shared) {
    try (Batch batch = batch(shared)) {
      int a = batch.add();
      int b = batch.add();
      step(batch, new int[] {a, b}, new int[][] {{1, 2}, {3}});
      assertRefused("as many expected", () -> step(batch, new int[0], new int[0][]));
      assertRefused("as many expected", () -> step(batch, new int[] {a}, new int[0][]));
      assertRefused(
          "row " + a + " is named twice",
          () -> step(batch, new int[] {a, a}, new int[][] {{1}, {1}}));
      assertRefused("no row 2", () -> step(batch, new int[] {a, 2}, new int[][] {{1}, {1}}));
      assertRefused("no row -1", () -> step(batch, new int[] {a, -1}, new int[][] {{1}, {1}}));
      assertRefused(
          "token 1024 is outside", () -> step(batch, new int[] {a, b}, new int[][] {{1}, {1024}}));
      assertRefused("no tokens", () -> step(batch, new int[] {a, b}, new int[][] {{1}, {}}));
      assertRefused("no row 2", () -> batch.remove(2));
      assertThatThrownBy(() -> step(batch, new int[] {a, b}, new int[][] {{1}, new int[256]}))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("context full");
      assertThatThrownBy(batch::add)
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("all 2 rows of the batch are in use");
      assertThat(batch.position(a)).isEqualTo(2);
      assertThat(batch.position(b)).isEqualTo(1);
    }
  }

  static Stream<Arguments> forking() {
    var fake = new FakeEngine(1024, 256, 5);
    return Stream.of(
        Arguments.of("sessions that fork", core, new SessionBatch(core, 3)),
        Arguments.of("sessions that process again", fake, new SessionBatch(fake, 3)),
        Arguments.of("whatever core has", core, Batch.forking(core, 3)));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("forking")
  void aForkGoesItsOwnWay(String name, Engine engine, Batch batch) {
    try (batch) {
      int row = batch.add();
      step(batch, new int[] {row}, new int[][] {{1, 2}});
      step(batch, new int[] {row}, new int[][] {{3}});
      int fork = batch.fork(row);
      assertThat(batch.position(fork)).isEqualTo(3);
      step(batch, new int[] {fork}, new int[][] {{9}});
      int ofFork = batch.fork(fork);
      batch.remove(fork);
      assertGoesOn(batch, engine, row, 1, 2, 3);
      assertGoesOn(batch, engine, ofFork, 1, 2, 3, 9);
    }
  }

  private static void assertGoesOn(Batch batch, Engine engine, int row, int... ids) {
    try (Session session = engine.newSession()) {
      session.forward(ids);
      float[] expected = session.forward(5);
      batch.step(
          new int[] {row},
          new int[][] {{5}},
          (_, logits) -> assertThat(logits).containsExactly(expected));
    }
  }

  @Test
  void refusesForksThatAreNotToBeHad() {
    try (Batch batch = new SessionBatch(core, 2);
        Batch forking = Batch.forking(core, 1)) {
      assertRefused("no row 0", () -> batch.fork(0));
      int row = batch.add();
      batch.fork(row);
      assertThatThrownBy(() -> batch.fork(row))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("all 2 rows of the batch are in use");
      assertThat(forking.forks()).isTrue();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void isOfNoUseWhenClosed(boolean shared) {
    Batch batch = batch(shared);
    int row = batch.add();
    batch.close();
    batch.close();
    assertThatThrownBy(batch::add).hasMessage("batch is closed");
    assertThatThrownBy(() -> step(batch, new int[] {row}, new int[][] {{1}}))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("batch is closed");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1})
  void needsARow(int rows) {
    assertRefused("at least one expected", () -> Batch.of(core, rows));
  }

  private static void step(Batch batch, int[] slots, int[][] ids) {
    batch.step(slots, ids, (_, _) -> {});
  }

  private static void assertRefused(String message, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
  }
}
