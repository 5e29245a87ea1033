package org.fastgpt.core;

import static jdk.incubator.vector.VectorOperators.ADD;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.SplittableRandom;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;
import org.fastgpt.model.StoredTensor.DType;

/** What one thread of the machine can do at best, and memory like that of weights to try it on. */
final class MachineSpeed {

  private static final VectorSpecies<Float> S = FloatVector.SPECIES_PREFERRED;
  private static final int BYTES = S.vectorByteSize();

  /** Sums side by side in {@link #sum}: enough that none waits for the one before. */
  private static final int SUMS = 8;

  private static final long PATTERN = 1 << 20;

  /** Sums side by side in {@link #chains}: latency 4, two units, and half as many again. */
  private static final int CHAINS = 12;

  private MachineSpeed() {}

  /**
   * Weights of random values in (-1, 1), in a file mapped to memory, so in small pages as a model
   * is. The file is deleted at once, the memory stays.
   */
  static MemorySegment mapped(long bytes, DType type) throws IOException {
    Path file = Files.createTempFile("fastgpt-benchmark", null);
    try (var channel =
        FileChannel.open(
            file,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            StandardOpenOption.DELETE_ON_CLOSE)) {
      MemorySegment memory = channel.map(FileChannel.MapMode.READ_WRITE, 0, bytes, Arena.ofAuto());
      fill(memory, type);
      return memory;
    }
  }

  /** The values repeat: speed does not depend on them, but on their being normal numbers. */
  private static void fill(MemorySegment memory, DType type) {
    var random = new SplittableRandom(42);
    MemorySegment pattern = Arena.ofAuto().allocate(PATTERN);
    for (long at = 0; at < PATTERN; at += type.bytes()) {
      float value = (float) random.nextDouble(-1, 1);
      switch (type) {
        case F16 -> pattern.set(Matrix.HALF, at, Float.floatToFloat16(value));
        case BF16 -> pattern.set(Matrix.HALF, at, (short) (Float.floatToRawIntBits(value) >>> 16));
        default -> pattern.set(Matrix.FLOAT, at, value);
      }
    }
    for (long at = 0; at < memory.byteSize(); at += PATTERN) {
      long n = Math.min(PATTERN, memory.byteSize() - at);
      MemorySegment.copy(pattern, 0, memory, at, n);
    }
  }

  /** The sum of floats: memory read once, in order. Whole groups of {@link #SUMS} vectors only. */
  static float sum(MemorySegment memory) {
    FloatVector s0 = FloatVector.zero(S);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    FloatVector s4 = s0;
    FloatVector s5 = s0;
    FloatVector s6 = s0;
    FloatVector s7 = s0;
    long end = memory.byteSize() - (long) SUMS * BYTES;
    for (long at = 0; at <= end; at += (long) SUMS * BYTES) {
      s0 = s0.add(vector(memory, at));
      s1 = s1.add(vector(memory, at + BYTES));
      s2 = s2.add(vector(memory, at + 2L * BYTES));
      s3 = s3.add(vector(memory, at + 3L * BYTES));
      s4 = s4.add(vector(memory, at + 4L * BYTES));
      s5 = s5.add(vector(memory, at + 5L * BYTES));
      s6 = s6.add(vector(memory, at + 6L * BYTES));
      s7 = s7.add(vector(memory, at + 7L * BYTES));
    }
    return s0.add(s1).add(s2.add(s3)).add(s4.add(s5)).add(s6.add(s7)).reduceLanes(ADD);
  }

  private static FloatVector vector(MemorySegment memory, long at) {
    return FloatVector.fromMemorySegment(S, memory, at, ByteOrder.LITTLE_ENDIAN);
  }

  /** {@code n} fused multiply-adds c = c * a + b in each lane of {@link #CHAINS} vectors. */
  static float chains(float a, float b, int n) {
    FloatVector m = FloatVector.broadcast(S, a);
    FloatVector s = FloatVector.broadcast(S, b);
    FloatVector c0 = s;
    FloatVector c1 = s;
    FloatVector c2 = s;
    FloatVector c3 = s;
    FloatVector c4 = s;
    FloatVector c5 = s;
    FloatVector c6 = s;
    FloatVector c7 = s;
    FloatVector c8 = s;
    FloatVector c9 = s;
    FloatVector c10 = s;
    FloatVector c11 = s;
    for (int i = 0; i < n; i++) {
      c0 = c0.fma(m, s);
      c1 = c1.fma(m, s);
      c2 = c2.fma(m, s);
      c3 = c3.fma(m, s);
      c4 = c4.fma(m, s);
      c5 = c5.fma(m, s);
      c6 = c6.fma(m, s);
      c7 = c7.fma(m, s);
      c8 = c8.fma(m, s);
      c9 = c9.fma(m, s);
      c10 = c10.fma(m, s);
      c11 = c11.fma(m, s);
    }
    FloatVector low = c0.add(c1).add(c2.add(c3)).add(c4.add(c5));
    FloatVector high = c6.add(c7).add(c8.add(c9)).add(c10.add(c11));
    return low.add(high).reduceLanes(ADD);
  }

  /** Floating-point operations of {@link #chains}, a fused multiply-add counted as two. */
  static long operations(int n) {
    return 2L * CHAINS * S.length() * n;
  }
}
