package org.fastgpt.cli;

import java.util.List;
import java.util.Optional;
import org.fastgpt.tokenizer.Tokenizer;

/**
 * The new text, as it comes, on standard output: never half a character, nothing of a stop string
 * or after it.
 */
final class TextOutput {

  private final Terminal terminal;
  private final boolean silent;
  private final boolean asIds;
  private final boolean held;
  private final Optional<StoppedText> text;
  private final StringBuilder waiting = new StringBuilder();
  private boolean first = true;

  /**
   * Ids are printed instead of text if {@code asIds}, nothing at all if {@code silent}, nothing
   * before {@link #release} if {@code held}.
   */
  TextOutput(
      Terminal terminal,
      boolean silent,
      boolean asIds,
      boolean held,
      Optional<Tokenizer> tokenizer,
      List<String> stops) {
    this.terminal = terminal;
    this.silent = silent;
    this.asIds = asIds;
    this.held = held;
    text = tokenizer.map(t -> new StoppedText(t, stops));
  }

  /** Prints a token; false when nobody wants to read on. */
  boolean accept(int id) {
    text.ifPresent(t -> give(t.push(id)));
    if (asIds) {
      print((first ? "" : " ") + id);
      first = false;
    }
    return !stopped() && !Interrupt.happened() && !terminal.out().checkError();
  }

  /** The end of the text. */
  void end() {
    text.ifPresent(t -> give(t.end()));
    print(System.lineSeparator());
  }

  /** Whether a stop string ended it. */
  boolean stopped() {
    return text.isPresent() && text.get().stopped();
  }

  /** All that was given out, without the last line's end. */
  String text() {
    return text.map(StoppedText::text).orElse("");
  }

  /** Prints what was held. */
  void release() {
    if (!silent) {
      terminal.out().print(waiting);
      terminal.out().flush();
    }
    waiting.setLength(0);
  }

  private void give(String more) {
    if (!asIds) {
      print(more);
    }
  }

  private void print(String s) {
    waiting.append(s);
    if (!held) {
      release();
    }
  }
}
