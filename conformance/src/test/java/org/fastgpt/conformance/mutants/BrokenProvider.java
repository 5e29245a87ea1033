package org.fastgpt.conformance.mutants;

import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.EngineProvider;
import org.fastgpt.model.Model;

/** Opens {@link PlainEngine} with one fault. Not a service: it must be asked for by hand. */
public record BrokenProvider(Mutation mutation) implements EngineProvider {

  /** {@code broken-no-mask} and the like. */
  @Override
  public String name() {
    return "broken-" + mutation;
  }

  @Override
  public Engine open(Model model, EngineOptions options) {
    return new PlainEngine(name(), model, mutation);
  }
}
