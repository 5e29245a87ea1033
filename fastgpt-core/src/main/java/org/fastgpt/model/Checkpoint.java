package org.fastgpt.model;

import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.fastgpt.GptConfig;
import org.fastgpt.tokenizer.Tokenizer;

/**
 * What a {@link Format} makes of a file or folder: everything is checked, and the tensors have
 * HuggingFace's names and shapes, whatever they had in the file.
 *
 * @param format the layout, as {@code info} names it
 * @param tensors in the order of {@link GptTensors#forEach}, valid as long as the arena they were
 *     read into
 * @param tokenizer loads the vocabulary that came with the weights; empty if none did
 * @param note what the user should know of how this model is run, one line; empty if nothing
 * @param crc32c of each tensor's bytes by name, as the files say it; empty if they do not
 */
record Checkpoint(
    String format,
    GptConfig config,
    Map<String, StoredTensor> tensors,
    Optional<Supplier<Tokenizer>> tokenizer,
    Optional<String> note,
    Map<String, Integer> crc32c) {

  Checkpoint {
    tensors = Collections.unmodifiableMap(tensors); // keeps its order
    crc32c = Map.copyOf(crc32c);
  }

  /** Of a layout without checksums, with nothing to note. */
  Checkpoint(
      String format,
      GptConfig config,
      Map<String, StoredTensor> tensors,
      Optional<Supplier<Tokenizer>> tokenizer) {
    this(format, config, tensors, tokenizer, Optional.empty(), Map.of());
  }
}
