package org.fastgpt.conformance.mutants;

import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.EngineProvider;
import org.fastgpt.model.Model;

/** The healthy engine under a name of its own, as somebody's jar would bring it. */
public final class PlainProvider implements EngineProvider {

  @Override
  public String name() {
    return "plain";
  }

  @Override
  public Engine open(Model model, EngineOptions options) {
    return new BrokenProvider(Mutation.NONE).open(model, options);
  }
}
