package org.fastgpt.cli;

import java.util.Optional;
import org.fastgpt.Generator;
import org.fastgpt.TextPieces;

/**
 * The new text, as it comes, on standard output: never half a character, nothing of a stop string
 * or after it.
 */
final class TextOutput {

  private final Terminal terminal;
  private final boolean silent;
  private final boolean asIds;
  private final boolean held;
  private final Optional<TextPieces> pieces;
  private final StringBuilder text = new StringBuilder();
  private final StringBuilder waiting = new StringBuilder();
  private boolean first = true;

  /**
   * Ids are printed instead of text if {@code asIds}, nothing at all if {@code silent}, nothing
   * before {@link #release} if {@code held}.
   */
  TextOutput(
      Terminal terminal, boolean silent, boolean asIds, boolean held, Optional<TextPieces> pieces) {
    this.terminal = terminal;
    this.silent = silent;
    this.asIds = asIds;
    this.held = held;
    this.pieces = pieces;
  }

  /** Prints a token; false when nobody wants to read on. */
  boolean accept(int id) {
    pieces.ifPresent(p -> give(p.push(id)));
    if (asIds) {
      print((first ? "" : " ") + id);
      first = false;
    }
    return !stopped() && !Interrupt.happened() && !terminal.out().checkError();
  }

  /** The end of the text, and why it is the end. */
  Generator.Result end(Generator.Result generated) {
    pieces.ifPresent(p -> give(p.end()));
    print(System.lineSeparator());
    return pieces.map(p -> p.ended(generated)).orElse(generated);
  }

  private boolean stopped() {
    return pieces.isPresent() && pieces.get().stopped();
  }

  /** All that was given out, without the last line's end. */
  String text() {
    return text.toString();
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
    text.append(more);
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
