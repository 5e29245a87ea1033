package org.fastgpt;

import java.util.Spliterator;
import java.util.function.Consumer;
import org.fastgpt.Generator.Result;
import org.fastgpt.Generator.Stop;

/**
 * A text of a {@link FastGpt} in the making: each piece is made when it is asked for, in a session
 * that lives from the first one to the end. {@link #close} may come from another thread; it waits
 * for the pass that is running.
 */
final class TextGeneration implements Spliterator<String>, AutoCloseable {

  private final FastGpt gpt;
  private final Generator generator;
  private final int[] prompt;
  private final int n;
  private final TextPieces pieces;
  private final StringBuilder ready = new StringBuilder(); // text that is not given out yet
  private Session session; // null: not begun, or ended
  private Generation generation; // null: not begun
  private boolean ended;

  TextGeneration(FastGpt gpt, Generator generator, int[] prompt, int n, TextPieces pieces) {
    this.gpt = gpt;
    this.generator = generator;
    this.prompt = prompt;
    this.n = n;
    this.pieces = pieces;
  }

  /** The next piece of text; none, if that was all. */
  synchronized String next() {
    while (ready.isEmpty() && !ended) {
      if (Thread.currentThread().isInterrupted()) {
        end();
      } else {
        step();
      }
    }
    String piece = ready.toString();
    ready.setLength(0);
    return piece;
  }

  private void step() {
    boolean goesOn = false; // nor if it fails
    try {
      goesOn = gpt.whileOpen(this::pass);
    } finally {
      if (!goesOn) {
        end();
      }
    }
    if (!goesOn) {
      ready.append(pieces.end());
    }
  }

  /** The prompt and the first token, or a later one; false after the last. */
  private boolean pass() {
    if (generation == null) {
      session = gpt.engine().newSession();
      generation = new Generation(generator, session, gpt.engine().config(), prompt, n, this::take);
    }
    if (generation.goesOn()) { // not so if no token is wanted
      generation.advance();
    }
    return generation.goesOn();
  }

  private boolean take(int id) {
    ready.append(pieces.push(id));
    return !pieces.stopped();
  }

  /** Tokens until now, and why there are no more: cancelled, if there could be. */
  synchronized Result result() {
    return generation == null
        ? new Result(new int[0], Stop.CANCELLED, 0)
        : pieces.ended(generation.result());
  }

  /** No more text comes, and the session is free. */
  synchronized void end() {
    ended = true;
    if (session != null) {
      gpt.release(session);
      session = null;
    }
  }

  @Override
  public void close() {
    end();
  }

  @Override
  public boolean tryAdvance(Consumer<? super String> action) {
    String piece = next();
    if (piece.isEmpty()) {
      return false;
    }
    action.accept(piece); // holds no lock: it may close whatever it likes
    return true;
  }

  /** Never: a text has one end at which it grows. */
  @Override
  public Spliterator<String> trySplit() {
    return null;
  }

  @Override
  public long estimateSize() {
    return Long.MAX_VALUE;
  }

  @Override
  public int characteristics() {
    return ORDERED | NONNULL;
  }
}
