package org.fastgpt;

import java.util.Arrays;
import java.util.function.IntPredicate;
import org.fastgpt.Generator.Result;
import org.fastgpt.Generator.Stop;

/**
 * A text that a {@link Generator} continues, whatever runs the model: {@code ids[0, length)}, of
 * which the model sees {@code ids[start, length)}.
 */
final class GrowingText {

  private final Generator generator;
  private final GptConfig config;
  private final IntPredicate each;
  private final int promptLength;
  private final long end; // length of the text when all wanted tokens are there
  private final Stop whenDone;
  private int[] ids;
  private int length;
  private int start;
  private Stop stop; // null as long as it goes on

  /** Begins with the prompt; parameters and errors are those of {@link Generator#generate}. */
  GrowingText(Generator generator, GptConfig config, int[] prompt, int n, IntPredicate each) {
    generator.check(config, prompt, n);
    if (generator.slides()) {
      end = (long) prompt.length + n;
      whenDone = Stop.LENGTH;
    } else {
      int room = config.nCtx() - prompt.length;
      boolean fits = n >= 0 && n <= room;
      end = fits ? (long) prompt.length + n : config.nCtx();
      whenDone = fits ? Stop.LENGTH : Stop.CONTEXT_FULL;
    }
    this.generator = generator;
    this.config = config;
    this.each = each;
    promptLength = prompt.length;
    length = prompt.length;
    ids = Arrays.copyOf(prompt, (int) Math.min(end, length + config.nCtx()));
    stop = length == end ? whenDone : null;
  }

  /** Whether there are more tokens to come. */
  boolean goesOn() {
    return stop == null;
  }

  /** Number of tokens that the model sees, the one that it has not taken in yet included. */
  int seen() {
    return length - start;
  }

  /** The last token. */
  int last() {
    return ids[length - 1];
  }

  /** What the model sees, from a position on. */
  int[] from(int position) {
    return Arrays.copyOfRange(ids, start + position, length);
  }

  /** Up to {@code most} guesses, so few that one more token has room: see {@link PromptLookup}. */
  int[] draft(int most) {
    long room = Math.min(config.nCtx() - seen(), end - length) - 1;
    return PromptLookup.draft(ids, length, (int) Math.min(most, room));
  }

  /**
   * Makes room in a full context: keeps as many of the newest tokens as leave room for what is
   * still wanted, but at least half of what fits, since all that is kept is processed again.
   *
   * @return whether the context was full; then what the model has taken in is of no use any more
   */
  boolean slide() {
    if (seen() < config.nCtx()) {
      return false;
    }
    long roomy = config.nCtx() - (end - length);
    start = length - (int) Math.max(config.nCtx() / 2, roomy);
    return true;
  }

  /** Goes on by what is chosen of the logits [n_vocab] that follow the last token. */
  void take(float[] logits) {
    accept(choose(logits));
  }

  /** What is chosen of the logits; throws as the {@link Chooser} does, and nothing has changed. */
  int choose(float[] logits) {
    return generator.chooser().choose(logits, ids, promptLength, length);
  }

  /** Goes on by that token, or ends. */
  void accept(int id) {
    if (generator.ends(id, config)) {
      stop = id == config.eosTokenId() ? Stop.END_OF_TEXT : Stop.STOP_TOKEN;
      return;
    }
    if (length == ids.length) {
      ids = Arrays.copyOf(ids, (int) Math.min(2L * length, end));
    }
    ids[length++] = id;
    if (!each.test(id)) {
      stop = Stop.CANCELLED;
    } else if (length == end) {
      stop = whenDone;
    }
  }

  /** What there is by now; one that could go on counts as cancelled. */
  Result result() {
    int[] added = Arrays.copyOfRange(ids, promptLength, length);
    return new Result(added, goesOn() ? Stop.CANCELLED : stop, start);
  }
}
