package org.fastgpt.model;

/** There is no model of a name; it may be one that can be downloaded. */
public final class MissingModelException extends ModelException {
  private static final long serialVersionUID = 1L;

  private final String name;

  MissingModelException(String name, String message) {
    super(message);
    this.name = name;
  }

  /** What was asked for. */
  public String name() {
    return name;
  }
}
