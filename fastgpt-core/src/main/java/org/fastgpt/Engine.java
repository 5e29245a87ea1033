package org.fastgpt;

/**
 * One GPT-2, loaded. Serves any number of sessions, from any number of threads, at once. Closing it
 * frees the weights; its sessions are then of no more use.
 */
public interface Engine extends AutoCloseable {

  /** The provider's name, with the variant where there are several: {@code core}, {@code djl}. */
  String name();

  GptConfig config();

  /** A new, empty sequence. */
  Session newSession();

  @Override
  void close();
}
