package org.fastgpt;

/** What a {@link Session} also is if it can be continued in several ways at little cost. */
public interface Forkable {

  /**
   * A second session that holds the same sequence; from here on each goes its own way.
   *
   * @throws IllegalStateException the session is closed
   */
  Session fork();
}
