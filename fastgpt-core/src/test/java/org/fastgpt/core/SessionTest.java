package org.fastgpt.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.Engines;
import org.fastgpt.Fixtures;
import org.fastgpt.Session;
import org.fastgpt.model.Model;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class SessionTest {

  private static Model model;
  private static Engine engine;

  @BeforeAll
  static void open() {
    model = Model.open(Fixtures.TINY_SHAKESPEARE);
    engine = Engines.named("core").open(model, EngineOptions.DEFAULT);
  }

  @AfterAll
  static void close() {
    engine.close();
    model.close();
  }

  @Test
  void rejectsTokensOutsideTheVocabularyAndStaysAsItWas() {
    try (Session session = engine.newSession()) {
      session.forward(1, 2);
      assertThatThrownBy(() -> session.forward(3, 1024))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("token 1024 is outside the vocabulary [0, 1024)");
      assertThatThrownBy(() -> session.forward(-1))
          .hasMessage("token -1 is outside the vocabulary [0, 1024)");
      assertThat(session.position()).isEqualTo(2);
    }
  }

  @Test
  void rejectsMoreThanTheContextHolds() {
    try (Session session = engine.newSession()) {
      session.forward(new int[256]);
      assertThatThrownBy(() -> session.forward(1))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("context full: position 256 + 1 new tokens is more than n_ctx = 256");
      session.rewind(255);
      assertThat(session.forward(1)).hasSize(1024);
      session.rewind(0);
      assertThatThrownBy(() -> session.forward(new int[257]))
          .isInstanceOf(IllegalStateException.class);
    }
  }

  /** Kernels read weights by their address: the files must not go while they do. */
  @Test
  void keepsTheModelOpenWhileItReadsItAndRefusesAClosedOne() {
    Model own = Model.open(Fixtures.TINY_SHAKESPEARE);
    try (Engine itsEngine = Engines.named("core").open(own, EngineOptions.DEFAULT);
        Session session = itsEngine.newSession()) {
      int[] seen = {0};
      session.forward(
          new int[20],
          (_, _) -> {
            own.close();
            seen[0]++;
          });
      assertThat(seen[0]).isEqualTo(20);
      assertThatThrownBy(() -> session.forward(1))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("the model " + Fixtures.TINY_SHAKESPEARE + " is closed");
      assertThat(session.position()).isEqualTo(20);
    }
  }

  @Test
  void givesTheLogitsOfOnePositionAlsoAfterThoseOfMany() {
    try (Session session = engine.newSession()) {
      float[] expected = session.forward(1, 2, 3).clone();
      session.rewind(0);
      session.forward(new int[] {1, 2}, (position, logits) -> assertThat(logits).hasSize(1024));
      assertThat(session.forward(3)).containsExactly(expected);
    }
  }

  @Test
  void rejectsAnEmptyInput() {
    try (Session session = engine.newSession()) {
      assertThatThrownBy(session::forward)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("no tokens to process: at least one is needed");
    }
  }

  @Test
  void rejectsRewindingForward() {
    try (Session session = engine.newSession()) {
      session.forward(1, 2, 3);
      assertThatThrownBy(() -> session.rewind(4))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("cannot rewind to position 4: it is not in [0, 3]");
    }
  }

  @Test
  void isOfNoUseWhenClosed() {
    Session session = engine.newSession();
    session.forward(1);
    session.close();
    session.close();
    assertThatThrownBy(() -> session.forward(1))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("session is closed");
    assertThatThrownBy(() -> session.rewind(0)).hasMessage("session is closed");
  }

  @Test
  void refusesKernelsThatAreNotThere() {
    assertThatThrownBy(
            () ->
                Engines.named("core")
                    .open(model, new EngineOptions(1, Map.of("kernels", "quantum"))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'quantum'");
  }

  @Test
  void engineIsFoundByName() {
    assertThat(Engines.all()).extracting("class").contains(CoreProvider.class);
    assertThatThrownBy(() -> Engines.named("llama"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("engine 'llama' is unknown");
  }
}
