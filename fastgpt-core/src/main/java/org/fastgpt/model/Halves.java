package org.fastgpt.model;

import org.fastgpt.model.StoredTensor.DType;

/** Numbers of 16 bits: float32 rounded to nearest, halves to even, as PyTorch and gguf-py do. */
final class Halves {

  /** The elements of a tensor in the order of a file. */
  interface Elements {
    float get(long i);
  }

  private Halves() {}

  /**
   * A tensor of {@code type}, F16 or BF16, as a part of a file.
   *
   * @param tensor its name, for the message of the {@link ModelException} if one is too large
   */
  static FilePlan.Data data(DType type, String tensor, Elements x) {
    return (chunk, from) -> {
      for (long i = 0; i < chunk.byteSize() / 2; i++) {
        chunk.set(Model.HALF, 2 * i, round(type, x.get(from / 2 + i), tensor));
      }
    };
  }

  /**
   * The bits of {@code x} in {@code type}, F16 or BF16.
   *
   * @param tensor for the message
   * @throws ModelException it is finite, and too large for F16
   */
  static short round(DType type, float x, String tensor) {
    if (type == DType.BF16) {
      return bfloat16(x);
    }
    short half = Float.floatToFloat16(x);
    if (Float.isInfinite(Float.float16ToFloat(half)) && !Float.isInfinite(x)) {
      throw new ModelException(
          tensor + ": " + x + " is too large for f16, which goes up to 65504; bf16 can hold it");
    }
    return half;
  }

  /** NaN stays NaN. */
  private static short bfloat16(float x) {
    int bits = Float.floatToRawIntBits(x);
    if (Float.isNaN(x)) {
      return (short) ((bits >>> 16) | 64);
    }
    int odd = (bits >>> 16) & 1;
    return (short) ((bits + 0x7fff + odd) >>> 16);
  }
}
