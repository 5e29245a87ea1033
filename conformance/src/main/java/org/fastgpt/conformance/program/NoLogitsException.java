package org.fastgpt.conformance.program;

/**
 * The engine continues prompts but shows no logits, so it has no sessions. What needs them is not
 * observed: neither kept nor broken.
 */
public final class NoLogitsException extends UnsupportedOperationException {
  private static final long serialVersionUID = 1L;

  NoLogitsException(String engine) {
    super(engine + ": shows no logits, it only generates ids");
  }
}
