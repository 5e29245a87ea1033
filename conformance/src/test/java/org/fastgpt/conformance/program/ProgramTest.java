package org.fastgpt.conformance.program;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.fastgpt.BatchGenerator;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.Engines;
import org.fastgpt.ParameterView;
import org.fastgpt.Session;
import org.fastgpt.TextCodec;
import org.fastgpt.model.Model;
import org.fastgpt.model.ModelException;
import org.fastgpt.model.Models;
import org.fastgpt.model.Progress;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Programs that keep to the protocol, and programs that do not. */
@Timeout(120)
@Tag("slow")
class ProgramTest {
  private static final String ALL = "logits,text";
  private static Model model;

  @BeforeAll
  static void open() {
    model = Model.open(Models.resolve("synthetic-awkward", Progress.NONE));
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static List<String> fake(String mode, int nVocab, String can) {
    return List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "-XX:TieredStopAtLevel=1",
        "-cp",
        Path.of("target", "test-classes").toAbsolutePath().toString(),
        FakeEngine.class.getName(),
        mode,
        String.valueOf(nVocab),
        "24",
        can);
  }

  private static Engine engine(String mode, String timeout) {
    return new ProgramProvider("test", fake(mode, 97, ALL))
        .open(model, new EngineOptions(1, Map.of("timeout", timeout)));
  }

  @Test
  void anEngineIsFoundByNameAndCommand() {
    String command = "'" + String.join("' '", fake("good", 97, ALL)) + "'";
    var options = new EngineOptions(1, Map.of("command", command));
    try (Engine engine = Engines.named("program").open(model, options);
        Session session = engine.newSession()) {
      assertThat(engine.name()).isEqualTo("program-fake");
      assertThat(engine.promises()).isEmpty();
      assertThat(session.forward(3, 4)).hasSize(97).startsWith(0, 0, 0, 0, 0, 1, 0);
      assertThat(session.observe((_, _, _, _) -> {})).isFalse();
    }
  }

  @Test
  void sessionsAreKeptApartAndAllPositionsComeInOrder() {
    try (Engine engine = engine("good", "60");
        Session one = engine.newSession();
        Session two = engine.newSession()) {
      var seen = new ArrayList<Integer>();
      one.forward(
          new int[] {7, 8, 9},
          (position, logits) -> {
            two.forward(position); // a sink may use the engine
            seen.add(position);
            assertThat(logits[8 + position]).isEqualTo(1);
          });
      assertThat(seen).containsExactly(0, 1, 2);
      two.rewind(1);
      assertThat(one.position()).isEqualTo(3);
      assertThat(two.position()).isEqualTo(1);
    }
  }

  @Test
  void sessionsOfManyThreadsTakeTurns() throws InterruptedException {
    var wrong = new ConcurrentLinkedQueue<Object>();
    try (Engine engine = engine("good", "60")) {
      var threads = new ArrayList<Thread>();
      for (int i = 0; i < 4; i++) {
        int id = 10 * i;
        threads.add(
            Thread.ofPlatform()
                .uncaughtExceptionHandler((_, e) -> wrong.add(e))
                .start(
                    () -> {
                      try (Session session = engine.newSession()) {
                        for (int n = 0; n < 20; n++) {
                          if (session.forward(id)[id + 1] != 1) {
                            wrong.add(id);
                          }
                        }
                      }
                    }));
      }
      for (Thread thread : threads) {
        thread.join();
      }
    }
    assertThat(wrong).isEmpty();
  }

  @Test
  void anEngineIsWhatItSaysItCan() {
    try (Engine engine = engine("good", "60")) {
      assertThat(engine).isInstanceOf(TextCodec.class).isNotInstanceOf(ParameterView.class);
      TextCodec codec = (TextCodec) engine;
      assertThat(codec.encode("Hi!")).containsExactly('H' - 32, 'i' - 32, 1);
      assertThat(codec.decodeBytes(40, 73, 1)).isEqualTo("Hi!".getBytes(StandardCharsets.UTF_8));
    }
  }

  @Test
  void anEngineWithoutLogitsGenerates() {
    try (Engine engine =
        new ProgramProvider("test", fake("good", 97, "generate"))
            .open(model, EngineOptions.DEFAULT)) {
      var prompts = List.of(new int[] {5}, new int[] {6, 7});
      assertThat(((BatchGenerator) engine).generateBatch(prompts, 2))
          .containsExactly(new int[] {1, 2}, new int[] {3, 4});
      assertThatExceptionOfType(NoLogitsException.class)
          .isThrownBy(engine::newSession)
          .withMessage("test-fake: shows no logits, it only generates ids");
      assertThatExceptionOfType(ModelException.class)
          .isThrownBy(() -> ((BatchGenerator) engine).generateBatch(prompts, 3))
          .withMessageContaining("ids: 3 for each of 2 expected");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          dies         | it ended with exit code 3, last on stderr: no memory left
          closes       | its output is closed
          garbage      | Segmentation fault
          array        | a JSON object expected, found: [0.0,
          two          | one JSON object in a line expected, found: {"logits": [0.0,
          short        | logits: 97 numbers expected, 96 found
          nan          | not JSON (Non-standard token 'NaN'
          null         | logits[0]: a number expected, nothing found
          infinite     | logits[0]: a finite number expected, Infinity found
          packed-nan   | logits[1]: a finite number expected, NaN found
          packed-short | logits_f32: four bytes a number expected, 3 bytes found
          not-base64   | logits_f32: base64 expected
          endless      | a line of more than 68640 bytes
          activation   | activations that were not asked for
          shape        | shape: numbers above 0 expected, [-1] found
          other        | kind: argument, state, model or internal expected, other
          """)
  void aProgramThatFailsIsKilledWithOneLine(String mode, String message) {
    long before = children();
    try (Engine engine = engine(mode, "60");
        Session session = engine.newSession()) {
      assertThatExceptionOfType(ModelException.class)
          .isThrownBy(() -> session.forward(5))
          .withMessageStartingWith("test: killed after 'forward': ")
          .withMessageContaining(message)
          .matches(e -> e.getMessage().lines().count() == 1);
      assertThat(children()).isEqualTo(before);
      assertThatExceptionOfType(ModelException.class) // and so for ever
          .isThrownBy(engine::newSession)
          .withMessageContaining(message);
      assertThat(session.position()).isZero();
    }
  }

  @Test
  void aProgramThatHangsIsKilledInTime() {
    try (Engine engine = engine("hangs", "5");
        Session session = engine.newSession()) {
      long start = System.nanoTime();
      assertThatExceptionOfType(ModelException.class)
          .isThrownBy(() -> session.forward(5))
          .withMessage("test: killed after 'forward': no line within 5.0 s");
      assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(30));
    }
  }

  /** The request is larger than what a pipe holds. */
  @Test
  void aProgramThatDoesNotReadIsKilledInTime() {
    try (Engine engine = engine("deaf", "5")) {
      assertThatExceptionOfType(ModelException.class)
          .isThrownBy(() -> ((TextCodec) engine).encode("x".repeat(1_000_000)))
          .withMessage("test: killed after 'encode': no line within 5.0 s");
    }
  }

  @Test
  void anErrorAfterAPartOfTheAnswerIsAFault() {
    try (Engine engine = engine("late-error", "60");
        Session session = engine.newSession()) {
      assertThatExceptionOfType(ModelException.class)
          .isThrownBy(() -> session.forward(new int[] {1, 2}, (_, _) -> {}))
          .withMessageEndingWith("an error after a part of the answer: late");
    }
  }

  @Test
  void outputThatNobodyAskedForIsAFault() {
    assertThatExceptionOfType(ModelException.class)
        .isThrownBy(() -> engine("banner", "60"))
        .withMessageContaining("Loading the model...");
    try (Engine engine = engine("late-error", "60");
        Session session = engine.newSession()) {
      session.forward(1); // with a second line, written in one piece with the first
      assertThatThrownBy(() -> session.forward(1))
          .isInstanceOf(ModelException.class)
          .hasMessageContaining("output before the request: {\"error\"");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "argument, java.lang.IllegalArgumentException, no argument",
    "state, java.lang.IllegalStateException, no state",
    "model, org.fastgpt.model.ModelException, test: no model",
    "internal, org.fastgpt.model.ModelException, test: no internal"
  })
  void anErrorOfTheProgramIsItsExceptionAndNotItsEnd(
      String kind, Class<? extends Exception> type, String message) {
    try (Engine engine = engine(kind, "60");
        Session session = engine.newSession()) {
      for (int n = 0; n < 2; n++) {
        assertThatExceptionOfType(type).isThrownBy(() -> session.forward(5)).withMessage(message);
      }
      assertThat(session.position()).isZero();
    }
  }

  @Test
  void aModelOfOtherSizesIsRefused() {
    long before = children();
    assertThatExceptionOfType(ModelException.class)
        .isThrownBy(
            () ->
                new ProgramProvider("test", fake("good", 96, ALL))
                    .open(model, EngineOptions.DEFAULT))
        .withMessageEndingWith("n_vocab: 97 expected, 96 found");
    assertThat(children()).isEqualTo(before);
  }

  @Test
  void closeEndsTheProgram() {
    long before = children();
    Engine engine = engine("stays", "60");
    assertThat(children()).isEqualTo(before + 1);
    Session session = engine.newSession();
    engine.close();
    assertThat(children()).isEqualTo(before);
    session.close();
    engine.close();
    assertThatIllegalStateException()
        .isThrownBy(engine::newSession)
        .withMessage("engine is closed");
  }

  @Test
  void stderrIsPassedOnByLinesWithTheName() {
    var lines = new ConcurrentLinkedQueue<String>();
    try (var program =
        new Program("test", fake("dies", 97, ALL), Duration.ofSeconds(60), lines::add)) {
      assertThatExceptionOfType(ModelException.class)
          .isThrownBy(
              () -> program.ask(Map.of("op", "forward", "ids", new int[] {1}), 97, (_, _) -> null));
    }
    assertThat(lines).containsExactly("test: ready  [31mto go", "test: no memory left");
  }

  @Test
  void aCommandLineIsSplitIntoWords() {
    assertThat(ProgramProvider.split("  python3  gpt2.py ")).containsExactly("python3", "gpt2.py");
    assertThat(ProgramProvider.split("a 'b c' \"d \\\" e\" f\\ g '' 'h\\i'j"))
        .containsExactly("a", "b c", "d \" e", "f g", "", "h\\ij");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ProgramProvider.split("a 'b"))
        .withMessage("command: no closing ' in: a 'b");
  }

  @Test
  void wrongSettingsAreRefused() {
    var provider = new ProgramProvider();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> provider.open(model, EngineOptions.DEFAULT))
        .withMessageStartingWith("program: no command; give the setting command");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> provider.open(model, new EngineOptions(0, Map.of("command", "/no/such/program"))))
        .withMessageStartingWith("program: cannot be started: Cannot run program");
    for (String timeout : List.of("0", "-1", "soon", "NaN")) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> provider.open(model, new EngineOptions(0, Map.of("timeout", timeout))))
          .withMessage("timeout '" + timeout + "' is not a number of seconds above 0");
    }
  }

  /** Programs that run; one that was killed may take a moment to be gone. */
  private static long children() {
    return ProcessHandle.current().children().filter(ProcessHandle::isAlive).count();
  }
}
