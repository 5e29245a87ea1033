package org.fastgpt.download;

import java.io.IOException;
import java.time.Duration;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;

/**
 * How often, and how long after, something is tried again: the wait doubles with every failure in a
 * row, and lies at random between half of that and all of it, so that many who were cut off at once
 * do not come back at once.
 *
 * @param notes hears of every wait, as a line for the user
 */
record Retries(Sleeper sleeper, RandomGenerator random, Consumer<String> notes) {
  /** Failures in a row, without a new byte between them, after which it is given up: a minute. */
  static final int LIMIT = 6;

  private static final Duration FIRST_WAIT = Duration.ofSeconds(1);
  private static final Duration LONGEST_WAIT = Duration.ofSeconds(60);

  /** Nobody wants to look at a command that does nothing for longer. */
  private static final Duration LONGEST_RETRY_AFTER = Duration.ofMinutes(5);

  /** What waits. */
  @FunctionalInterface
  interface Sleeper {
    void sleep(Duration duration) throws InterruptedException;

    /** Waits; an interrupt ends it with an exception. */
    default void sleepOrFail(Duration duration) throws IOException {
      try {
        sleep(duration);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new DownloadException("interrupted", e);
      }
    }
  }

  /** What may fail. */
  @FunctionalInterface
  interface Attempt<T> {
    T run() throws IOException;
  }

  /** Tries until it is done. */
  <T> T run(Attempt<T> attempt) throws IOException {
    var patience = new Patience();
    while (true) {
      try {
        return attempt.run();
      } catch (TransientException e) {
        patience.failed(e);
      }
    }
  }

  /** The failures of one thing to be done. */
  final class Patience {
    private int failures;

    /** It went on: what failed before does not count any more. */
    void progressed() {
      failures = 0;
    }

    /** Waits before the next attempt, or gives up. */
    void failed(TransientException e) throws IOException {
      failures++;
      if (failures >= LIMIT) {
        throw new DownloadException(
            e.getMessage() + " (tried " + failures + " times; the same command goes on later)", e);
      }
      Duration wait = e.retryAfter().orElseGet(this::backoff);
      if (wait.compareTo(LONGEST_RETRY_AFTER) > 0) {
        throw new DownloadException(
            e.getMessage() + "; try again in " + wait.toMinutes() + " minutes", e);
      }
      notes.accept(e.getMessage() + "; trying again in " + seconds(wait) + " s");
      sleeper.sleepOrFail(wait);
    }

    private Duration backoff() {
      long most =
          Math.min(LONGEST_WAIT.toMillis(), FIRST_WAIT.toMillis() << Math.min(failures - 1, 16));
      return Duration.ofMillis(random.nextLong(most / 2, most + 1));
    }

    /** Rounded up. */
    private static long seconds(Duration wait) {
      return wait.plusMillis(999).toSeconds();
    }
  }
}
