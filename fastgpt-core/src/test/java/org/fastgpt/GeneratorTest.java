package org.fastgpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
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
