package org.fastgpt.cli;

import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.fastgpt.model.Progress;

/** Shows a long job as a bar on stderr, from its first step on. */
public final class ProgressLine implements Progress {

  private static final int WIDTH = 79;
  private static final long MEGABYTE = 1 << 20;

  private final Terminal terminal;
  private final boolean quiet;
  private final String job;
  private ProgressBar bar;

  /** For a model that is made at its first use. Nothing is shown if {@code quiet}. */
  public ProgressLine(Terminal terminal, boolean quiet) {
    this(terminal, quiet, "Writing weights");
  }

  /** For {@code job}, by the name that is shown. */
  ProgressLine(Terminal terminal, boolean quiet, String job) {
    this.terminal = terminal;
    this.quiet = quiet;
    this.job = job;
  }

  @Override
  public void update(long doneBytes, long totalBytes) {
    if (quiet) {
      return;
    }
    if (bar == null) {
      bar =
          new ProgressBarBuilder()
              .setTaskName(job)
              .setInitialMax(totalBytes)
              .setUnit(" MiB", MEGABYTE)
              .setStyle(ProgressBarStyle.ASCII)
              .showSpeed()
              .setConsumer(new ConsoleProgressBarConsumer(terminal.err(), WIDTH))
              .build();
    }
    bar.stepTo(doneBytes);
    if (doneBytes == totalBytes) {
      bar.close();
    }
  }
}
