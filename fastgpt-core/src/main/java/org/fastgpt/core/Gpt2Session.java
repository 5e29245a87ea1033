package org.fastgpt.core;

import org.fastgpt.Forkable;
import org.fastgpt.GptConfig;
import org.fastgpt.Probe;
import org.fastgpt.Session;
import org.fastgpt.model.Model;

/** One sequence: forward passes whose rows are all its own. */
final class Gpt2Session implements Session, Forkable {

  private final Model model;
  private final GptConfig config;
  private final Gpt2 gpt2;
  private final Rows rows = new Rows();
  private KvCache cache;
  private int position;

  Gpt2Session(Model model, Gpt2 gpt2) {
    this.model = model;
    config = model.config();
    this.gpt2 = gpt2;
    cache = new KvCache(config);
  }

  @Override
  public int position() {
    return position;
  }

  @Override
  public float[] forward(int... ids) {
    check(ids);
    try (var _ = model.inUse()) {
      for (int from = 0; from < ids.length; from += Rows.MAX) {
        take(ids, from, ids.length - 1);
      }
      return gpt2.logits(rows);
    }
  }

  @Override
  public void forward(int[] ids, LogitsSink each) {
    check(ids);
    try (var _ = model.inUse()) {
      for (int from = 0; from < ids.length; from += Rows.MAX) {
        int first = position;
        take(ids, from, from);
        gpt2.logits(rows, (row, logits) -> each.accept(first + row, logits));
      }
    }
  }

  /** Takes in the ids at {@code from} and after it, as many as a pass holds. */
  private void take(int[] ids, int from, int firstWanted) {
    rows.clear();
    for (int i = from; i < ids.length && !rows.isFull(); i++) {
      rows.add(ids[i], cache, position + i - from, i >= firstWanted);
    }
    gpt2.forward(rows);
    position += rows.count();
  }

  @Override
  public void rewind(int to) {
    checkOpen();
    GptConfig.checkRewind(to, position);
    position = to;
  }

  @Override
  public Session fork() {
    checkOpen();
    var fork = new Gpt2Session(model, gpt2.another());
    fork.cache = cache.fork(config, position);
    fork.position = position;
    return fork;
  }

  @Override
  public boolean observe(Probe probe) {
    checkOpen();
    gpt2.observe(probe);
    return true;
  }

  private void check(int[] ids) {
    checkOpen();
    config.checkInput(ids, position);
    Warmup.await(config);
  }

  private void checkOpen() {
    if (cache == null) {
      throw new IllegalStateException("session is closed");
    }
  }

  @Override
  public void close() {
    cache = null;
    rows.clear();
  }
}
