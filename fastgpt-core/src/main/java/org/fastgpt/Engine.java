package org.fastgpt;

import java.util.Set;

/**
 * One GPT-2, loaded. Serves any number of sessions, from any number of threads, at once. Closing it
 * frees the weights; its sessions are then of no more use, but to be closed. What an engine can do
 * beyond sessions, it says by implementing {@link Batching}, {@link TextCodec}, {@link
 * ParameterView} or {@link BatchGenerator}.
 */
public interface Engine extends AutoCloseable {

  /** The provider's name, with the variant where there are several: {@code core}, {@code djl}. */
  String name();

  GptConfig config();

  /** A new, empty sequence. */
  Session newSession();

  /** What this engine promises beyond what all do. */
  default Set<Promise> promises() {
    return Set.of();
  }

  @Override
  void close();
}
