package org.fastgpt.cli;

import java.util.concurrent.Callable;

/**
 * A command that another jar on the class path adds to the command line. Found by {@link
 * java.util.ServiceLoader}.
 */
public interface ExtraCommand {

  /** What it is called by. */
  String name();

  /** An object annotated as a picocli command; what it returns is the exit code. */
  Callable<Integer> command(Terminal terminal);
}
