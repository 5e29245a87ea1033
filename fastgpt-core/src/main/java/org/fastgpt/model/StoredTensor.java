package org.fastgpt.model;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * A tensor as it lies in a file: row-major, little-endian.
 *
 * @param name HuggingFace's, without the prefix "transformer."
 * @param shape such as [n_embd, 3 * n_embd]
 * @param data the bytes, memory-mapped where the file allows it; as long as the shape says
 */
public record StoredTensor(String name, DType dtype, List<Integer> shape, MemorySegment data) {

  /** How an element is stored. */
  public enum DType {
    F32(4),
    F16(2),
    BF16(2);

    private final int bytes;

    DType(int bytes) {
      this.bytes = bytes;
    }

    /** Size of one element. */
    public int bytes() {
      return bytes;
    }
  }
}
