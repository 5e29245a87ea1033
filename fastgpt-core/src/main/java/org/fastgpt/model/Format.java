package org.fastgpt.model;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** A layout of model files: recognises its own, and reads it. */
interface Format {

  /** All layouts, in the order in which they are tried. */
  List<Format> ALL =
      List.of(
          new TorchCheckpoint(),
          new HuggingFace(),
          new OpenAiCheckpoint(),
          new GgufFormat(),
          new FastGptDat(),
          new LlmC());

  /**
   * Whether what lies at {@code path} is of this layout, by the names of files and by the first
   * bytes of one; a damaged file of this layout is still of this layout.
   */
  boolean matches(Path path);

  /**
   * Reads the model.
   *
   * @param arena what the tensors live in
   * @throws ModelException it is damaged, or needs what is not supported; names file, and offset or
   *     tensor
   */
  Checkpoint read(Path path, Arena arena);

  /** What reads {@code path}, if anything does. */
  static Optional<Format> of(Path path) {
    return ALL.stream().filter(format -> format.matches(path)).findFirst();
  }
}
