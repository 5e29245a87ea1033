package org.fastgpt.cli;

import java.io.InputStream;
import java.io.PrintStream;

/**
 * Where a command reads and writes: what was asked for goes to {@code out}, everything else to
 * {@code err}.
 *
 * @param interactive whether a person sits at {@code in}
 */
public record Terminal(InputStream in, PrintStream out, PrintStream err, boolean interactive) {

  /** A line beside the text, after all that was written before it. */
  public void say(String line) {
    out.flush();
    err.println(line);
    err.flush();
  }
}
