package org.fastgpt.download;

import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;

/** Closes a stream that gives nothing for too long, so that who reads it gets an error. */
final class Watchdog implements AutoCloseable {
  private final InputStream stream;
  private final Duration limit;
  private final Thread thread;
  private volatile long aliveNanos = System.nanoTime();
  private volatile boolean bitten;

  Watchdog(InputStream stream, Duration limit) {
    this.stream = stream;
    this.limit = limit;
    this.thread = Thread.ofVirtual().start(this::watch);
  }

  /** Something came. */
  void alive() {
    aliveNanos = System.nanoTime();
  }

  /** Whether it was this that closed the stream. */
  boolean bitten() {
    return bitten;
  }

  private void watch() {
    try {
      while (!bitten) {
        long leftNanos = limit.toNanos() - (System.nanoTime() - aliveNanos);
        if (leftNanos > 0) {
          Thread.sleep(Duration.ofNanos(leftNanos));
        } else {
          bitten = true;
          stream.close();
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // closed: nothing is left to watch
    } catch (IOException e) {
      bitten = true; // who reads gets the same error
    }
  }

  @Override
  public void close() {
    thread.interrupt();
  }
}
