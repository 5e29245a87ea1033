package org.fastgpt;

import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.fastgpt.Generator.Result;

/** One run of a {@link Generator}. The session lacks the last token of the text that it sees. */
final class Generation {

  private static final int[] NO_DRAFT = {};

  private final Generator generator;
  private final Session session;
  private final GrowingText text;
  private int guesses; // length of the next draft

  Generation(
      Generator generator,
      Session session,
      GptConfig config,
      int[] prompt,
      int n,
      IntPredicate each) {
    this.generator = generator;
    this.session = session;
    text = new GrowingText(generator, config, prompt, n, each);
    guesses = Math.min(1, generator.draft());
    session.rewind(0);
  }

  /** Whether it goes on: there are more tokens to come. */
  boolean goesOn() {
    return text.goesOn();
  }

  /** What there is by now; one that could go on counts as cancelled. */
  Result result() {
    return text.result();
  }

  /** One more pass, of a generation that goes on: one token, or with a draft perhaps more. */
  void advance() {
    if (text.slide() || !generator.cached()) {
      session.rewind(0);
    }
    int first = session.position();
    int[] known = text.from(first); // one, or after a rewind all
    int[] draft = known.length == 1 ? text.draft(guesses) : NO_DRAFT;
    if (draft.length == 0) {
      text.take(session.forward(known));
      return;
    }
    int[] next = IntStream.concat(IntStream.of(known), IntStream.of(draft)).toArray();
    int before = text.seen();
    session.forward(next, (position, logits) -> check(next[position - first], position, logits));
    session.rewind(Math.min(session.position(), text.seen() - 1));
    guesses = guesses(draft.length, text.seen() - before - 1);
  }

  /** Twice as many where all were right, else as many as were right: wrong ones cost time. */
  private int guesses(int drafted, int right) {
    return right == drafted ? Math.min(2 * guesses, generator.draft()) : Math.max(1, right);
  }

  /** Logits that follow a draft's token count if that token was in fact chosen. */
  private void check(int id, int position, float[] logits) {
    if (text.goesOn() && position == text.seen() - 1 && id == text.last()) {
      text.take(logits);
    }
  }
}
