package org.fastgpt.conformance.mutants;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import org.fastgpt.EngineOptions;
import org.fastgpt.conformance.Exam;
import org.fastgpt.conformance.Findings;
import org.fastgpt.conformance.Rule;
import org.fastgpt.conformance.Subject;
import org.fastgpt.conformance.Suite;
import org.fastgpt.conformance.Trial;
import org.fastgpt.conformance.Verdict;
import org.fastgpt.conformance.Verdict.Outcome;
import org.fastgpt.model.Progress;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The suite itself is tested: every broken engine is caught by a rule, the healthy one by none. */
@Tag("slow")
class CaughtTest {

  /** All but the two that take longer than all others together, and find no more than those. */
  private static final EnumSet<Rule> RULES = EnumSet.complementOf(EnumSet.of(Rule.C17, Rule.C18));

  private static final List<Exam> EXAMS = new ArrayList<>();

  @BeforeAll
  static void open() {
    EXAMS.add(Exam.of("tiny-shakespeare", Progress.NONE));
    EXAMS.add(Exam.of("synthetic-awkward", Progress.NONE));
  }

  @AfterAll
  static void close() {
    EXAMS.forEach(Exam::close);
  }

  @ParameterizedTest
  @EnumSource
  void everyMutationIsCaughtByARule(Mutation mutation) {
    List<Rule> caughtBy = new ArrayList<>();
    List<String> details = new ArrayList<>();
    for (Exam exam : EXAMS) {
      var subject =
          Subject.of("broken-" + mutation, new BrokenProvider(mutation), EngineOptions.DEFAULT);
      try (Trial trial = Trial.open(exam, subject)) {
        for (Rule rule : RULES) {
          Verdict verdict = trial.check(rule);
          if (verdict.outcome() == Outcome.FAULT && !caughtBy.contains(rule)) {
            caughtBy.add(rule);
            details.add(rule + ": " + verdict.detail());
          }
        }
      }
    }
    if (mutation == Mutation.NONE) {
      assertThat(details).isEmpty();
      return;
    }
    caughtBy.sort(null);
    Suite.add(new Findings.Mutant(mutation.toString(), mutation.what(), caughtBy));
    assertThat(caughtBy).as("rules that catch '%s'", mutation).isNotEmpty();
  }
}
