package org.fastgpt.model;

/**
 * A model that cannot be used: missing, damaged, hostile, or of a kind that is not supported. The
 * message is one line: which file or tensor, what was found, what was expected, what to do.
 */
public sealed class ModelException extends RuntimeException permits MissingModelException {
  private static final long serialVersionUID = 1L;
  private static final int LONGEST = 1000;

  public ModelException(String message) {
    super(oneLine(message));
  }

  public ModelException(String message, Throwable cause) {
    super(oneLine(message), cause);
  }

  /** Names in a file may hold line ends and a terminal's control characters: none gets through. */
  private static String oneLine(String message) {
    String start = message.length() <= LONGEST ? message : message.substring(0, LONGEST) + "...";
    return start.replaceAll("[\\p{Cc}\\p{Cf}\\u2028\\u2029]+", "?");
  }
}
