package org.fastgpt.model;

/** Hears how far a long job is, so that it can be shown. */
@FunctionalInterface
public interface Progress {

  /** For a job that nobody watches. */
  Progress NONE = (_, _) -> {};

  /**
   * Called now and then, by one thread at a time, with {@code doneBytes} rising to the total; it
   * falls if something has to be done again.
   */
  void update(long doneBytes, long totalBytes);
}
