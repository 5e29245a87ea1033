package org.fastgpt;

import org.fastgpt.model.Model;

/**
 * Makes engines of one kind. Found by {@link java.util.ServiceLoader}: an engine of your own is one
 * implementation and one line in {@code META-INF/services/org.fastgpt.EngineProvider}.
 */
public interface EngineProvider {

  /** What {@code --engine} calls it. */
  String name();

  /**
   * Begins what an engine needs before its first token and what no model is needed for, such as
   * compiling kernels. Returns at once. Nobody has to call it; who opens a model next gains.
   */
  default void warmUp(EngineOptions options) {}

  /**
   * Loads the model. The engine reads the model's tensors as long as it is open; the caller closes
   * the engine first, then the model.
   *
   * @throws IllegalArgumentException an option has a wrong value
   * @throws org.fastgpt.model.ModelException the model is damaged, or not one this engine can run
   */
  Engine open(Model model, EngineOptions options);
}
