package org.fastgpt.core;

import java.util.Set;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.GptConfig;
import org.fastgpt.ParameterView;
import org.fastgpt.Promise;
import org.fastgpt.Session;
import org.fastgpt.TextCodec;
import org.fastgpt.model.Model;

/** The hand-written engine: weights used in place, kernels chosen once, a few threads. */
final class CoreEngine implements Engine, TextCodec, ParameterView {

  private final Model model;
  private final GptConfig config;
  private final Weights weights;
  private final Kernels kernels;
  private final Workers workers;

  CoreEngine(Model model, EngineOptions options) {
    this.model = model;
    config = model.config();
    String wanted = System.getProperty("fastgpt.kernels", "auto");
    kernels = Kernels.named(options.settings().getOrDefault("kernels", wanted));
    if (kernels instanceof VectorKernels) {
      Warmup.start();
    }
    weights = Weights.of(model);
    int threads = options.threads();
    workers = new Workers(threads == 0 ? Cores.count() : threads);
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
  public Set<Promise> promises() {
    return Set.of(Promise.values());
  }

  @Override
  public Session newSession() {
    return new Gpt2(model, weights, kernels, workers);
  }

  @Override
  public float[] parameter(String name) {
    return model.floats(name).toArray(Model.FLOAT);
  }

  @Override
  public int[] encode(String text) {
    return model.requireTokenizer().encode(text);
  }

  @Override
  public byte[] decodeBytes(int... ids) {
    return model.requireTokenizer().decodeBytes(ids);
  }

  @Override
  public void close() {
    workers.close();
  }
}
