package org.fastgpt.core;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;

/**
 * The matrix products by a BLAS, as fastGPT with {@code -DFASTGPT_BLAS}; all else by other kernels.
 *
 * <p>A BLAS sums in an order of its own, which may depend on the number of rows, the column range
 * and the machine: outside the promise of equal bits, within the rounding of any order of summing.
 *
 * <p>The threads are the engine's: each calls the BLAS for its own columns, and OpenBLAS is told to
 * use no others. With two threads OpenBLAS's own were as fast, no faster; and so {@code --threads}
 * means what it says, and sessions may call it at once. Accelerate decides for itself.
 */
final class BlasKernels implements Kernels {

  private static final boolean LITTLE_ENDIAN = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;

  private final String name;
  private final Blas blas;
  private final Kernels others;

  /** {@code others}: what computes all that a BLAS does not. */
  BlasKernels(String name, Blas blas, Kernels others) {
    this.name = name;
    this.blas = blas;
    this.others = others;
    blas.useOneThread();
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public boolean sumsAsDefined() {
    return false;
  }

  /** Whether a BLAS may read them: it expects the machine's own floats, at whole addresses. */
  private static boolean suits(MemorySegment w) {
    return LITTLE_ENDIAN && w.address() % Float.BYTES == 0;
  }

  @Override
  public void linear(
      float[] x,
      int rows,
      int in,
      MemorySegment w,
      float[] b,
      float[] y,
      int out,
      int from,
      int to) {
    if (!suits(w)) {
      others.linear(x, rows, in, w, b, y, out, from, to);
      return;
    }
    int n = to - from;
    for (int t = 0; t < rows; t++) {
      System.arraycopy(b, from, y, t * out + from, n);
    }
    MemorySegment columns = matrix(w, from, in, n, out); // [in, n]
    if (rows == 1) {
      blas.gemv(true, in, n, columns, out, matrix(x, 0, 1, in, in), 1, matrix(y, from, 1, n, n));
    } else {
      MemorySegment xs = matrix(x, 0, rows, in, in);
      MemorySegment ys = matrix(y, from, rows, n, out);
      blas.gemm(false, rows, n, in, xs, in, columns, out, 1, ys, out);
    }
  }

  @Override
  public void linearTransposed(
      float[] x,
      int rows,
      int in,
      MemorySegment w,
      float[] y,
      int out,
      int from,
      int to,
      float[] lanes) {
    if (!suits(w)) {
      others.linearTransposed(x, rows, in, w, y, out, from, to, lanes);
      return;
    }
    int n = to - from;
    MemorySegment range = matrix(w, (long) from * in, n, in, in); // [n, in]
    if (rows == 1) {
      blas.gemv(false, n, in, range, in, matrix(x, 0, 1, in, in), 0, matrix(y, from, 1, n, n));
    } else {
      MemorySegment xs = matrix(x, 0, rows, in, in);
      MemorySegment ys = matrix(y, from, rows, n, out);
      blas.gemm(true, rows, n, in, xs, in, range, in, 0, ys, out);
    }
  }

  /**
   * What a BLAS will touch of {@code floats}, from element {@code at} on: {@code rows} rows of
   * {@code n}, {@code stride} apart. Native code checks nothing: this is where it is seen that all
   * of it is there.
   */
  private static MemorySegment matrix(MemorySegment floats, long at, int rows, int n, int stride) {
    return floats.asSlice(4 * at, 4 * ((rows - 1L) * stride + n));
  }

  private static MemorySegment matrix(float[] floats, int at, int rows, int n, int stride) {
    return matrix(MemorySegment.ofArray(floats), at, rows, n, stride);
  }

  @Override
  public void layerNorm(
      float[] x, float[] g, float[] b, float eps, float[] y, int at, int n, float[] lanes) {
    others.layerNorm(x, g, b, eps, y, at, n, lanes);
  }

  @Override
  public void gelu(float[] x, int at, int n, float[] lanes) {
    others.gelu(x, at, n, lanes);
  }

  @Override
  public void geluFastTanh(float[] x, int at, int n) {
    others.geluFastTanh(x, at, n);
  }

  @Override
  public void softmax(float[] x, int at, int n, float[] lanes) {
    others.softmax(x, at, n, lanes);
  }

  @Override
  public void scores(
      float[] q, int qAt, float[] k, int kAt, int headSize, float scale, float[] scores, int to) {
    others.scores(q, qAt, k, kAt, headSize, scale, scores, to);
  }

  @Override
  public void mix(
      float[] p, int pAt, int n, float[] v, int vAt, int headSize, float[] out, int to) {
    others.mix(p, pAt, n, v, vAt, headSize, out, to);
  }

  @Override
  public void add(float[] x, float[] y, int n) {
    others.add(x, y, n);
  }
}
