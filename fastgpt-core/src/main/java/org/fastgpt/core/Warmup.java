package org.fastgpt.core;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.fastgpt.GptConfig;
import org.fastgpt.model.StoredTensor.DType;

/**
 * Has the kernels compiled while the program is still loading: code of the Vector API runs some
 * thousand times slower until the compiler has seen it, and whoever calls it meanwhile only waits
 * longer. A thread of its own calls each kernel on small numbers until they are fast.
 *
 * <p>Loops are short here: a method that is called often enough is compiled as a whole, one that
 * loops long enough is compiled from inside its loop first, which would then be thrown away.
 */
final class Warmup {
  private static final int WIDTH = 128;
  private static final int INPUTS = 16;
  private static final int WIDE = 1024; // a matrix whose tiles are copied
  private static final int ROWS = 13; // whole tiles, and one in a copy; others come with use

  /** A round takes some 10 µs when all is compiled, and milliseconds before. */
  private static final long FAST_NANOS = 100_000;

  /** So many in a row, as what is not compiled but short may be fast too. */
  private static final int FAST_ROUNDS = 50;

  /** Rounds after which the compiler knows; from then on it shall have this thread's time. */
  private static final int ROUNDS = 100;

  /** Where nothing compiles, as with -Xint, nobody waits for ever. */
  private static final long ENOUGH_NANOS = 5_000_000_000L;

  /** A smaller model is done before: 20 million parameters. */
  private static final long WORTH_IT = 20_000_000;

  private static final long PAUSE_NANOS = 500_000;

  /** A program that is done before, and had no long prompt, does not need their tiles. */
  private static final long TILES_AFTER_MILLIS = 1000;

  private static final Set<DType> STARTED = EnumSet.noneOf(DType.class);
  private static volatile Thread thread; // the last one; null until started
  private static volatile Thread tiles; // of long prompts; null until started

  private static final CountDownLatch TILES_WANTED = new CountDownLatch(1);

  private static final AtomicLong WAITED_NANOS = new AtomicLong();

  private final Kernels kernels = new VectorKernels();
  private final Scratch scratch = new Scratch();
  private final float[] x = new float[ROWS * WIDTH];
  private final float[] y = new float[ROWS * WIDTH];
  private final float[] b = new float[WIDTH];

  private Warmup() {}

  /**
   * Starts it for weights of that type, if this is the first call for it; returns at once. All but
   * the products of weights is the same for every type, and done with float32, which begins.
   */
  static synchronized void start(DType type) {
    if (STARTED.add(type)) {
      Thread former = thread;
      thread = begin(() -> new Warmup().runAfter(former, type));
      if (tiles == null) {
        Thread first = thread;
        tiles = begin(() -> new Warmup().tilesAfter(first));
      }
    }
  }

  private static Thread begin(Runnable task) {
    return Thread.ofPlatform().daemon().name("fastgpt-warmup").start(task);
  }

  /** Waits until it is done, if it goes on and is worth it for a model of that size. */
  static void await(GptConfig config) {
    await(thread, config);
  }

  /** The same for tiles that only a long prompt needs, those of attention above all. */
  static void awaitTiles(GptConfig config) {
    TILES_WANTED.countDown();
    await(tiles, config);
  }

  private static void await(Thread warmup, GptConfig config) {
    if (warmup == null || !warmup.isAlive() || config.parameters() < WORTH_IT) {
      return;
    }
    long start = System.nanoTime();
    join(warmup);
    WAITED_NANOS.addAndGet(System.nanoTime() - start);
  }

  /** How long {@link #await} has taken, all calls together. */
  static long waitedNanos() {
    return WAITED_NANOS.get();
  }

  private static void join(Thread warmup) {
    try {
      warmup.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // goes on, slowly
    }
  }

  private void runAfter(Thread former, DType type) {
    if (former != null) {
      join(former);
    }
    // Before it has seen a segment on the heap, the compiler takes all for native ones; it throws
    // away what it made of that when a model's reader has the first.
    MemorySegment.ofArray(new byte[1]);
    Matrix weights = new Matrix(Arena.ofAuto().allocate((long) type.bytes() * WIDTH * WIDTH), type);
    untilFast(
        () -> {
          products(weights);
          if (type == DType.F32) {
            others();
          }
        });
  }

  private void untilFast(Runnable calls) {
    long start = System.nanoTime();
    int fast = 0;
    for (int round = 0; fast < FAST_ROUNDS && System.nanoTime() - start < ENOUGH_NANOS; round++) {
      long before = System.nanoTime();
      calls.run();
      fast = System.nanoTime() - before < FAST_NANOS ? fast + 1 : 0;
      if (fast == 0 && round > ROUNDS) {
        LockSupport.parkNanos(PAUSE_NANOS);
      }
    }
  }

  private void products(Matrix w) {
    kernels.linear(x, ROWS, INPUTS, 0, INPUTS, w, y, 0, 64, 0, 64, scratch);
    kernels.linearTransposed(x, 1, WIDTH, w, y, 4, 0, 4, scratch);
    kernels.linear(x, 1, INPUTS, 0, INPUTS, w, y, 0, WIDTH, 0, WIDTH, scratch);
  }

  private void others() {
    kernels.layerNorm(x, b, b, 1, y, 0, WIDTH, scratch);
    kernels.scores(x, 0, INPUTS, 1, x, 0, INPUTS, 1, y, 0, Kernels.LANES);
    kernels.mix(x, 0, INPUTS, 1, INPUTS, x, 0, 64, y, 0, 64);
    kernels.softmax(y, 0, Kernels.LANES + 1, scratch);
    kernels.gelu(y, 0, WIDTH, scratch);
    kernels.add(x, 0, y, 0, WIDTH);
  }

  private void tilesAfter(Thread first) {
    join(first);
    try {
      boolean _ = TILES_WANTED.await(TILES_AFTER_MILLIS, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      return; // nobody does
    }
    Matrix wide = new Matrix(Arena.ofAuto().allocate(4L * INPUTS * WIDE), DType.F32);
    float[] many = new float[VectorLinear.MANY_ROWS * WIDE];
    untilFast(
        () -> {
          int rows = VectorLinear.MANY_ROWS;
          kernels.linear(x, rows, INPUTS, 0, INPUTS, wide, many, 0, WIDE, 0, 64, scratch);
          for (int i = 0; i < 8; i++) { // else fast before they are compiled
            kernels.scores(x, 0, INPUTS, Rows.TILE, x, 0, INPUTS, 1, y, 0, Kernels.LANES);
            kernels.mix(x, 0, INPUTS, Rows.TILE, INPUTS, x, 0, 64, y, 0, 64);
          }
        });
  }
}
