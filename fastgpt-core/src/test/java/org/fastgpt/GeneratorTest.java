package org.fastgpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.fastgpt.Generator.Stop;
import org.junit.jupiter.api.Test;

class GeneratorTest {

  private static final int END = 9;
  private static final GptConfig CONFIG = GptConfig.gpt2(10, 8, 4, 1, 1);

  private final Counter session = new Counter();

  @Test
  void takesTheLargestLogitAndOfSeveralTheFirst() {
    assertThat(Generator.argmax(new float[] {1, 3, 3, 2})).isEqualTo(1);
    assertThat(Generator.argmax(new float[] {-5, Float.NEGATIVE_INFINITY, -4})).isEqualTo(2);
  }

  @Test
  void endsAtTheNumberAskedFor() {
    var result = new Generator(true, true).generate(session, CONFIG, new int[] {2}, 3, id -> true);
    assertThat(result.ids()).containsExactly(3, 4, 5);
    assertThat(result.stop()).isEqualTo(Stop.LENGTH);
    assertThat(session.calls).containsExactly("[2]", "[3]", "[4]");
  }

  @Test
  void endsAtEndOfTextWhichIsNotInTheText() {
    var result = new Generator(true, true).generate(session, CONFIG, new int[] {6}, 5, id -> true);
    assertThat(result.ids()).containsExactly(7, 8);
    assertThat(result.stop()).isEqualTo(Stop.END_OF_TEXT);
  }

  @Test
  void goesOnAfterEndOfTextIfToldTo() {
    var result = new Generator(true, false).generate(session, CONFIG, new int[] {7}, 4, id -> true);
    assertThat(result.ids()).containsExactly(8, END, 0, 1);
    assertThat(result.stop()).isEqualTo(Stop.LENGTH);
  }

  @Test
  void endsWhereTheContextIsFull() {
    var result =
        new Generator(true, true)
            .generate(session, CONFIG, new int[] {0, 0, 0, 0, 0, 0}, 7, id -> true);
    assertThat(result.ids()).containsExactly(1, 2);
    assertThat(result.stop()).isEqualTo(Stop.CONTEXT_FULL);
  }

  @Test
  void mayFillTheContextExactly() {
    var result =
        new Generator(true, true).generate(session, CONFIG, new int[] {0, 0, 0}, 5, id -> true);
    assertThat(result.ids()).hasSize(5);
    assertThat(result.stop()).isEqualTo(Stop.LENGTH);
  }

  @Test
  void refusesAPromptThatLeavesNoRoom() {
    assertThatThrownBy(
            () -> new Generator(true, true).generate(session, CONFIG, new int[8], 1, id -> true))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("the prompt of 8 tokens leaves no room");
  }

  @Test
  void endsWhenTheReceiverWantsNoMore() {
    var result =
        new Generator(true, true).generate(session, CONFIG, new int[] {0}, 5, id -> id < 2);
    assertThat(result.ids()).containsExactly(1, 2);
    assertThat(result.stop()).isEqualTo(Stop.CANCELLED);
  }

  @Test
  void processesTheWholeSequenceForEveryTokenWithoutCache() {
    var result = new Generator(false, true).generate(session, CONFIG, new int[] {1}, 3, id -> true);
    assertThat(result.ids()).containsExactly(2, 3, 4);
    assertThat(session.calls).containsExactly("[1]", "[1, 2]", "[1, 2, 3]");
  }

  @Test
  void endsAtAStopTokenWhichIsNotInTheText() {
    var result =
        new Generator(true, true)
            .stoppingAt(Set.of(5, 7))
            .generate(session, CONFIG, new int[] {2}, 5, id -> true);
    assertThat(result.ids()).containsExactly(3, 4);
    assertThat(result.stop()).isEqualTo(Stop.STOP_TOKEN);
  }

  /** n_ctx = 8: from ten tokens, the newest four leave room for the four that are wanted. */
  @Test
  void leavesOutTheOldestTokensOfAPromptThatIsTooLong() {
    var result =
        new Generator(true, true)
            .sliding()
            .generate(session, CONFIG, new int[] {1, 1, 1, 1, 1, 1, 0, 1, 2, 3}, 4, id -> true);
    assertThat(result.ids()).containsExactly(4, 5, 6, 7);
    assertThat(result.left()).isEqualTo(6);
    assertThat(session.calls).containsExactly("[0, 1, 2, 3]", "[4]", "[5]", "[6]");
  }

  /** Half of n_ctx at least is kept, and all that leaves room for what is still wanted. */
  @Test
  void leavesOutTheOldestTokensOfAFullContext() {
    var result =
        new Generator(true, false)
            .sliding()
            .generate(session, CONFIG, new int[] {0, 1, 2, 3, 4, 5}, 8, id -> true);
    assertThat(result.ids()).containsExactly(6, 7, 8, 9, 0, 1, 2, 3);
    assertThat(result.left()).isEqualTo(6);
    assertThat(session.calls)
        .containsExactly(
            "[0, 1, 2, 3, 4, 5]",
            "[6]",
            "[4, 5, 6, 7]",
            "[8]",
            "[9]",
            "[0]",
            "[6, 7, 8, 9, 0, 1]",
            "[2]");
  }

  @Test
  void refusesASlidingContextWithoutAnEnd() {
    var generator = new Generator(true, true).sliding();
    assertThatThrownBy(() -> generator.generate(session, CONFIG, new int[] {1}, -1, id -> true))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("give a number of tokens");
  }

  @Test
  void anyNumberOfTokensMayBeAskedFor() {
    int[] count = {0};
    var result =
        new Generator(true, false)
            .sliding()
            .generate(session, CONFIG, new int[] {1}, Integer.MAX_VALUE, id -> ++count[0] < 1000);
    assertThat(result.ids()).hasSize(1000).startsWith(2, 3, 4).endsWith(1);
  }

  @Test
  void refusesDraftsWithoutCache() {
    var generator = new Generator(false, true);
    assertThatThrownBy(() -> generator.drafting(4))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("drafts need the KV cache");
  }

  @Test
  void guessesWhatFollowedTheLatestPlaceLikeThis() {
    int[] ids = {1, 2, 3, 9, 8, 7, 1, 2, 3, 4, 5, 1, 2, 3};
    assertThat(PromptLookup.draft(ids, ids.length, 3)).containsExactly(4, 5, 1);
    assertThat(PromptLookup.draft(ids, ids.length, 9))
        .as("on in the same period")
        .containsExactly(4, 5, 1, 2, 3, 4, 5, 1, 2);
    assertThat(PromptLookup.draft(ids, 9, 2)).containsExactly(9, 8);
    assertThat(PromptLookup.draft(ids, 8, 5)).containsExactly(3, 9, 8, 7, 1);
    assertThat(PromptLookup.draft(ids, 7, 5)).as("one token alone says too little").isEmpty();
    assertThat(PromptLookup.draft(ids, ids.length, 0)).isEmpty();
  }

  /** A model that counts: after id comes id + 1, after the last 0. */
  private static final class Counter implements Session {
    private final List<String> calls = new ArrayList<>();
    private int position;

    @Override
    public int position() {
      return position;
    }

    @Override
    public float[] forward(int... ids) {
      CONFIG.checkInput(ids, position);
      calls.add(Arrays.toString(ids));
      position += ids.length;
      float[] logits = new float[CONFIG.nVocab()];
      logits[(ids[ids.length - 1] + 1) % logits.length] = 1;
      return logits;
    }

    @Override
    public void forward(int[] ids, LogitsSink each) {
      throw new AssertionError("the logits of all positions are not needed");
    }

    @Override
    public void rewind(int to) {
      position = to;
    }

    @Override
    public void close() {}
  }
}
