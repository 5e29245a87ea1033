package org.fastgpt.core;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.fastgpt.model.StoredTensor;
import org.fastgpt.model.StoredTensor.DType;

/**
 * Weights as they lie in the file, memory-mapped: row-major, little-endian, at any address.
 *
 * @param address where {@code data} begins: a field, as a segment's class depends on how its memory
 *     came about, and a kernel compiled for one class is thrown away when it meets another
 * @param type float32, or one of its halves, F16 and BF16: their values are those of float32 with
 *     fewer bits, so widening one is exact
 */
record Matrix(MemorySegment data, long address, DType type) {

  static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  static final ValueLayout.OfShort HALF =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Kernels read it by its address, unchecked: so it is checked here. */
  Matrix {
    if (!data.isNative()) {
      throw new IllegalArgumentException("weights in native memory expected, an array found");
    }
  }

  Matrix(MemorySegment data, DType type) {
    this(data, data.address(), type);
  }

  static Matrix of(StoredTensor tensor) {
    long elements = tensor.shape().stream().mapToLong(n -> n).reduce(1, Math::multiplyExact);
    if (tensor.data().byteSize() != Math.multiplyExact(elements, tensor.dtype().bytes())) {
      throw new IllegalArgumentException(
          tensor.name() + ": " + tensor.data().byteSize() + " bytes for shape " + tensor.shape());
    }
    return new Matrix(tensor.data(), tensor.dtype());
  }

  /** A matrix of float32. */
  static Matrix of(MemorySegment floats) {
    return new Matrix(floats, DType.F32);
  }

  boolean isFloat32() {
    return type == DType.F32;
  }

  /** Where element {@code i} begins, in bytes. */
  long at(long i) {
    return i * type.bytes();
  }

  /** Element {@code i} as float32. */
  float get(long i) {
    return switch (type) {
      case F16 -> Float.float16ToFloat(data.get(HALF, 2 * i));
      case BF16 -> Float.intBitsToFloat(data.get(HALF, 2 * i) << 16);
      default -> data.get(FLOAT, 4 * i);
    };
  }
}
