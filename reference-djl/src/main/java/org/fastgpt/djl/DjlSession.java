package org.fastgpt.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import java.nio.FloatBuffer;
import java.util.List;
import org.fastgpt.GptConfig;
import org.fastgpt.Probe;
import org.fastgpt.Session;
import org.fastgpt.djl.DjlEngine.Wanted;

/** One sequence in PyTorch: a batch of one row without padding. */
final class DjlSession implements Session {
  private static final int[] NO_PADDING = {0};

  private final DjlEngine engine;
  private final List<String> names;
  private final float[] logits;
  private final KvCache cache;
  private Probe probe;
  private boolean closed;

  DjlSession(DjlEngine engine) {
    this.engine = engine;
    this.names = Probe.names(engine.config().nLayer());
    this.logits = new float[engine.config().nVocab()];
    this.cache = new KvCache(engine);
  }

  @Override
  public int position() {
    return cache.length();
  }

  @Override
  public float[] forward(int... ids) {
    run(ids, Wanted.LAST_LOGITS, (_, _) -> {});
    return logits;
  }

  @Override
  public void forward(int[] ids, LogitsSink each) {
    run(ids, Wanted.ALL_LOGITS, each);
  }

  /** Runs the module over {@code ids}; leaves the last row that it gives in {@code logits}. */
  private void run(int[] ids, Wanted wanted, LogitsSink each) {
    requireOpen();
    int position = position();
    engine.config().checkInput(ids, position);
    try (NDManager step = engine.newManager()) {
      NDList output =
          cache.append(
              probe == null ? wanted : Wanted.ALL_LOGITS_AND_ACTIVATIONS,
              new int[][] {ids},
              NO_PADDING,
              step);
      show(output.subList(1, output.size()), position);
      FloatBuffer rows = floats(output.get(0)); // [1, T or 1, V]
      int count = rows.capacity() / logits.length;
      int first = wanted == Wanted.LAST_LOGITS ? count - 1 : 0;
      for (int t = first; t < count; t++) {
        rows.get(t * logits.length, logits);
        each.accept(position + t, logits);
      }
    }
  }

  /** The values where they lie in native memory: valid until the array is closed. */
  private static FloatBuffer floats(NDArray array) {
    return array.toByteBuffer(true).asFloatBuffer();
  }

  private void show(List<NDArray> activations, int position) {
    for (int i = 0; i < activations.size(); i++) {
      NDArray x = activations.get(i); // [1, T, width], of softmax [1, H, T, S]
      long[] shape = x.getShape().getShape();
      int[] withoutBatch = new int[shape.length - 1];
      for (int d = 0; d < withoutBatch.length; d++) {
        withoutBatch[d] = (int) shape[d + 1];
      }
      probe.see(names.get(i), position, withoutBatch, x.toFloatArray());
    }
  }

  @Override
  public void rewind(int position) {
    requireOpen();
    GptConfig.checkRewind(position, position());
    cache.truncate(position);
  }

  @Override
  public boolean observe(Probe probe) {
    requireOpen();
    if (engine.showsActivations()) {
      this.probe = probe;
    }
    return engine.showsActivations();
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("session is closed");
    }
  }

  @Override
  public void close() {
    closed = true;
    cache.close();
  }
}
