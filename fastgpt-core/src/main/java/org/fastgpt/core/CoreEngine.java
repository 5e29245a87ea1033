package org.fastgpt.core;

import java.util.Set;
import org.fastgpt.Batch;
import org.fastgpt.Batching;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.GptConfig;
import org.fastgpt.ParameterView;
import org.fastgpt.Promise;
import org.fastgpt.Session;
import org.fastgpt.TextCodec;
import org.fastgpt.model.Model;
import org.fastgpt.model.StoredTensor.DType;

/** The hand-written engine: weights used in place, kernels chosen once, a few threads. */
final class CoreEngine implements Engine, Batching, TextCodec, ParameterView {

  private static final String TANH = "tanh";
  private static final String FAST_TANH = "fast_tanh";

  private final Model model;
  private final GptConfig config;
  private final Weights weights;
  private final Kernels kernels;
  private final Workers workers;
  private final boolean fastTanh;

  CoreEngine(Model model, EngineOptions options) {
    this.model = model;
    config = model.config();
    kernels = kernels(options);
    fastTanh = fastTanh(options.settings().getOrDefault("gelu", TANH));
    if (kernels instanceof VectorKernels) {
      Warmup.start(DType.F32);
      Warmup.start(model.tensors().get("wte.weight").dtype());
    }
    weights = Weights.of(model);
    workers = workers(options);
  }

  static Kernels kernels(EngineOptions options) {
    return Kernels.named(kernelsName(options));
  }

  static String kernelsName(EngineOptions options) {
    String wanted = System.getProperty("fastgpt.kernels", "auto");
    return options.settings().getOrDefault("kernels", wanted);
  }

  static Workers workers(EngineOptions options) {
    return new Workers(options.threads() == 0 ? Cores.count() : options.threads());
  }

  private static boolean fastTanh(String gelu) {
    return switch (gelu) {
      case TANH -> false;
      case FAST_TANH -> true;
      default ->
          throw new IllegalArgumentException(
              "gelu '" + gelu + "' is unknown; there are: " + TANH + ", " + FAST_TANH);
    };
  }

  @Override
  public String name() {
    return "core-" + kernels.name() + (fastTanh ? "+" + FAST_TANH : "");
  }

  @Override
  public GptConfig config() {
    return config;
  }

  @Override
  public Set<Promise> promises() {
    return kernels.sumsAsDefined() ? Set.of(Promise.values()) : Set.of();
  }

  @Override
  public Session newSession() {
    return new Gpt2Session(model, newPass());
  }

  @Override
  public Batch newBatch(int rows) {
    return new Gpt2Batch(model, newPass(), rows);
  }

  private Gpt2 newPass() {
    return new Gpt2(config, weights, kernels, workers, fastTanh);
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
