package org.fastgpt.core;

import java.util.Arrays;
import org.fastgpt.Batch;
import org.fastgpt.GptConfig;
import org.fastgpt.model.Model;

/** Several sequences: forward passes whose rows belong to all of them. */
final class Gpt2Batch implements Batch {

  private static final int FREE = -1;

  private final Model model;
  private final GptConfig config;
  private final Gpt2 gpt2;
  private final Rows rows = new Rows();
  private final int[] slots = new int[Rows.MAX]; // of the rows
  private final int[] positions; // by slot; FREE where none is
  private KvCache[] caches; // by slot; kept for the sequence that comes next

  Gpt2Batch(Model model, Gpt2 gpt2, int size) {
    this.model = model;
    config = model.config();
    this.gpt2 = gpt2;
    positions = new int[size];
    Arrays.fill(positions, FREE);
    caches = new KvCache[size];
  }

  @Override
  public int add() {
    checkOpen();
    for (int slot = 0; slot < positions.length; slot++) {
      if (positions[slot] == FREE) {
        positions[slot] = 0;
        if (caches[slot] == null) {
          caches[slot] = new KvCache(config);
        }
        return slot;
      }
    }
    throw new IllegalStateException("all " + positions.length + " rows of the batch are in use");
  }

  @Override
  public boolean forks() {
    return true;
  }

  @Override
  public int fork(int slot) {
    int position = position(slot);
    int fork = add();
    caches[fork] = caches[slot].fork(config, position);
    positions[fork] = position;
    return fork;
  }

  @Override
  public int position(int slot) {
    checkOpen();
    if (slot < 0 || slot >= positions.length || positions[slot] == FREE) {
      throw new IllegalArgumentException("the batch has no row " + slot);
    }
    return positions[slot];
  }

  @Override
  public void step(int[] slots, int[][] ids, LogitsSink each) {
    checkOpen();
    Batch.checkStep(this, config, slots, ids);
    Warmup.await(config);
    try (var _ = model.inUse()) {
      rows.clear();
      for (int i = 0; i < slots.length; i++) {
        append(slots[i], ids[i], each);
      }
      forward(each);
    }
  }

  /** Adds the ids to the next pass; each time it is full, it is run. */
  private void append(int slot, int[] ids, LogitsSink each) {
    for (int i = 0; i < ids.length; i++) {
      if (rows.isFull()) {
        forward(each);
        rows.clear();
      }
      slots[rows.count()] = slot;
      rows.add(ids[i], caches[slot], positions[slot]++, i == ids.length - 1);
    }
  }

  private void forward(LogitsSink each) {
    gpt2.forward(rows);
    gpt2.logits(rows, (row, logits) -> each.accept(slots[row], logits));
  }

  @Override
  public void remove(int slot) {
    position(slot); // there must be one
    positions[slot] = FREE;
  }

  private void checkOpen() {
    if (caches == null) {
      throw new IllegalStateException("batch is closed");
    }
  }

  @Override
  public void close() {
    caches = null;
    rows.clear();
  }
}
