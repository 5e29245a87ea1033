package org.fastgpt.model;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Matrices of layouts that keep them as PyTorch's Linear does, [out, in], turned into Conv1D's [in,
 * out], in which the engine computes.
 */
final class Transposed {
  /** Elements in each direction of a tile: one of both matrices fits the L1 cache. */
  private static final int TILE = 32;

  private Transposed() {}

  /** A copy in {@code arena} of a matrix of 2- or 4-byte elements, rows and columns exchanged. */
  static StoredTensor of(StoredTensor matrix, Arena arena) {
    int rows = matrix.shape().get(0);
    int columns = matrix.shape().get(1);
    MemorySegment to = arena.allocate(matrix.data().byteSize(), 64);
    for (int row = 0; row < rows; row += TILE) {
      for (int column = 0; column < columns; column += TILE) {
        int height = Math.min(TILE, rows - row);
        int width = Math.min(TILE, columns - column);
        switch (matrix.dtype().bytes()) {
          case 2 -> tile2(matrix.data(), to, rows, columns, row, column, height, width);
          case 4 -> tile4(matrix.data(), to, rows, columns, row, column, height, width);
          default -> throw new IllegalArgumentException(matrix.name() + ": " + matrix.dtype());
        }
      }
    }
    return new StoredTensor(
        matrix.name(), matrix.dtype(), matrix.shape().reversed(), to.asReadOnly());
  }

  private static void tile4(
      MemorySegment from,
      MemorySegment to,
      long rows,
      long columns,
      long row,
      long column,
      int height,
      int width) {
    for (long r = row; r < row + height; r++) {
      for (long c = column; c < column + width; c++) {
        int bits = from.get(ValueLayout.JAVA_INT_UNALIGNED, 4 * (r * columns + c));
        to.set(ValueLayout.JAVA_INT_UNALIGNED, 4 * (c * rows + r), bits);
      }
    }
  }

  private static void tile2(
      MemorySegment from,
      MemorySegment to,
      long rows,
      long columns,
      long row,
      long column,
      int height,
      int width) {
    for (long r = row; r < row + height; r++) {
      for (long c = column; c < column + width; c++) {
        short bits = from.get(ValueLayout.JAVA_SHORT_UNALIGNED, 2 * (r * columns + c));
        to.set(ValueLayout.JAVA_SHORT_UNALIGNED, 2 * (c * rows + r), bits);
      }
    }
  }
}
