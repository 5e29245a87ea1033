package org.fastgpt.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Files;
import java.nio.file.Path;
import org.fastgpt.model.Models;
import org.fastgpt.model.OpenAiWeights;
import org.fastgpt.model.Progress;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ExamTest {

  /** The oracle's two largest logits at each step are HuggingFace's. */
  @Test
  void judgedContinuationsHaveTheKnownLogits() {
    try (Exam exam = Exam.of("tiny-shakespeare", Progress.NONE)) {
      for (Exam.Greedy golden : exam.greedy().subList(0, 3)) {
        Exam.Greedy judged = exam.judged(golden.prompt(), golden.ids());
        for (int step = 0; step < golden.ids().length; step++) {
          assertThat(judged.topIds()[step])
              .containsExactly(golden.topIds()[step][0], golden.topIds()[step][1]);
          assertThat(judged.topLogits()[step][1])
              .isCloseTo(golden.topLogits()[step][1], within(1e-9));
        }
      }
    }
  }

  /** A model without golden data: the oracle sets the questions. The weights are micro's. */
  @Test
  void anyModelCanBeExamined(@TempDir Path folder) throws Exception {
    Path copy = Files.createDirectory(folder.resolve("unheard-of"));
    Path micro = Models.resolve("synthetic-micro", Progress.NONE);
    for (String file : new String[] {"config.json", "model.safetensors"}) {
      Files.copy(micro.resolve(file), copy.resolve(file));
    }
    try (Exam exam = Exam.of(copy.toString(), Progress.NONE);
        Trial trial = Trial.open(exam, Subjects.named("core-scalar").getFirst())) {
      assertThat(exam.golden()).isEmpty();
      for (Rule rule : Rule.values()) {
        assertThat(trial.check(rule).outcome())
            .as(rule.toString())
            .isNotEqualTo(Verdict.Outcome.FAULT);
      }
    }
  }

  @Test
  void weightsThatAreNotOpenAisAreNotTakenForThem() {
    try (Exam exam = Exam.of("synthetic-micro", Progress.NONE)) {
      assertThat(OpenAiWeights.is124M(exam.model())).isFalse();
    }
    assertThat(OpenAi.greedyCases()).hasSizeGreaterThan(10);
    assertThat(OpenAi.newIds(OpenAi.greedyCases().getFirst())).startsWith(703, 484, 561);
  }
}
