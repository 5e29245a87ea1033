package org.fastgpt.conformance.mutants;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
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
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The suite itself is tested: every broken engine is caught by a rule, the healthy one by none. */
@Tag("slow")
class CaughtTest {

  /** All but the two that take longer than all others together, and find no more than those. */
  private static final EnumSet<Rule> RULES = EnumSet.complementOf(EnumSet.of(Rule.C17, Rule.C18));

  private static Map<Mutation, List<Verdict>> faults;

  /** All of them at once: a plain engine keeps one core busy. */
  @BeforeAll
  static void examine() {
    try (Exam tiny = Exam.of("tiny-shakespeare", Progress.NONE);
        Exam awkward = Exam.of("synthetic-awkward", Progress.NONE)) {
      faults =
          Arrays.stream(Mutation.values())
              .parallel()
              .collect(Collectors.toMap(m -> m, m -> faults(m, List.of(tiny, awkward))));
    }
  }

  private static List<Verdict> faults(Mutation mutation, List<Exam> exams) {
    var faults = new ArrayList<Verdict>();
    for (Exam exam : exams) {
      var subject =
          Subject.of("broken-" + mutation, new BrokenProvider(mutation), EngineOptions.DEFAULT);
      try (Trial trial = Trial.open(exam, subject)) {
        RULES.stream()
            .map(trial::check)
            .filter(verdict -> verdict.outcome() == Outcome.FAULT)
            .forEach(faults::add);
      }
    }
    return faults;
  }

  @ParameterizedTest
  @EnumSource
  void everyMutationIsCaughtByARule(Mutation mutation) {
    List<Verdict> found = faults.get(mutation);
    if (mutation == Mutation.NONE) {
      assertThat(found).isEmpty();
      return;
    }
    List<Rule> caughtBy = found.stream().map(Verdict::rule).distinct().sorted().toList();
    Suite.add(new Findings.Mutant(mutation.toString(), mutation.what(), caughtBy));
    assertThat(caughtBy).as("rules that catch '%s'", mutation).isNotEmpty();
  }
}
