package org.fastgpt.core;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Memory that one thread's kernels use and leave behind; grows to what was needed most. */
final class Scratch {
  private static final int CACHE_LINE = 64;

  /** The accumulators of a lanes sum. */
  final float[] lanes = new float[Kernels.LANES];

  /** A tile of y of {@link VectorLinear}, or what is to be added to it: eight rows, two vectors. */
  final float[] sums = new float[8 * Kernels.LANES];

  /** The largest magnitudes of weights in F16 that a kernel has met, as bits. */
  final short[] largest = new short[Kernels.LANES];

  /** Takes what was read only to bring it into the cache, lest the compiler leaves it out. */
  int touched;

  private MemorySegment memory = MemorySegment.NULL;
  private MemorySegment tile = MemorySegment.NULL;
  private float[] floats = new float[0];

  /** Some {@code bytes} that begin at a cache line, so that vectors in it cross none. */
  MemorySegment memory(long bytes) {
    memory = atLeast(bytes, memory);
    return memory;
  }

  /** The same for a tile of a matrix that lies in the other memory. */
  MemorySegment tile(long bytes) {
    tile = atLeast(bytes, tile);
    return tile;
  }

  private static MemorySegment atLeast(long bytes, MemorySegment memory) {
    return memory.byteSize() < bytes ? Arena.ofAuto().allocate(bytes, CACHE_LINE) : memory;
  }

  float[] floats(int n) {
    if (floats.length < n) {
      floats = new float[n];
    }
    return floats;
  }
}
