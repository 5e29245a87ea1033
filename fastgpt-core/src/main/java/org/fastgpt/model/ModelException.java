package org.fastgpt.model;

/**
 * A model that cannot be used: missing, damaged, hostile, or of a kind that is not supported. The
 * message is one line: which file or tensor, what was found, what was expected, what to do.
 */
public final class ModelException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public ModelException(String message) {
    super(message);
  }

  public ModelException(String message, Throwable cause) {
    super(message, cause);
  }
}
