package org.fastgpt.core;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * A few threads for parallel sections of some microseconds, hundreds per token. A section is cut
 * into chunks; the caller and the workers take one after the other until none is left. So a worker
 * that is slow to come, or has lost its core to another program, holds nobody up. Nothing is
 * allocated per section.
 */
final class Workers implements AutoCloseable {

  /** One parallel section. Chunks may run in any order, at once, by any worker. */
  interface Section {
    /**
     * Does one chunk.
     *
     * @param chunk which part of the work, from 0
     * @param worker who does it, in [0, threads): an index for scratch memory
     */
    void run(int chunk, int worker);
  }

  // The state of the current section in one word, so that taking a chunk is one compare-and-set
  // that fails if the section is over: next chunk (20 bits), number of chunks (20), epoch (24).
  private static final int BITS = 20;
  private static final long MASK = (1L << BITS) - 1;

  /** How often a worker looks for work before it sleeps: some 50 µs, longer than a serial part. */
  private static final int SPINS = 2_000;

  private final AtomicLong state = new AtomicLong();
  private final AtomicInteger unfinished = new AtomicInteger();
  private final AtomicBoolean busy = new AtomicBoolean();
  private final Thread[] threads;
  private final AtomicInteger asleep = new AtomicInteger();
  private volatile Section section;
  private volatile Throwable failure;
  private volatile boolean closed;

  /** {@code count} threads in all: the caller of {@link #run} and count - 1 others. */
  Workers(int count) {
    threads = new Thread[count - 1];
    for (int i = 0; i < threads.length; i++) {
      int worker = i + 1;
      threads[i] =
          Thread.ofPlatform().daemon().name("fastgpt-worker-" + worker).start(() -> serve(worker));
    }
  }

  /** Number of threads that may run a section, the caller included. */
  int count() {
    return threads.length + 1;
  }

  /**
   * Runs all chunks and returns when they are done. If another session has the workers just now,
   * the caller does its section alone.
   */
  @SuppressWarnings(
      "ThreadPriorityCheck") // yield: the worker with the last chunk may need this core
  void run(Section work, int chunks) {
    assert chunks <= MASK;
    if (chunks == 1 || threads.length == 0 || !busy.compareAndSet(false, true)) {
      for (int chunk = 0; chunk < chunks; chunk++) {
        work.run(chunk, 0);
      }
      return;
    }
    try {
      section = work;
      unfinished.set(chunks);
      long epoch = (state.get() >>> (2 * BITS)) + 1;
      state.set(epoch << (2 * BITS) | (long) chunks << BITS);
      if (asleep.get() > 0) {
        for (Thread thread : threads) {
          LockSupport.unpark(thread);
        }
      }
      takeChunks(0);
      for (int spins = 0; unfinished.get() > 0; spins++) {
        if (spins < SPINS) {
          Thread.onSpinWait();
        } else {
          Thread.yield();
        }
      }
      rethrow();
    } finally {
      busy.set(false);
    }
  }

  private void takeChunks(int worker) {
    while (true) {
      long s = state.get();
      long chunk = s & MASK;
      if (chunk >= (s >>> BITS & MASK)) {
        return;
      }
      Section work = section;
      // If this succeeds, chunk was open until now, so the section is not over, and work is its.
      if (state.compareAndSet(s, s + 1)) {
        try {
          work.run((int) chunk, worker);
        } catch (Throwable e) { // a section must end, whatever happens in it
          failure = e;
        } finally {
          unfinished.getAndDecrement();
        }
      }
    }
  }

  private void rethrow() {
    Throwable e = failure;
    failure = null;
    if (e instanceof RuntimeException r) {
      throw r;
    }
    if (e instanceof Error r) {
      throw r;
    }
  }

  private boolean hasChunks() {
    long s = state.get();
    return (s & MASK) < (s >>> BITS & MASK);
  }

  private void serve(int worker) {
    while (!closed) {
      takeChunks(worker);
      int spins = 0;
      while (!hasChunks() && spins++ < SPINS) {
        Thread.onSpinWait();
      }
      if (spins > SPINS) {
        asleep.getAndIncrement();
        // A section opened before the increment is seen here; one opened after it wakes us.
        if (!hasChunks() && !closed) {
          LockSupport.park(this);
        }
        asleep.getAndDecrement();
      }
    }
  }

  /** Ends the threads. A later {@link #run} does the work in the caller alone. */
  @Override
  public void close() {
    closed = true;
    for (Thread thread : threads) {
      LockSupport.unpark(thread);
    }
  }
}
