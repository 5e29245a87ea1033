package org.fastgpt.core;

import java.util.Arrays;
import org.fastgpt.core.Weights.Linear;

/**
 * y = x W + b by all workers. The sum over the inputs is cut into blocks of {@link Kernels#BLOCK},
 * which are added in order, whoever computed them: see {@link Kernels}.
 */
final class LinearLayer {

  /** Up to so many rows, the time goes into reading W. */
  private static final int FEW_ROWS = 32;

  private final Kernels kernels;
  private final Workers workers;
  private final Scratch[] scratch; // of the workers
  private final Blocks blocks = new Blocks();
  private final Fold fold = new Fold();
  private final Columns columns = new Columns();
  private float[] x; // [rows, in]
  private Linear layer;
  private float[] y; // [rows, out]
  private int rows;

  LinearLayer(Kernels kernels, Workers workers, Scratch[] scratch) {
    this.kernels = kernels;
    this.workers = workers;
    this.scratch = scratch;
  }

  /** {@code x [rows, in] -> y [rows, out]}. */
  void run(float[] x, Linear layer, float[] y, int rows) {
    this.x = x;
    this.layer = layer;
    this.y = y;
    this.rows = rows;
    for (int t = 0; t < rows; t++) {
      System.arraycopy(layer.b(), 0, y, t * layer.out(), layer.out());
    }
    if (workers.count() > 1 && rows <= FEW_ROWS) {
      blocks.run();
    } else {
      columns.run();
    }
  }

  private int count() {
    int block = kernels.block(layer.in());
    return (layer.in() + block - 1) / block;
  }

  private void block(int i, float[] sums, int at, int from, int to, int worker) {
    int k = i * kernels.block(layer.in());
    int kEnd = Math.min(k + kernels.block(layer.in()), layer.in());
    kernels.linear(
        x, rows, layer.in(), k, kEnd, layer.w(), sums, at, layer.out(), from, to, scratch[worker]);
  }

  /**
   * Few rows: a chunk is a block of inputs, so that each thread reads W front to back. Each block
   * has sums of its own, which are added up afterwards.
   */
  private final class Blocks implements Workers.Section {
    private float[] sums = new float[0]; // [blocks, rows, out]
    private int strips; // a block is cut further where there are more threads than blocks
    private int width;

    void run() {
      int size = rows * layer.out();
      if (sums.length < count() * size) {
        sums = new float[count() * size];
      }
      strips = (2 * workers.count() + count() - 1) / count();
      width = wholeLanes(layer.out(), strips);
      workers.run(this, count() * strips);
      workers.run(fold, rows);
    }

    @Override
    public void run(int chunk, int worker) {
      int block = chunk / strips;
      int from = Math.min(chunk % strips * width, layer.out());
      int to = Math.min(from + width, layer.out());
      int at = block * rows * layer.out();
      for (int t = 0; t < rows; t++) {
        int row = at + t * layer.out();
        Arrays.fill(sums, row + from, row + to, -0f); // -0 + s is s, for every s, also for -0
      }
      block(block, sums, at, from, to, worker);
    }
  }

  /** Adds the blocks' sums of a row. */
  private final class Fold implements Workers.Section {
    @Override
    public void run(int t, int worker) {
      int out = layer.out();
      for (int block = 0; block < count(); block++) {
        kernels.add(y, t * out, blocks.sums, (block * rows + t) * out, out);
      }
    }
  }

  /** Many rows, or one thread: a chunk is a strip of output columns, with all blocks. */
  private final class Columns implements Workers.Section {
    private int width;

    void run() {
      // Two strips a thread, so that a slow thread leaves work to the others.
      width = wholeLanes(layer.out(), workers.count() == 1 ? 1 : 2 * workers.count());
      workers.run(this, (layer.out() + width - 1) / width);
    }

    @Override
    public void run(int chunk, int worker) {
      int from = chunk * width;
      int to = Math.min(from + width, layer.out());
      for (int i = 0; i < count(); i++) {
        block(i, y, 0, from, to, worker);
      }
    }
  }

  /** The width of strips when {@code n} columns are cut into so many, in whole lanes. */
  static int wholeLanes(int n, int strips) {
    int width = (n + strips - 1) / strips;
    return (width + Kernels.LANES - 1) / Kernels.LANES * Kernels.LANES;
  }
}
