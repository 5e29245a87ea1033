package org.fastgpt.nd4j;

import static org.nd4j.linalg.indexing.NDArrayIndex.all;
import static org.nd4j.linalg.indexing.NDArrayIndex.interval;

import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;
import org.fastgpt.GptConfig;
import org.fastgpt.Probe;
import org.fastgpt.Session;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.memory.conf.WorkspaceConfiguration;
import org.nd4j.linalg.api.memory.enums.AllocationPolicy;
import org.nd4j.linalg.api.memory.enums.LearningPolicy;
import org.nd4j.linalg.api.memory.enums.ResetPolicy;
import org.nd4j.linalg.api.memory.enums.SpillPolicy;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * One sequence. With a cache, new tokens alone are computed, at most {@value #CHUNK} at a time, so
 * that scratch memory does not grow with the prompt; in the plain form all tokens so far are
 * computed at once, at every call.
 *
 * <p>All arrays of a forward pass lie in a workspace of the session, which is used again by the
 * next pass: without it native memory grows by all that was ever computed, until the garbage
 * collector happens to run.
 */
final class Nd4jSession implements Session {
  private static final int CHUNK = 128;
  private static final AtomicLong SESSIONS = new AtomicLong();
  private static final WorkspaceConfiguration SCRATCH =
      WorkspaceConfiguration.builder()
          .policyAllocation(AllocationPolicy.OVERALLOCATE)
          .overallocationLimit(0.25) // a longer sequence does not mean a new block at every token
          .policyLearning(LearningPolicy.FIRST_LOOP)
          .policySpill(SpillPolicy.REALLOCATE)
          .policyReset(ResetPolicy.BLOCK_LEFT)
          .build();

  private final Nd4jEngine engine;
  private final GptConfig config;
  private final KvCache cache; // null in the plain form
  private final int[] ids; // [n_ctx], of which the first `position` are taken in
  private final MemoryWorkspace scratch;
  private Probe probe;
  private int position;
  private boolean closed;

  Nd4jSession(Nd4jEngine engine, KvCache cache) {
    this.engine = engine;
    this.config = engine.config();
    this.cache = cache;
    this.ids = new int[config.nCtx()];
    // The name must differ: ND4J keeps one workspace per name and thread.
    this.scratch =
        Nd4j.getWorkspaceManager()
            .createNewWorkspace(SCRATCH, "fastgpt-" + SESSIONS.incrementAndGet());
  }

  @Override
  public int position() {
    return position;
  }

  @Override
  public float[] forward(int... newIds) {
    float[][] last = new float[1][];
    run(newIds, true, (_, logits) -> last[0] = logits);
    return last[0];
  }

  @Override
  public void forward(int[] newIds, LogitsSink each) {
    run(newIds, false, each);
  }

  private void run(int[] newIds, boolean lastOnly, LogitsSink sink) {
    requireOpen();
    config.checkInput(newIds, position);
    engine.whileOpen(
        () -> {
          System.arraycopy(newIds, 0, ids, position, newIds.length);
          int end = position + newIds.length;
          int step = cache == null ? newIds.length : CHUNK;
          for (int past = position; past < end; past += step) {
            pass(past, Math.min(past + step, end), lastOnly, sink);
          }
          position = end;
        });
  }

  /** Computes positions [past, end) and hands over the logits, those of the last one at least. */
  private void pass(int past, int end, boolean lastOnly, LogitsSink sink) {
    int from = cache == null ? 0 : past;
    int[] inputs = Arrays.copyOfRange(ids, from, end);
    Watch watch = probe == null ? Watch.NONE : (name, x) -> show(name, past, end - past, x);
    try (MemoryWorkspace _ = scratch.notifyScopeEntered()) {
      if (cache != null) {
        cache.past(past);
      }
      boolean oneRow = lastOnly && probe == null;
      INDArray logits = Gpt2.gpt2(inputs, engine.weights(), cache, oneRow, watch);
      long rows = logits.rows();
      for (int p = lastOnly ? end - 1 : past; p < end; p++) {
        sink.accept(p, floats(logits.getRow(rows - end + p)));
      }
    }
  }

  /** Shows the last {@code rows} rows: in the plain form those before are not new. */
  private INDArray show(String name, int past, int rows, INDArray x) {
    long n = x.size(-2);
    INDArray fresh =
        x.rank() == 2
            ? x.get(interval(n - rows, n), all())
            : x.get(all(), interval(n - rows, n), all());
    int[] shape = Arrays.stream(fresh.shape()).mapToInt(Math::toIntExact).toArray();
    probe.see(name, past, shape, floats(fresh));
    return x;
  }

  private static float[] floats(INDArray x) {
    var floats = new float[Math.toIntExact(x.length())];
    x.dup('c').data().asNioFloat().get(floats);
    return floats;
  }

  @Override
  public void rewind(int to) {
    requireOpen();
    GptConfig.checkRewind(to, position);
    position = to;
  }

  @Override
  public boolean observe(Probe newProbe) {
    requireOpen();
    probe = newProbe;
    return true;
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("session is closed");
    }
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      scratch.destroyWorkspace(true);
      if (cache != null) {
        cache.close();
      }
    }
  }
}
