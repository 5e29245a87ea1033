package org.fastgpt.download;

import java.io.IOException;
import java.time.Duration;
import java.util.Optional;

/** A failure that may be gone the next time: a busy server, a connection that was cut. */
final class TransientException extends IOException {
  private static final long serialVersionUID = 1L;

  private final Duration retryAfter;

  TransientException(String message) {
    this(message, Optional.empty());
  }

  /** With how long the server wants to be left alone. */
  TransientException(String message, Optional<Duration> retryAfter) {
    super(message);
    this.retryAfter = retryAfter.orElse(null);
  }

  TransientException(String message, IOException cause) {
    super(message, cause);
    this.retryAfter = null;
  }

  Optional<Duration> retryAfter() {
    return Optional.ofNullable(retryAfter);
  }
}
