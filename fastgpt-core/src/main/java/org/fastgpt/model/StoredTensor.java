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

  /** How an element is stored, by the names that safetensors has for it. */
  public enum DType {
    F32(4),
    F16(2),
    BF16(2),
    // No weights: a file may have them in buffers that nothing reads.
    F64(8),
    I64(8),
    U64(8),
    I32(4),
    U32(4),
    I16(2),
    U16(2),
    I8(1),
    U8(1),
    BOOL(1);

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
