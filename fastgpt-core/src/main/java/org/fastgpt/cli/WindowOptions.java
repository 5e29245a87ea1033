package org.fastgpt.cli;

import java.util.Optional;
import org.fastgpt.GptConfig;
import org.fastgpt.Scorer;
import picocli.CommandLine.Option;

/** How a text longer than the context is read. */
final class WindowOptions {

  @Option(
      names = "--window",
      paramLabel = "N",
      description = "See N tokens of a text at once (default: n_ctx).")
  private Integer window;

  @Option(
      names = "--stride",
      paramLabel = "N",
      description =
          "Move on by N tokens, and score these (default: 512, or half of a window"
              + " smaller than 1024).")
  private Integer stride;

  boolean isGiven() {
    return window != null || stride != null;
  }

  /**
   * What was asked for, or the defaults.
   *
   * @throws IllegalArgumentException the model cannot do it
   */
  Scorer scorer(GptConfig config) {
    int size = Optional.ofNullable(window).orElse(config.nCtx());
    var scorer = new Scorer(size, Optional.ofNullable(stride).orElse(Scorer.defaultStride(size)));
    scorer.checkWindow(config);
    return scorer;
  }
}
