package org.fastgpt.model;

import java.nio.file.Path;

/**
 * Writes models in one layout. Others than core's own are found by {@link java.util.ServiceLoader}.
 */
public interface ModelWriter {

  /** What it is asked for by, such as "gguf". */
  String format();

  /** What the file or folder is called if nobody says otherwise. */
  String fileName();

  /**
   * Writes the model. Until it is whole it has another name; if anything goes wrong, nothing is
   * left.
   *
   * @param file replaced if there is one
   * @throws ModelException it cannot be written, or the layout cannot hold such a model
   */
  void write(Model model, Path file, Progress progress);
}
