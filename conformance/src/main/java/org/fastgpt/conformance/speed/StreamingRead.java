package org.fastgpt.conformance.speed;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * How fast some threads together read memory from front to back: the roof of a decode step, which
 * reads every weight once.
 */
final class StreamingRead {
  private StreamingRead() {}

  private static final int WARM_UP = 3;
  private static final int PASSES = 7;
  private static final int CHUNK = 1 << 16; // longs; so that the loop is compiled at its entry

  /**
   * Longs of a cache line, of which one is read: memory comes by whole lines. Not a constant: a
   * loop of constant step is unrolled, asks for the lines in another order than they lie in, and
   * reads some machines' memory a third slower.
   */
  private static int line = 8;

  /**
   * The median of some passes.
   *
   * @param bytes how much is read in a pass; more than the caches hold, or they are measured
   */
  static double bytesPerSecond(int threads, long bytes) {
    int longs = Math.toIntExact(bytes / Long.BYTES / threads) / line * line;
    try (ExecutorService pool = Executors.newFixedThreadPool(threads)) {
      // Each thread fills its part, so that the memory lies near it.
      List<Callable<long[]>> fills = new ArrayList<>();
      for (int thread = 0; thread < threads; thread++) {
        fills.add(() -> filled(longs));
      }
      List<long[]> parts = all(pool, fills);
      List<Callable<Long>> sums = new ArrayList<>();
      parts.forEach(part -> sums.add(() -> sum(part)));
      double[] seconds = new double[WARM_UP + PASSES];
      for (int pass = 0; pass < seconds.length; pass++) {
        long start = System.nanoTime();
        List<Long> results = all(pool, sums);
        seconds[pass] = (System.nanoTime() - start) / 1e9;
        requireSums(results, longs);
      }
      double[] measured = Arrays.copyOfRange(seconds, WARM_UP, seconds.length);
      return (double) longs * Long.BYTES * threads / Figure.of(measured).median();
    }
  }

  private static long[] filled(int longs) {
    long[] part = new long[longs];
    Arrays.fill(part, 1);
    return part;
  }

  private static long sum(long[] part) {
    long sum = 0;
    for (int from = 0; from < part.length; from += CHUNK) {
      sum += sum(part, from, Math.min(part.length, from + CHUNK));
    }
    return sum;
  }

  private static long sum(long[] part, int from, int to) {
    long sum = 0;
    int step = line;
    for (int i = from; i < to; i += step) {
      sum += part[i];
    }
    return sum;
  }

  /** The sums are used, so that no compiler leaves the reading out. */
  private static void requireSums(List<Long> sums, int longs) {
    for (long sum : sums) {
      if (sum != longs / line) {
        throw new IllegalStateException("memory holds what was not written to it");
      }
    }
  }

  private static <T> List<T> all(ExecutorService pool, List<Callable<T>> work) {
    var results = new ArrayList<T>();
    try {
      for (Future<T> result : pool.invokeAll(work)) {
        results.add(result.get());
      }
      return results;
    } catch (InterruptedException | ExecutionException e) {
      throw new IllegalStateException("reading memory failed: " + e, e);
    }
  }
}
