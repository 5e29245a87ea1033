package org.fastgpt;

import java.util.Map;

/**
 * How an engine is to run.
 *
 * @param threads number of threads; 0 lets the engine choose
 * @param settings the engine's own settings by name, such as {@code kernels} of core; an engine
 *     refuses a value that it does not know and does not look at names that are not its own
 */
public record EngineOptions(int threads, Map<String, String> settings) {

  public static final EngineOptions DEFAULT = new EngineOptions(0, Map.of());

  public EngineOptions {
    if (threads < 0 || threads > 1024) {
      throw new IllegalArgumentException("threads " + threads + " is not in [0, 1024]");
    }
    settings = Map.copyOf(settings);
  }

  public static EngineOptions threads(int threads) {
    return new EngineOptions(threads, Map.of());
  }
}
