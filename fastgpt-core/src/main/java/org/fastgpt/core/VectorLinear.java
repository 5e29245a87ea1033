package org.fastgpt.core;

import static org.fastgpt.core.Simd.MEMORY;
import static org.fastgpt.core.Simd.addTo;
import static org.fastgpt.core.Simd.load;
import static org.fastgpt.core.Simd.store;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;
import org.fastgpt.model.StoredTensor.DType;

/**
 * The matrix products of {@link VectorKernels}.
 *
 * <p>What counts is the order in which W is read. A processor reaches the bandwidth of its memory
 * only where addresses rise without a gap: then the next lines are fetched before they are asked
 * for. So one row of x takes W row by row, with its sums in the first-level cache; several rows
 * take tiles of 6 rows by 2 vectors, whose sums stay in registers, on a block of W that was touched
 * in order just before, and so lies in the second-level cache. (The compiler is slow: a prompt
 * finds the tile of 6 compiled, see {@link Warmup}, so what is left over takes no other; those of
 * 2, 4 and 8 are for batches and beams, whose steps are many.) If the rows of W are 4096 bytes
 * apart, or a multiple of that, those of a tile push each other out of the first-level cache; then
 * many rows of x get a copy of the tile in one piece.
 */
final class VectorLinear {
  private static final VectorSpecies<Float> S = Simd.S;
  private static final int W = S.length();

  private static final int TILE_ROWS = 6;
  private static final int TILE_COLUMNS = 2 * W;
  private static final int CACHE_LINE = 64;

  /** Bytes after which addresses begin to share places in a first-level cache. */
  private static final int CACHE_WAY = 4096;

  /** Rows of x from which on a copy of W's tile pays. */
  static final int MANY_ROWS = 24;

  /** What makes an address one that needs no check: the compiler sees that it is not too large. */
  private static final long ADDRESSES = Long.MAX_VALUE >> 1;

  private VectorLinear() {}

  /** {@link Kernels#linear} for several rows. */
  static void rows(
      float[] x,
      int rows,
      int in,
      int k,
      int kEnd,
      Matrix w,
      float[] y,
      int yAt,
      int out,
      int from,
      int to,
      Scratch scratch) {
    long at = w.address() + 4 * ((long) k * out + from);
    long stride = 4L * out;
    int whole = from + (to - from) / TILE_COLUMNS * TILE_COLUMNS;
    if (w.isFloat32()) {
      scratch.touched = touch(at, kEnd - k, stride, 4L * (whole - from));
    } else {
      MemorySegment block = scratch.memory(4L * (kEnd - k) * (to - from));
      at = block.address();
      stride = 4L * (to - from);
      for (int i = k; i < kEnd; i++) {
        widen(w, (long) i * out + from, to - from, block, (i - k) * stride, scratch);
      }
    }
    boolean copies = rows >= MANY_ROWS && stride % CACHE_WAY == 0;
    long tile = copies ? scratch.tile(4L * (kEnd - k) * TILE_COLUMNS).address() : 0;
    for (int o = from; o < whole; o += TILE_COLUMNS) {
      long column = at + 4L * (o - from);
      if (copies) {
        copy(column, kEnd - k, stride, tile);
        column = tile;
      }
      long step = copies ? 4L * TILE_COLUMNS : stride;
      column(x, rows, in, k, kEnd, column, step, y, yAt + o, out, scratch.sums);
    }
    for (int t = 0; t < rows && whole < to; t++) {
      row(x, t * in, k, kEnd, w, y, yAt + t * out, out, whole, to, scratch);
    }
  }

  /** Reads one word of each cache line, in order. Returns anything. */
  static int touch(long at, int rows, long stride, long width) {
    int any = 0;
    for (int i = 0; i < rows; i++) {
      any ^= touch(at + i * stride, (int) (width / CACHE_LINE));
    }
    return any;
  }

  /**
   * Eight lines a round, without checks: the fewer instructions to a line, the more lines a
   * processor asks for at once.
   */
  private static int touch(long at, int lines) {
    int any = 0;
    int j = 0;
    for (int step = 8 * Simd.one; j + 8 <= lines; j += step) {
      long line = (at + (long) j * CACHE_LINE) & ADDRESSES;
      any ^=
          MEMORY.get(Matrix.HALF, line)
              ^ MEMORY.get(Matrix.HALF, line + CACHE_LINE)
              ^ MEMORY.get(Matrix.HALF, line + 2 * CACHE_LINE)
              ^ MEMORY.get(Matrix.HALF, line + 3 * CACHE_LINE)
              ^ MEMORY.get(Matrix.HALF, line + 4 * CACHE_LINE)
              ^ MEMORY.get(Matrix.HALF, line + 5 * CACHE_LINE)
              ^ MEMORY.get(Matrix.HALF, line + 6 * CACHE_LINE)
              ^ MEMORY.get(Matrix.HALF, line + 7 * CACHE_LINE);
    }
    for (; j < lines; j++) {
      any ^= MEMORY.get(Matrix.HALF, at + (long) j * CACHE_LINE);
    }
    return any;
  }

  /** Two vectors of each of {@code n} rows of W, side by side to address {@code to}. */
  private static void copy(long at, int n, long stride, long to) {
    for (int i = 0; i < n; i++) {
      store(load(at + i * stride), to + 4L * i * TILE_COLUMNS);
      store(load(at + i * stride + 4L * W), to + 4L * i * TILE_COLUMNS + 4L * W);
    }
  }

  /** Two vectors of columns. */
  private static void column(
      float[] x,
      int rows,
      int in,
      int k,
      int kEnd,
      long at,
      long stride,
      float[] y,
      int yAt,
      int out,
      float[] sums) {
    int n = kEnd - k;
    boolean steps = rows == 4 || rows == 8 || rows == 16; // as batches and beams have them
    int t = 0;
    for (; steps && t + 8 <= rows && Simd.MANY_REGISTERS; t += 8) {
      tile8(x, t * in + k, in, n, at, stride, sums);
      add(sums, y, yAt + t * out, out);
    }
    for (; t + TILE_ROWS <= rows && rows != 8; t += TILE_ROWS) { // 8 is better as 4 and 4
      tile6(x, t * in + k, in, TILE_ROWS, n, at, stride, y, yAt + t * out, out);
    }
    for (; steps && t + 4 <= rows; t += 4) {
      tile4(x, t * in + k, in, 4, n, at, stride, y, yAt + t * out, out);
    }
    int left = rows - t;
    if (rows == 2) {
      tile2(x, k, in, n, at, stride, y, yAt, out);
    } else if (left > 0) { // in a copy, which has room for the tile, whatever is in the rest of it
      move(left, y, yAt + t * out, out, sums, 0, TILE_COLUMNS);
      if (rows < 4) {
        tile4(x, k, in, left, n, at, stride, sums, 0, TILE_COLUMNS);
      } else {
        tile6(x, t * in + k, in, left, n, at, stride, sums, 0, TILE_COLUMNS);
      }
      move(left, sums, 0, TILE_COLUMNS, y, yAt + t * out, out);
    }
  }

  /** A tile of y to its copy, or back. */
  private static void move(
      int rows, float[] from, int at, int stride, float[] to, int toAt, int toStride) {
    for (int t = 0; t < rows; t++) {
      System.arraycopy(from, at + t * stride, to, toAt + t * toStride, TILE_COLUMNS);
    }
  }

  /** Adds the sums of eight rows to y. */
  private static void add(float[] sums, float[] y, int yAt, int out) {
    for (int t = 0; t < 8; t++) {
      int at = t * TILE_COLUMNS;
      addTo(
          y,
          yAt + t * out,
          FloatVector.fromArray(S, sums, at),
          FloatVector.fromArray(S, sums, at + W));
    }
  }

  /**
   * Adds the products of six rows of x with two columns of vectors to y. Where there are fewer
   * rows, the last of them takes the places of those missing, in x; y has room for six.
   */
  private static void tile6(
      float[] x,
      int x0,
      int in,
      int rows,
      int n,
      long at,
      long stride,
      float[] y,
      int y0,
      int out) {
    int last = rows - 1;
    int x1 = x0 + Math.min(1, last) * in;
    int x2 = x0 + Math.min(2, last) * in;
    int x3 = x0 + Math.min(3, last) * in;
    int x4 = x0 + Math.min(4, last) * in;
    int x5 = x0 + Math.min(5, last) * in;
    FloatVector s00 = FloatVector.zero(S);
    FloatVector s01 = s00;
    FloatVector s10 = s00;
    FloatVector s11 = s00;
    FloatVector s20 = s00;
    FloatVector s21 = s00;
    FloatVector s30 = s00;
    FloatVector s31 = s00;
    FloatVector s40 = s00;
    FloatVector s41 = s00;
    FloatVector s50 = s00;
    FloatVector s51 = s00;
    for (int i = 0; i < n; i++) {
      FloatVector w0 = load(at + i * stride);
      FloatVector w1 = load(at + i * stride + 4L * W);
      FloatVector xi = FloatVector.broadcast(S, x[x0 + i]);
      s00 = xi.fma(w0, s00);
      s01 = xi.fma(w1, s01);
      xi = FloatVector.broadcast(S, x[x1 + i]);
      s10 = xi.fma(w0, s10);
      s11 = xi.fma(w1, s11);
      xi = FloatVector.broadcast(S, x[x2 + i]);
      s20 = xi.fma(w0, s20);
      s21 = xi.fma(w1, s21);
      xi = FloatVector.broadcast(S, x[x3 + i]);
      s30 = xi.fma(w0, s30);
      s31 = xi.fma(w1, s31);
      xi = FloatVector.broadcast(S, x[x4 + i]);
      s40 = xi.fma(w0, s40);
      s41 = xi.fma(w1, s41);
      xi = FloatVector.broadcast(S, x[x5 + i]);
      s50 = xi.fma(w0, s50);
      s51 = xi.fma(w1, s51);
    }
    addTo(y, y0, s00, s01);
    addTo(y, y0 + out, s10, s11);
    addTo(y, y0 + 2 * out, s20, s21);
    addTo(y, y0 + 3 * out, s30, s31);
    addTo(y, y0 + 4 * out, s40, s41);
    addTo(y, y0 + 5 * out, s50, s51);
  }

  /** The same of four rows. */
  private static void tile4(
      float[] x,
      int x0,
      int in,
      int rows,
      int n,
      long at,
      long stride,
      float[] y,
      int y0,
      int out) {
    int last = rows - 1;
    int x1 = x0 + Math.min(1, last) * in;
    int x2 = x0 + Math.min(2, last) * in;
    int x3 = x0 + Math.min(3, last) * in;
    FloatVector s00 = FloatVector.zero(S);
    FloatVector s01 = s00;
    FloatVector s10 = s00;
    FloatVector s11 = s00;
    FloatVector s20 = s00;
    FloatVector s21 = s00;
    FloatVector s30 = s00;
    FloatVector s31 = s00;
    for (int i = 0; i < n; i++) {
      FloatVector w0 = load(at + i * stride);
      FloatVector w1 = load(at + i * stride + 4L * W);
      FloatVector xi = FloatVector.broadcast(S, x[x0 + i]);
      s00 = xi.fma(w0, s00);
      s01 = xi.fma(w1, s01);
      xi = FloatVector.broadcast(S, x[x1 + i]);
      s10 = xi.fma(w0, s10);
      s11 = xi.fma(w1, s11);
      xi = FloatVector.broadcast(S, x[x2 + i]);
      s20 = xi.fma(w0, s20);
      s21 = xi.fma(w1, s21);
      xi = FloatVector.broadcast(S, x[x3 + i]);
      s30 = xi.fma(w0, s30);
      s31 = xi.fma(w1, s31);
    }
    addTo(y, y0, s00, s01);
    addTo(y, y0 + out, s10, s11);
    addTo(y, y0 + 2 * out, s20, s21);
    addTo(y, y0 + 3 * out, s30, s31);
  }

  /** The same of two rows, no fewer. */
  private static void tile2(
      float[] x, int x0, int in, int n, long at, long stride, float[] y, int y0, int out) {
    FloatVector s00 = FloatVector.zero(S);
    FloatVector s01 = s00;
    FloatVector s10 = s00;
    FloatVector s11 = s00;
    for (int i = 0; i < n; i++) {
      FloatVector w0 = load(at + i * stride);
      FloatVector w1 = load(at + i * stride + 4L * W);
      FloatVector xi = FloatVector.broadcast(S, x[x0 + i]);
      s00 = xi.fma(w0, s00);
      s01 = xi.fma(w1, s01);
      xi = FloatVector.broadcast(S, x[x0 + in + i]);
      s10 = xi.fma(w0, s10);
      s11 = xi.fma(w1, s11);
    }
    addTo(y, y0, s00, s01);
    addTo(y, y0 + out, s10, s11);
  }

  /**
   * The products of eight rows, for vectors with 32 registers: a step of eight sequences reads the
   * block once from the second-level cache.
   *
   * @param sums what is to be added to y [8, TILE_COLUMNS]; added to it here, it would make the
   *     method larger than what the compiler inlines all of
   */
  private static void tile8(float[] x, int x0, int in, int n, long at, long stride, float[] sums) {
    int x1 = x0 + in;
    int x2 = x1 + in;
    int x3 = x2 + in;
    int x4 = x3 + in;
    int x5 = x4 + in;
    int x6 = x5 + in;
    int x7 = x6 + in;
    FloatVector s00 = FloatVector.zero(S);
    FloatVector s01 = s00;
    FloatVector s10 = s00;
    FloatVector s11 = s00;
    FloatVector s20 = s00;
    FloatVector s21 = s00;
    FloatVector s30 = s00;
    FloatVector s31 = s00;
    FloatVector s40 = s00;
    FloatVector s41 = s00;
    FloatVector s50 = s00;
    FloatVector s51 = s00;
    FloatVector s60 = s00;
    FloatVector s61 = s00;
    FloatVector s70 = s00;
    FloatVector s71 = s00;
    for (int i = 0; i < n; i++) {
      FloatVector w0 = load(at + i * stride);
      FloatVector w1 = load(at + i * stride + 4L * W);
      FloatVector xi = FloatVector.broadcast(S, x[x0 + i]);
      s00 = xi.fma(w0, s00);
      s01 = xi.fma(w1, s01);
      xi = FloatVector.broadcast(S, x[x1 + i]);
      s10 = xi.fma(w0, s10);
      s11 = xi.fma(w1, s11);
      xi = FloatVector.broadcast(S, x[x2 + i]);
      s20 = xi.fma(w0, s20);
      s21 = xi.fma(w1, s21);
      xi = FloatVector.broadcast(S, x[x3 + i]);
      s30 = xi.fma(w0, s30);
      s31 = xi.fma(w1, s31);
      xi = FloatVector.broadcast(S, x[x4 + i]);
      s40 = xi.fma(w0, s40);
      s41 = xi.fma(w1, s41);
      xi = FloatVector.broadcast(S, x[x5 + i]);
      s50 = xi.fma(w0, s50);
      s51 = xi.fma(w1, s51);
      xi = FloatVector.broadcast(S, x[x6 + i]);
      s60 = xi.fma(w0, s60);
      s61 = xi.fma(w1, s61);
      xi = FloatVector.broadcast(S, x[x7 + i]);
      s70 = xi.fma(w0, s70);
      s71 = xi.fma(w1, s71);
    }
    s00.intoArray(sums, 0);
    s01.intoArray(sums, W);
    s10.intoArray(sums, 2 * W);
    s11.intoArray(sums, 3 * W);
    s20.intoArray(sums, 4 * W);
    s21.intoArray(sums, 5 * W);
    s30.intoArray(sums, 6 * W);
    s31.intoArray(sums, 7 * W);
    s40.intoArray(sums, 8 * W);
    s41.intoArray(sums, 9 * W);
    s50.intoArray(sums, 10 * W);
    s51.intoArray(sums, 11 * W);
    s60.intoArray(sums, 12 * W);
    s61.intoArray(sums, 13 * W);
    s70.intoArray(sums, 14 * W);
    s71.intoArray(sums, 15 * W);
  }

  /** {@link Kernels#linear} for one row: x at xAt, y at yAt. */
  static void row(
      float[] x,
      int xAt,
      int k,
      int kEnd,
      Matrix w,
      float[] y,
      int yAt,
      int out,
      int from,
      int to,
      Scratch scratch) {
    if (w.type() == DType.F16) {
      VectorHalves.rowOfF16(x, xAt, k, kEnd, w, y, yAt, out, from, to, scratch);
      return;
    }
    int n = to - from;
    long sums = scratch.memory(4L * n).address();
    clear(sums, n);
    for (int i = k; i < kEnd; i++) {
      long at = w.address() + w.at((long) i * out + from);
      if (w.isFloat32()) {
        addRow(x[xAt + i], at, sums, n);
      } else {
        VectorHalves.addRowOfBf16(x[xAt + i], at, sums, n);
      }
    }
    int o = 0;
    for (; o + W <= n; o += W) {
      FloatVector.fromArray(S, y, yAt + from + o)
          .add(load(sums + 4L * o))
          .intoArray(y, yAt + from + o);
    }
    for (; o < n; o++) {
      y[yAt + from + o] += MEMORY.get(Matrix.FLOAT, sums + 4L * o);
    }
  }

  private static void clear(long at, int n) {
    int o = 0;
    for (; o + W <= n; o += W) {
      store(FloatVector.zero(S), at + 4L * o);
    }
    for (; o < n; o++) {
      MEMORY.set(Matrix.FLOAT, at + 4L * o, 0);
    }
  }

  /**
   * sums += x w, for a row of W that begins at address {@code at}. The sums are in memory of their
   * own, at an address that vectors divide: where they cross cache lines, as in an array, whose
   * address is any multiple of 8, all this takes longer.
   */
  private static void addRow(float x, long at, long sums, int n) {
    FloatVector xv = FloatVector.broadcast(S, x);
    int o = 0;
    for (; o + W <= n; o += W) {
      store(xv.fma(load(at + 4L * o), load(sums + 4L * o)), sums + 4L * o);
    }
    for (; o < n; o++) {
      addTo(sums + 4L * o, x, MEMORY.get(Matrix.FLOAT, at + 4L * o));
    }
  }

  /** {@code n} elements of W, from element {@code i} on, as float32 in the scratch memory. */
  static MemorySegment widen(Matrix w, long i, int n, MemorySegment memory, long to, Scratch s) {
    float[] floats = s.floats(n);
    VectorHalves.widen(w, i, n, floats);
    MemorySegment.copy(floats, 0, memory, Matrix.FLOAT, to, n);
    return memory;
  }
}
