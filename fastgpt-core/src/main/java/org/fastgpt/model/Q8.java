package org.fastgpt.model;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * ggml's Q8_0: blocks of 32 elements, each a scale of float16 and 32 bytes; an element is byte
 * times scale. The same bits as gguf-py's {@code quants.py}.
 */
final class Q8 {
  static final int BLOCK = 32;
  static final int BLOCK_BYTES = 34;

  private Q8() {}

  /** The elements as float32, in {@code arena}. */
  static MemorySegment floats(MemorySegment blocks, Arena arena) {
    long n = blocks.byteSize() / BLOCK_BYTES;
    MemorySegment floats = arena.allocate(n * BLOCK * 4, 64);
    for (long b = 0; b < n; b++) {
      float scale = Float.float16ToFloat(blocks.get(Gguf.SHORT, b * BLOCK_BYTES));
      for (int i = 0; i < BLOCK; i++) {
        byte q = blocks.get(ValueLayout.JAVA_BYTE, b * BLOCK_BYTES + 2 + i);
        floats.set(Model.FLOAT, (b * BLOCK + i) * 4, q * scale);
      }
    }
    return floats.asReadOnly();
  }

  /** Writes {@code x[0, 32)} as the block at byte {@code at} of {@code out}. */
  static void block(float[] x, MemorySegment out, long at) {
    float largest = 0;
    for (int i = 0; i < BLOCK; i++) {
      largest = Math.max(largest, Math.abs(x[i]));
    }
    float scale = largest / 127;
    float inverse = scale == 0 ? 0 : 1 / scale;
    out.set(Gguf.SHORT, at, Float.floatToFloat16(scale));
    for (int i = 0; i < BLOCK; i++) {
      out.set(ValueLayout.JAVA_BYTE, at + 2 + i, (byte) rounded(x[i] * inverse));
    }
  }

  /** To the nearest whole number, halves away from zero. |x| is at most 127. */
  private static int rounded(float x) {
    float magnitude = Math.abs(x);
    int floor = (int) magnitude;
    int up = 2 * (magnitude - floor) >= 1 ? 1 : 0;
    return x < 0 ? -(floor + up) : floor + up;
  }
}
