package org.fastgpt.model;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.fastgpt.model.Pickle.Tuple;

/**
 * A tensor as PyTorch sees it: a view of a storage, which it may share with others. All of it lies
 * within the storage.
 *
 * @param offset of the first element
 * @param shape sizes, the slowest first
 * @param strides for each size, how many elements one step is
 */
record TorchTensor(Storage storage, long offset, List<Integer> shape, List<Long> strides) {
  /** More than any weight or buffer of a GPT-2 has; the causal mask has 4. */
  private static final int MAX_RANK = 8;

  /** Numbers of one type, in the file under {@code key}. */
  record Storage(String key, StoredTensor.DType dtype, long elements) {
    /** All of it. */
    long bytes() {
      return elements * dtype.bytes(); // checked to fit when the storage was found
    }
  }

  /**
   * What PyTorch's {@code _rebuild_tensor_v2(storage, storage_offset, size, stride, …)} gives.
   *
   * @throws IllegalArgumentException those are no such arguments, or lead out of the storage
   */
  static TorchTensor rebuilt(List<Object> arguments) {
    if (arguments.size() < 4
        || !(arguments.get(0) instanceof Storage storage)
        || !(arguments.get(1) instanceof Long offset)
        || !(arguments.get(2) instanceof Tuple(var sizes))
        || !(arguments.get(3) instanceof Tuple(var steps))
        || sizes.size() != steps.size()
        || sizes.size() > MAX_RANK) {
      throw new IllegalArgumentException("a tensor: storage, offset, size and stride expected");
    }
    List<Integer> shape = new ArrayList<>();
    List<Long> strides = new ArrayList<>();
    for (int i = 0; i < sizes.size(); i++) {
      shape.add((int) number(sizes.get(i), Integer.MAX_VALUE));
      strides.add(number(steps.get(i), Long.MAX_VALUE));
    }
    var tensor = new TorchTensor(storage, offset, List.copyOf(shape), List.copyOf(strides));
    tensor.checkWithinStorage();
    return tensor;
  }

  private static long number(Object value, long largest) {
    if (value instanceof Long n && n >= 0 && n <= largest) {
      return n;
    }
    throw new IllegalArgumentException("a tensor: a size or stride is not in [0, " + largest + "]");
  }

  /** Also, that there are not more elements than the storage has: copies stay small then. */
  private void checkWithinStorage() {
    try {
      long last = offset;
      long elements = 1;
      for (int i = 0; i < shape.size(); i++) {
        elements = Math.multiplyExact(elements, shape.get(i));
        long steps = Math.max(0, shape.get(i) - 1L);
        last = Math.addExact(last, Math.multiplyExact(steps, strides.get(i)));
      }
      if (offset >= 0
          && elements <= storage.elements
          && (elements == 0 || last < storage.elements)) {
        return;
      }
    } catch (ArithmeticException overflow) {
      // as outside as can be
    }
    throw new IllegalArgumentException(
        "a tensor: offset %d, size %s, stride %s is not within a storage of %d elements"
            .formatted(offset, shape, strides, storage.elements));
  }

  /** The elements, one after the other, in a file of this storage. */
  long bytes() {
    long bytes = storage.dtype.bytes();
    for (int size : shape) {
      bytes *= size;
    }
    return bytes;
  }

  /** Whether the elements lie in the storage one after the other, without a gap. */
  boolean isContiguous() {
    long expected = 1;
    for (int i = shape.size() - 1; i >= 0; i--) {
      if (shape.get(i) != 1 && strides.get(i) != expected) {
        return bytes() == 0;
      }
      expected *= shape.get(i);
    }
    return true;
  }

  /** The same matrix, rows and columns exchanged; nothing is moved. */
  TorchTensor transposed() {
    return new TorchTensor(storage, offset, shape.reversed(), strides.reversed());
  }

  /** The first {@code n} rows of a matrix that has at least as many. */
  TorchTensor rows(int n) {
    return new TorchTensor(storage, offset, List.of(n, shape.get(1)), strides);
  }

  /** Copies the elements, row-major, out of the bytes of the storage. */
  void copy(MemorySegment from, MemorySegment to) {
    int width = storage.dtype.bytes();
    int[] index = new int[shape.size()];
    long at = offset;
    for (long done = 0; done < to.byteSize(); done += width) {
      MemorySegment.copy(from, at * width, to, done, width);
      for (int i = index.length - 1; i >= 0; i--) { // counts on, the last index fastest
        at += strides.get(i);
        if (++index[i] < shape.get(i)) {
          break;
        }
        at -= index[i] * strides.get(i);
        index[i] = 0;
      }
    }
  }
}
