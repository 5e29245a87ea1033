package org.fastgpt.core;

import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.GptConfig;
import org.fastgpt.Session;
import org.fastgpt.model.Model;

/** The hand-written engine: weights used in place, kernels chosen once, a few threads. */
final class CoreEngine implements Engine {

  private final GptConfig config;
  private final Weights weights;
  private final Kernels kernels;
  private final Workers workers;

  CoreEngine(Model model, EngineOptions options) {
    config = model.config();
    String wanted = System.getProperty("fastgpt.kernels", "auto");
    kernels = Kernels.named(options.settings().getOrDefault("kernels", wanted));
    weights = Weights.of(model);
    int threads = options.threads();
    workers = new Workers(threads == 0 ? Runtime.getRuntime().availableProcessors() : threads);
  }

  @Override
  public String name() {
    return "core-" + kernels.name();
  }

  @Override
  public GptConfig config() {
    return config;
  }

  @Override
  public Session newSession() {
    return new Gpt2(config, weights, kernels, workers);
  }

  @Override
  public void close() {
    workers.close();
  }
}
