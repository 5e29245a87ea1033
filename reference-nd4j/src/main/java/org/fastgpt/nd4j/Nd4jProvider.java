package org.fastgpt.nd4j;

import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.EngineProvider;
import org.fastgpt.model.Model;

/**
 * GPT-2 in ND4J tensor operations, the picoGPT of this project: engine {@code nd4j}. Setting {@code
 * form}: {@code cache} (the default) keeps keys and values; {@code plain} computes the whole
 * sequence anew at every call, as picoGPT does.
 *
 * <p>Threads: the number is set for OpenBLAS, and for ND4J's own operations up to the number with
 * which the process began (the machine's cores, or the environment's {@code OMP_NUM_THREADS}). Both
 * are ND4J's for the whole process: the engine opened last decides for all. {@code 0} is one
 * thread: ND4J's threads wait by spinning, at hundreds of small operations a token, so that on two
 * shared cores two of them took 167 to 590 ms a token where one took 39 (124M).
 */
public final class Nd4jProvider implements EngineProvider {
  static final String NAME = "nd4j";

  @Override
  public String name() {
    return NAME;
  }

  /**
   * {@inheritDoc}
   *
   * @throws IllegalStateException ND4J has no native library for this machine, or it does not load
   */
  @Override
  public Engine open(Model model, EngineOptions options) {
    String form = options.settings().getOrDefault("form", "cache");
    if (!form.equals("cache") && !form.equals("plain")) {
      throw new IllegalArgumentException("form '" + form + "' of nd4j is not cache or plain");
    }
    Natives.load();
    Natives.setThreads(Math.max(1, options.threads()));
    return new Nd4jEngine(model.config(), Weights.load(model), form.equals("cache"));
  }
}
