package org.fastgpt;

import java.util.Arrays;
import java.util.function.IntPredicate;
import org.fastgpt.Generator.Result;
import org.fastgpt.Generator.Stop;

/**
 * One run of a {@link Generator}. The text is {@code ids[0, length)}; the session sees {@code
 * ids[start, length)}, of which it always lacks the last.
 */
final class Generation {

  private static final int[] NO_DRAFT = {};

  private final Generator generator;
  private final Session session;
  private final GptConfig config;
  private final IntPredicate each;
  private final int promptLength;
  private final long end; // length of the text when all wanted tokens are there
  private final Stop whenDone;
  private int[] ids;
  private int length;
  private int start;
  private int guesses; // length of the next draft
  private Stop stop; // null as long as it goes on

  Generation(
      Generator generator,
      Session session,
      GptConfig config,
      int[] prompt,
      int n,
      IntPredicate each) {
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
    this.session = session;
    this.config = config;
    this.each = each;
    guesses = Math.min(1, generator.draft());
    promptLength = prompt.length;
    length = prompt.length;
    ids = Arrays.copyOf(prompt, (int) Math.min(end, length + config.nCtx()));
    stop = length == end ? whenDone : null;
    session.rewind(0);
  }

  /** Whether it goes on: there are more tokens to come. */
  boolean goesOn() {
    return stop == null;
  }

  /** One more pass, of a generation that goes on. */
  void advance() {
    slide();
    step();
  }

  /** What there is by now; one that could go on counts as cancelled. */
  Result result() {
    int[] added = Arrays.copyOfRange(ids, promptLength, length);
    return new Result(added, goesOn() ? Stop.CANCELLED : stop, start);
  }

  /**
   * Makes room in a full context: keeps as many of the newest tokens as leave room for what is
   * still wanted, but at least half of what fits, since all that is kept is processed again.
   */
  private void slide() {
    if (length - start >= config.nCtx()) {
      long roomy = config.nCtx() - (end - length);
      start = length - (int) Math.max(config.nCtx() / 2, roomy);
      session.rewind(0);
    }
  }

  /** One pass, and the tokens that come of it: one, or with a draft perhaps more. */
  private void step() {
    if (!generator.cached()) {
      session.rewind(0);
    }
    int first = session.position();
    int known = length - start - first; // 1, or after a rewind all
    int[] draft = known == 1 ? draft() : NO_DRAFT;
    int[] next = Arrays.copyOfRange(ids, start + first, length + draft.length);
    if (draft.length == 0) {
      take(session.forward(next));
      return;
    }
    System.arraycopy(draft, 0, next, 1, draft.length);
    int before = length;
    session.forward(next, (position, logits) -> check(next[position - first], position, logits));
    session.rewind(Math.min(session.position(), length - start - 1));
    guesses = guesses(draft.length, length - before - 1);
  }

  /** Twice as many where all were right, else as many as were right: wrong ones cost time. */
  private int guesses(int drafted, int right) {
    return right == drafted ? Math.min(2 * guesses, generator.draft()) : Math.max(1, right);
  }

  /** Logits that follow a draft's token count if that token was in fact chosen. */
  private void check(int id, int position, float[] logits) {
    if (stop == null && position == length - start - 1 && id == ids[length - 1]) {
      take(logits);
    }
  }

  private int[] draft() {
    long room = Math.min(config.nCtx() - (length - start), end - length) - 1;
    return PromptLookup.draft(ids, length, (int) Math.min(guesses, room));
  }

  private void take(float[] logits) {
    int id = generator.chooser().choose(logits, ids, promptLength, length);
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
}
