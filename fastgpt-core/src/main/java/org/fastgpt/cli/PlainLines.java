package org.fastgpt.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * Lines from a file or a pipe. They are shown on standard error after their prompts, so that both
 * outputs together read as a dialogue. Ctrl-C ends the program.
 */
final class PlainLines implements Lines {

  private final Terminal terminal;
  private final boolean quiet;
  private final BufferedReader in;

  PlainLines(Terminal terminal, boolean quiet) {
    this.terminal = terminal;
    this.quiet = quiet;
    in = new BufferedReader(new InputStreamReader(terminal.in(), StandardCharsets.UTF_8));
  }

  @Override
  public Optional<String> next(String prompt) throws IOException {
    String line = Interrupt.happened() ? null : in.readLine();
    if (line != null && !quiet) {
      terminal.say(prompt + line);
    }
    return Optional.ofNullable(line);
  }

  @Override
  public Watch watch() {
    var interrupt = new Interrupt();
    return new Watch() {
      @Override
      public boolean interrupted() {
        return Interrupt.happened();
      }

      @Override
      public void close() {
        interrupt.close();
      }
    };
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
