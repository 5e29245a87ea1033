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

  /** All inputs at once: a BLAS has blocks of its own. */
  @Override
  public int block(int in) {
    return in;
  }

  /** Whether a BLAS may read them: it expects the machine's own floats, at whole addresses. */
  private static boolean suits(Matrix w) {
    return LITTLE_ENDIAN && w.isFloat32() && w.address() % Float.BYTES == 0;
  }

  @Override
  public void linear(
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
    if (!suits(w)) {
      for (int i = k; i < kEnd; i += BLOCK) {
        int end = Math.min(i + BLOCK, kEnd);
        others.linear(x, rows, in, i, end, w, y, yAt, out, from, to, scratch);
      }
      return;
    }
    int n = to - from;
    int inputs = kEnd - k;
    MemorySegment block = matrix(w.data(), (long) k * out + from, inputs, n, out); // [inputs, n]
    MemorySegment xs = matrix(x, k, rows, inputs, in);
    MemorySegment ys = matrix(y, yAt + from, rows, n, out);
    if (rows == 1) {
      blas.gemv(true, inputs, n, block, out, xs, 1, ys);
    } else {
      blas.gemm(false, rows, n, inputs, xs, in, block, out, 1, ys, out);
    }
  }

  @Override
  public void linearTransposed(
      float[] x,
      int rows,
      int in,
      Matrix w,
      float[] y,
      int out,
      int from,
      int to,
      Scratch scratch) {
    if (!suits(w)) {
      others.linearTransposed(x, rows, in, w, y, out, from, to, scratch);
      return;
    }
    int n = to - from;
    MemorySegment range = matrix(w.data(), (long) from * in, n, in, in); // [n, in]
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
      float[] x, float[] g, float[] b, float eps, float[] y, int at, int n, Scratch scratch) {
    others.layerNorm(x, g, b, eps, y, at, n, scratch);
  }

  @Override
  public void gelu(float[] x, int at, int n, Scratch scratch) {
    others.gelu(x, at, n, scratch);
  }

  @Override
  public void geluFastTanh(float[] x, int at, int n) {
    others.geluFastTanh(x, at, n);
  }

  @Override
  public void softmax(float[] x, int at, int n, Scratch scratch) {
    others.softmax(x, at, n, scratch);
  }

  @Override
  public void scores(
      float[] q,
      int qAt,
      int qStride,
      int rows,
      float[] k,
      int kAt,
      int headSize,
      float scale,
      float[] scores,
      int to,
      int stride) {
    others.scores(q, qAt, qStride, rows, k, kAt, headSize, scale, scores, to, stride);
  }

  @Override
  public void mix(
      float[] p,
      int pAt,
      int pStride,
      int rows,
      int n,
      float[] v,
      int vAt,
      int headSize,
      float[] out,
      int to,
      int stride) {
    others.mix(p, pAt, pStride, rows, n, v, vAt, headSize, out, to, stride);
  }

  @Override
  public void add(float[] x, int xAt, float[] y, int yAt, int n) {
    others.add(x, xAt, y, yAt, n);
  }
}
