package org.fastgpt.core;

import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.EngineProvider;
import org.fastgpt.model.Model;
import org.fastgpt.model.StoredTensor.DType;

/**
 * The core engine by its name {@code core}. Two settings:
 *
 * <ul>
 *   <li>{@code kernels}: {@code auto} (the default, also by the system property fastgpt.kernels),
 *       {@code scalar} or {@code vector}, which all give the same bits; {@code openblas} or {@code
 *       accelerate} for the matrix products of these libraries, whose bits differ by rounding.
 *   <li>{@code gelu}: {@code tanh} (the default) or {@code fast_tanh}, fastGPT's polynomial, whose
 *       results differ by far more: see {@link org.fastgpt.Tolerances#FAST_TANH}.
 * </ul>
 */
public final class CoreProvider implements EngineProvider {

  /**
   * How long the sessions of this process have waited, all together, for the kernels to be
   * compiled. It is part of the time that their first {@code forward} took.
   */
  public static long warmUpWaitNanos() {
    return Warmup.waitedNanos();
  }

  @Override
  public String name() {
    return "core";
  }

  /**
   * Begins to get the kernels compiled, if they are those of the Vector API. Opening an engine does
   * so too.
   */
  @Override
  public void warmUp(EngineOptions options) {
    if (Kernels.areVectors(CoreEngine.kernelsName(options))) {
      Warmup.start(DType.F32);
    }
  }

  @Override
  public Engine open(Model model, EngineOptions options) {
    return new CoreEngine(model, options);
  }
}
