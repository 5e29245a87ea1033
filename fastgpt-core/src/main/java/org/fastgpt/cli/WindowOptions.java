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
      description = "Read long texts N tokens at a time (default: n_ctx).")
  private Integer window;

  @Option(
      names = "--stride",
      paramLabel = "N",
      description =
          "Move the window on by N tokens, and score these (default: 512, or half of a window"
              + " smaller than 1024).")
  private Integer stride;

  boolean isGiven() {
    return window != null || stride != null;
  }

  Scorer scorer(GptConfig config) {
    int size = Optional.ofNullable(window).orElse(config.nCtx());
    return new Scorer(size, Optional.ofNullable(stride).orElse(Scorer.defaultStride(size)));
  }
}
