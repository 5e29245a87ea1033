package org.fastgpt.cli;

import java.time.Duration;
import java.util.Locale;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.fastgpt.model.Progress;

/**
 * Shows a long job on stderr, from its first step on: to a person as a bar with speed and time
 * left, else, for a log, as a line at each tenth.
 */
public final class ProgressLine implements Progress, AutoCloseable {

  private static final int WIDTH = 79;
  private static final long MEGABYTE = 1_000_000;
  private static final int LINES = 10;

  private final Terminal terminal;
  private final boolean quiet;
  private final String task;
  private final String unit;
  private final long unitSize;
  private ProgressBar bar;
  private long startNanos;
  private long startBytes = -1;
  private long lines; // written so far

  /** For weights that are written; nothing is shown if {@code quiet}. */
  public ProgressLine(Terminal terminal, boolean quiet) {
    this(terminal, quiet, "Writing weights");
  }

  /** For a job of another name. */
  ProgressLine(Terminal terminal, boolean quiet, String task) {
    this(terminal, quiet, task, "MB", MEGABYTE);
  }

  /** For a job that does not count bytes, but what {@code unit} says, so many at once. */
  ProgressLine(Terminal terminal, boolean quiet, String task, String unit, long unitSize) {
    this.terminal = terminal;
    this.quiet = quiet;
    this.task = task;
    this.unit = unit;
    this.unitSize = unitSize;
  }

  @Override
  public void update(long doneBytes, long totalBytes) {
    if (quiet) {
      return;
    }
    if (startBytes < 0) {
      startBytes = doneBytes;
      startNanos = System.nanoTime();
    }
    if (terminal.interactive()) {
      updateBar(doneBytes, totalBytes);
    } else {
      updateLines(doneBytes, totalBytes);
    }
  }

  /** A line beside the progress. */
  void note(String line) {
    if (!quiet) {
      terminal.say(bar == null ? line : System.lineSeparator() + line);
    }
  }

  private void updateBar(long doneBytes, long totalBytes) {
    if (bar == null) {
      bar =
          new ProgressBarBuilder()
              .setTaskName(task)
              .setInitialMax(totalBytes)
              .startsFrom(doneBytes, Duration.ZERO)
              .setUnit(" " + unit, unitSize)
              .setStyle(ProgressBarStyle.ASCII)
              .showSpeed()
              .setConsumer(new ConsoleProgressBarConsumer(terminal.err(), WIDTH))
              .build();
    }
    bar.stepTo(doneBytes);
    if (doneBytes == totalBytes) {
      close();
    }
  }

  private void updateLines(long doneBytes, long totalBytes) {
    long tenths = totalBytes == 0 ? LINES : doneBytes * LINES / totalBytes;
    if (tenths > lines) {
      lines = tenths;
      double seconds = (System.nanoTime() - startNanos) / 1e9;
      double bytesPerSecond = (doneBytes - startBytes) / seconds;
      terminal.say(
          String.format(
              Locale.ROOT,
              unitSize == 1 ? "%s: %d%% of %.0f %s%s" : "%s: %d%% of %.1f %s%s",
              task,
              tenths * 100 / LINES,
              (double) totalBytes / unitSize,
              unit,
              bytesPerSecond > 0 ? speed(bytesPerSecond, totalBytes - doneBytes) : ""));
    }
  }

  private String speed(double bytesPerSecond, long leftBytes) {
    return String.format(
        Locale.ROOT,
        ", %.1f %s/s, %.0f s left",
        bytesPerSecond / unitSize,
        unit,
        leftBytes / bytesPerSecond);
  }

  /** Ends the bar, wherever it is. */
  @Override
  public void close() {
    if (bar != null) {
      bar.close();
      bar = null;
    }
  }
}
