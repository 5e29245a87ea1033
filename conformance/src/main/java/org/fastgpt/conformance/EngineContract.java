package org.fastgpt.conformance;

import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.abort;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.fastgpt.model.ModelException;
import org.fastgpt.model.Progress;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The rules as JUnit tests. An engine is held to them by a class that extends this one and says how
 * it is opened:
 *
 * <pre>{@code
 * class MyEngineTest extends EngineContract {
 *   @Override
 *   protected Subject subject() {
 *     return Subject.of("mine", new MyProvider(), EngineOptions.DEFAULT);
 *   }
 * }
 * }</pre>
 *
 * What an engine does not promise or show is a skipped test with the reason, never a passed one.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class EngineContract {

  /** The checkpoint of GPT-2's real shape, for engines that are fast enough. */
  protected static final String LARGE = "synthetic-124M";

  private static final Map<String, Exam> EXAMS = new HashMap<>();

  private final Map<String, Trial> trials = new HashMap<>();

  /** The engine under test. */
  protected abstract Subject subject();

  /** The models to examine it on, by the names that {@code --model} takes. */
  protected List<String> models() {
    String model = System.getProperty("fastgpt.model", "");
    return model.isEmpty()
        ? List.of("synthetic-awkward", "synthetic-small", "tiny-shakespeare", LARGE)
        : List.of(model);
  }

  final Stream<String> modelNames() {
    return models().stream();
  }

  @BeforeAll
  final void open() {
    for (String model : models()) {
      Exam exam = exam(model);
      try {
        trials.put(model, Trial.open(exam, subject()));
      } catch (ModelException e) {
        Suite.unavailable(subject().name(), model, e.getMessage());
      }
    }
  }

  private static synchronized Exam exam(String model) {
    return EXAMS.computeIfAbsent(model, name -> Exam.of(name, Progress.NONE));
  }

  @AfterAll
  final void close() {
    for (Trial trial : trials.values()) {
      Suite.add(trial.evidence());
      trial.close();
    }
  }

  private void check(Rule rule, String model) {
    Trial trial = trials.get(model);
    if (trial == null) {
      abort(
          subject().name()
              + " cannot open "
              + model
              + ": "
              + Suite.reason(subject().name(), model));
    }
    Verdict verdict = trial.check(rule);
    Suite.add(verdict);
    switch (verdict.outcome()) {
      case PASS, TIE -> {}
      case FAULT -> fail(rule + " " + rule.title() + ": " + verdict.detail());
      default -> abort(rule + ": " + verdict.outcome() + ", " + verdict.detail());
    }
  }

  @ParameterizedTest
  @MethodSource("modelNames")
  final void c01_tokenizerIdsAreExact(String model) {
    check(Rule.C01, model);
  }

  @ParameterizedTest
  @MethodSource("modelNames")
  final void c02_bytesSurviveEncodingAndDecoding(String model) {
    check(Rule.C02, model);
  }

  @ParameterizedTest
  @MethodSource("modelNames")
  final void c03_everyParameterIsThere(String model) {
    check(Rule.C03, model);
  }

  @ParameterizedTest
  @MethodSource("modelNames")
  final void c04_embeddingIsTokenPlusPosition(String model) {
    check(Rule.C04, model);
  }

  @ParameterizedTest
  @MethodSource("modelNames")
  final void c05_everyActivationByName(String model) {
    check(Rule.C05, model);
  }

  @ParameterizedTest
  @MethodSource("modelNames")
  final void c06_logitsAtAllPositions(String model) {
    check(Rule.C06, model);
  }

  @ParameterizedTest
  @MethodSource("modelNames")
  final void c07_prefillEqualsStepwiseDecode(String model) {
    check(Rule.C07, model);
  }

  @ParameterizedTest
  @MethodSource("modelNames")
  final void c08_anyChunksEqualTheWhole(String model) {
    check(Rule.C08, model);
  }

  @ParameterizedTest
  @MethodSource("modelNames")
  final void c09_sessionsDoNotDisturbEachOther(String model) {
    check(Rule.C09, model);
  }

  @ParameterizedTest
  @MethodSource("modelNames")
  final void c10_sameInputTwiceGivesTheSameBits(String model) {
    check(Rule.C10, model);
  }

  @ParameterizedTest
  @MethodSource("modelNames")
  final void c11_laterTokenNeverChangesEarlierLogits(String model) {
    check(Rule.C11, model);
  }

  @ParameterizedTest
  @MethodSource("modelNames")
  final void c12_greedyIdsAreExact(String model) {
    check(Rule.C12, model);
  }

  @ParameterizedTest
  @MethodSource("modelNames")
  final void c13_cacheEqualsNoCache(String model) {
    check(Rule.C13, model);
  }

  @ParameterizedTest
  @MethodSource("modelNames")
  final void c14_rewoundEqualsFresh(String model) {
    check(Rule.C14, model);
  }

  @ParameterizedTest
  @MethodSource("modelNames")
  final void c15_badInputGetsThePromisedException(String model) {
    check(Rule.C15, model);
  }

  @ParameterizedTest
  @MethodSource("modelNames")
  final void c16_bitsDoNotDependOnThreadsOrKernels(String model) {
    check(Rule.C16, model);
  }

  @ParameterizedTest
  @MethodSource("modelNames")
  final void c17_wholeContext(String model) {
    check(Rule.C17, model);
  }

  @ParameterizedTest
  @MethodSource("modelNames")
  final void c18_perplexityOfAText(String model) {
    check(Rule.C18, model);
  }

  @ParameterizedTest
  @MethodSource("modelNames")
  final void c19_rowOfABatchEqualsThePromptAlone(String model) {
    check(Rule.C19, model);
  }
}
