package org.fastgpt.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;

/** For how long this process has been running, the launcher script included. */
final class ProcessAge {

  /** Ticks of a second in /proc/&lt;pid&gt;/stat. */
  private static final int TICKS = 100;

  /** Where in /proc/self/stat, after the program's name, the tick of the start is. */
  private static final int START = 19;

  private ProcessAge() {}

  /** In nanoseconds, to 10 ms on Linux. */
  static long nanos() {
    return nanos(Path.of("/proc"));
  }

  /**
   * From the start's tick and the machine's uptime, where {@code proc} has them. The JVM's own
   * answer, here for all other systems, is up to a second off on Linux: it adds the ticks to a time
   * of boot in whole seconds.
   */
  static long nanos(Path proc) {
    try {
      String stat = Files.readString(proc.resolve("self/stat"));
      String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
      String uptime = Files.readString(proc.resolve("uptime")).split(" ", -1)[0];
      double seconds = Double.parseDouble(uptime) - Double.parseDouble(fields[START]) / TICKS;
      if (seconds >= 0) { // a container may have an uptime of its own
        return Math.round(seconds * 1e9);
      }
    } catch (IOException | NumberFormatException | IndexOutOfBoundsException e) {
      // no Linux
    }
    Instant now = Instant.now();
    Instant start = ProcessHandle.current().info().startInstant().orElse(now);
    return Duration.between(start, now).toNanos();
  }
}
