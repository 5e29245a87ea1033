package org.fastgpt.nd4j;

import org.nd4j.linalg.api.ndarray.INDArray;

/** Sees each named activation as it is computed, and hands it on: {@code x = see("ln_f", ...)}. */
@FunctionalInterface
interface Watch {
  /** Nobody looks: nothing is copied, no name is put together. */
  Watch NONE =
      new Watch() {
        @Override
        public INDArray see(String name, INDArray x) {
          return x;
        }

        @Override
        public Watch within(String prefix) {
          return this;
        }
      };

  /** Returns {@code x}, unchanged; it is valid during the forward pass only. */
  INDArray see(String name, INDArray x);

  /** The same, for a part of the model: it says {@code attn.out}, this hears the prefix before. */
  default Watch within(String prefix) {
    return (name, x) -> see(prefix + name, x);
  }
}
