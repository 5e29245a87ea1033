package org.fastgpt;

/** A batch by an engine that has none: a session for each row, one after the other. */
final class SessionBatch implements Batch {

  private final Engine engine;
  private Session[] sessions; // by slot; null where it is free

  SessionBatch(Engine engine, int rows) {
    this.engine = engine;
    sessions = new Session[rows];
  }

  @Override
  public int add() {
    checkOpen();
    for (int slot = 0; slot < sessions.length; slot++) {
      if (sessions[slot] == null) {
        sessions[slot] = engine.newSession();
        return slot;
      }
    }
    throw new IllegalStateException("all " + sessions.length + " rows of the batch are in use");
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
      each.accept(slots[i], session(slots[i]).forward(ids[i]));
    }
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
