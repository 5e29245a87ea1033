package org.fastgpt;

import java.util.Arrays;
import java.util.function.Supplier;

/** A batch by an engine that has none: a session for each row, one after the other. */
final class SessionBatch implements Batch {

  private final Engine engine;
  private Session[] sessions; // by slot; null where it is free
  private final int[][] ids; // by slot: what it holds, to be processed again where it cannot fork

  SessionBatch(Engine engine, int rows) {
    this.engine = engine;
    sessions = new Session[rows];
    ids = new int[rows][];
  }

  @Override
  public int add() {
    return open(new int[0], engine::newSession);
  }

  @Override
  public boolean forks() {
    return true;
  }

  @Override
  public int fork(int slot) {
    Session session = session(slot);
    return open(
        ids[slot],
        session instanceof Forkable forkable ? forkable::fork : () -> sessionWith(ids[slot]));
  }

  private int open(int[] held, Supplier<Session> session) {
    checkOpen();
    for (int slot = 0; slot < sessions.length; slot++) {
      if (sessions[slot] == null) {
        sessions[slot] = session.get();
        ids[slot] = held;
        return slot;
      }
    }
    throw new IllegalStateException("all " + sessions.length + " rows of the batch are in use");
  }

  private Session sessionWith(int[] held) {
    Session session = engine.newSession();
    if (held.length > 0) {
      session.forward(held);
    }
    return session;
  }

  @Override
  public int position(int slot) {
    return session(slot).position();
  }

  @Override
  public void step(int[] slots, int[][] ids, LogitsSink each) {
    checkOpen();
    Batch.checkStep(this, engine.config(), slots, ids);
    for (int i = 0; i < slots.length; i++) {
      float[] logits = session(slots[i]).forward(ids[i]);
      append(slots[i], ids[i]);
      each.accept(slots[i], logits);
    }
  }

  private void append(int slot, int[] more) {
    int[] all = Arrays.copyOf(ids[slot], ids[slot].length + more.length);
    System.arraycopy(more, 0, all, ids[slot].length, more.length);
    ids[slot] = all;
  }

  @Override
  public void remove(int slot) {
    session(slot).close();
    sessions[slot] = null;
  }

  private Session session(int slot) {
    checkOpen();
    if (slot < 0 || slot >= sessions.length || sessions[slot] == null) {
      throw new IllegalArgumentException("the batch has no row " + slot);
    }
    return sessions[slot];
  }

  private void checkOpen() {
    if (sessions == null) {
      throw new IllegalStateException("batch is closed");
    }
  }

  @Override
  public void close() {
    if (sessions == null) {
      return;
    }
    for (Session session : sessions) {
      if (session != null) {
        session.close();
      }
    }
    sessions = null;
  }
}
