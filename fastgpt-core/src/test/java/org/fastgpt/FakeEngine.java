package org.fastgpt;

import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * An engine without a model: the logits are made of the last few ids. It keeps what every session
 * promises, to the bit.
 */
public final class FakeEngine implements Engine {

  private final GptConfig config;
  private final int memory;
  private int sessions;
  private int processed;
  private int passes;

  /** Logits depend on the last {@code memory} ids: with few of them, texts soon repeat. */
  public FakeEngine(int nVocab, int nCtx, int memory) {
    config = GptConfig.gpt2(nVocab, nCtx, 4, 1, 1);
    this.memory = memory;
  }

  /** How many sessions were made. */
  public int sessions() {
    return sessions;
  }

  /** How many ids all of them have processed. */
  public int processed() {
    return processed;
  }

  /** In how many calls. */
  public int passes() {
    return passes;
  }

  @Override
  public String name() {
    return "fake";
  }

  @Override
  public GptConfig config() {
    return config;
  }

  @Override
  public Session newSession() {
    sessions++;
    return new FakeSession();
  }

  @Override
  public void close() {}

  /** In [-8, 0), of text up to {@code end}. */
  private void logits(int[] ids, int end, float[] out) {
    long hash = end < memory ? end : memory;
    for (int i = Math.max(0, end - memory); i < end; i++) {
      hash = hash * 1_000_003 + ids[i];
    }
    var random = new SplittableRandom(hash);
    for (int i = 0; i < out.length; i++) {
      out[i] = (float) (-8 * random.nextDouble());
    }
  }

  private final class FakeSession implements Session {
    private final int[] ids = new int[config.nCtx()];
    private final float[] logits = new float[config.nVocab()];
    private int position;

    @Override
    public int position() {
      return position;
    }

    @Override
    public float[] forward(int... more) {
      forward(more, (_, _) -> {});
      return logits;
    }

    @Override
    public void forward(int[] more, LogitsSink each) {
      config.checkInput(more, position);
      passes++;
      for (int id : more) {
        ids[position++] = id;
        processed++;
        logits(ids, position, logits);
        each.accept(position - 1, logits);
      }
    }

    @Override
    public void rewind(int to) {
      GptConfig.checkRewind(to, position);
      position = to;
      Arrays.fill(ids, to, ids.length, -1);
    }

    @Override
    public void close() {}
  }
}
