package org.fastgpt.nd4j;

import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.fastgpt.Engine;
import org.fastgpt.GptConfig;
import org.fastgpt.Session;

/** {@link Gpt2} with its weights: {@code nd4j}, with a KV cache, or {@code nd4j-plain}, without. */
final class Nd4jEngine implements Engine {
  private final GptConfig config;
  private final Weights weights;
  private final boolean cached;
  // Forward passes read; close() writes: memory that a running pass needs is not freed under it.
  private final ReadWriteLock lock = new ReentrantReadWriteLock();
  private boolean closed;

  Nd4jEngine(GptConfig config, Weights weights, boolean cached) {
    this.config = config;
    this.weights = weights;
    this.cached = cached;
  }

  @Override
  public String name() {
    return cached ? Nd4jProvider.NAME : Nd4jProvider.NAME + "-plain";
  }

  @Override
  public GptConfig config() {
    return config;
  }

  Weights weights() {
    return weights;
  }

  @Override
  public Session newSession() {
    return new Nd4jSession(this, cached ? new KvCache(config) : null);
  }

  /** Runs {@code work}, during which the weights stay. */
  void whileOpen(Runnable work) {
    lock.readLock().lock();
    try {
      if (closed) {
        throw new IllegalStateException("engine is closed");
      }
      work.run();
    } finally {
      lock.readLock().unlock();
    }
  }

  @Override
  public void close() {
    lock.writeLock().lock();
    try {
      if (!closed) {
        closed = true;
        weights.close();
      }
    } finally {
      lock.writeLock().unlock();
    }
  }
}
