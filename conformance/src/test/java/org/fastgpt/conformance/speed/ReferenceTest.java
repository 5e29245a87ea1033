package org.fastgpt.conformance.speed;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.fastgpt.conformance.Golden;
import org.fastgpt.model.Model;
import org.fastgpt.model.Models;
import org.fastgpt.model.Progress;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class ReferenceTest {
  private static final int GOLDEN_TOKENS = 60;
  private static Model model;
  private static Golden golden;

  @BeforeAll
  static void open() {
    model = Model.open(Models.resolve("tiny-shakespeare", Progress.NONE));
    golden = Golden.of("tiny-shakespeare").orElseThrow().objects("greedy").getFirst();
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static Reference reference(int[] prompt, int longTokens) {
    return new Reference(
        model,
        new Task("", "", model.config(), Optional.empty(), prompt, 5, longTokens, List.of(7)));
  }

  @Test
  void goldenDataComeFirst() {
    try (Reference reference = reference(golden.ids("prompt_ids"), 0)) {
      assertThat(reference.source()).isEqualTo("golden data");
      assertThat(reference.ids(5)).isEqualTo(Arrays.copyOf(golden.ids("new_ids"), 5));
    }
  }

  @Test
  void coreGoesOnWhereTheyEnd() {
    try (Reference reference = reference(golden.ids("prompt_ids"), GOLDEN_TOKENS + 2)) {
      assertThat(reference.source()).startsWith("golden data for 60 tokens, then core");
      assertThat(reference.ids(GOLDEN_TOKENS)).isEqualTo(golden.ids("new_ids"));
    }
  }

  /** Of a prompt that nobody knows: one token less. The continuation goes through the known one. */
  @Test
  void coreAloneContinuesAnUnknownPrompt() {
    int[] known = golden.ids("prompt_ids");
    int[] newIds = golden.ids("new_ids");
    int[] longer = Arrays.copyOf(known, known.length + 1);
    longer[known.length] = newIds[0];
    try (Reference reference = reference(longer, 0)) {
      assertThat(reference.source()).isEqualTo("core's scalar kernels");
      assertThat(reference.ids(5)).isEqualTo(Arrays.copyOfRange(newIds, 1, 6));
    }
  }

  @Test
  void namesTheFirstWrongToken() {
    try (Reference reference = reference(golden.ids("prompt_ids"), 0)) {
      int[] ids = reference.ids(5);
      assertThat(reference.check(ids, 5)).isEqualTo(Reference.Check.FINE);
      assertThat(reference.check(Arrays.copyOf(ids, 3), 5).note())
          .isEqualTo("wrong ids at token 4");
      ids[2] = (ids[2] + 1) % 1024;
      assertThat(reference.check(ids, 5))
          .isEqualTo(new Reference.Check(false, "wrong ids at token 3"));
      ids[0] = -1;
      assertThat(reference.check(ids, 5).note()).isEqualTo("wrong ids at token 1");
    }
  }

  @Test
  void judgesTheTokenAfterALongPrompt() {
    int[] prompt = golden.ids("prompt_ids");
    try (Reference reference = reference(prompt, 0);
        Reference start = reference(Task.repeated(prompt, 7), 0)) {
      int next = start.ids(1)[0];
      assertThat(reference.checkPrefill(0, next).right()).isTrue();
      assertThat(reference.checkPrefill(0, next + 1).note())
          .isEqualTo("wrong id after a prompt of 7 tokens");
    }
  }

  @Test
  void findsTheContinuationInAProgramsOutput() {
    try (Reference reference = reference(golden.ids("prompt_ids"), 0)) {
      Optional<String> any = Optional.empty();
      var unchecked = new Reference.Check(true, "output not checked");
      assertThat(reference.checkOutput("x\n  198   65\n 316 82 84 9", any).note()).isEmpty();
      assertThat(reference.checkOutput("imagine\nbutsures, or", any).note()).isEmpty();
      assertThat(reference.checkOutput("1198 65 316 82 84", any)).isEqualTo(unchecked);
      assertThat(reference.checkOutput("so it goes", Optional.of("it")).note()).isEmpty();
      assertThat(reference.checkOutput("so it goes", Optional.of("him")).right()).isFalse();
    }
  }
}
