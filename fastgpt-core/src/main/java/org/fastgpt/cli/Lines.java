package org.fastgpt.cli;

import java.io.IOException;
import java.util.Optional;

/** The lines that a user types, or a script sends. */
interface Lines extends AutoCloseable {

  /** The next line, asked for by {@code prompt}; none: the user wants no more. */
  Optional<String> next(String prompt) throws IOException;

  /** Until it is closed, Ctrl-C interrupts the work in hand. */
  Watch watch();

  @Override
  void close() throws IOException;

  /** Looks out for Ctrl-C. */
  interface Watch extends AutoCloseable {
    boolean interrupted();

    @Override
    void close();
  }
}
