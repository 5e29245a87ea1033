package org.fastgpt.core;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.HashSet;

/**
 * How many threads are worth it: one per physical core. Two hyper-threads of a core share its
 * multipliers and its way to memory, and each would wait for the slower one.
 */
final class Cores {

  /** More than Linux can be built for; a larger number in a list is not one of a processor. */
  private static final int MAX_CPUS = 1 << 16;

  private Cores() {}

  /** The cores that this process may run on; elsewhere than on Linux, the processors. */
  static int count() {
    return count(
        Path.of("/sys/devices/system/cpu"),
        Path.of("/proc/self/status"),
        Runtime.getRuntime().availableProcessors());
  }

  /**
   * Counts the different sets of hyper-threads among the processors that are allowed.
   *
   * @param cpus has a folder for each processor, with the list of those on its core
   * @param status of the process, with the list of the processors that it may run on
   * @param available processors that the JVM counts, which knows of quotas: never more than these
   */
  static int count(Path cpus, Path status, int available) {
    try {
      BitSet allowed = allowed(status);
      var cores = new HashSet<String>();
      for (int cpu = allowed.nextSetBit(0); cpu >= 0; cpu = allowed.nextSetBit(cpu + 1)) {
        Path siblings = cpus.resolve("cpu" + cpu).resolve("topology/thread_siblings_list");
        cores.add(Files.readString(siblings).strip());
      }
      return cores.isEmpty() ? available : Math.min(cores.size(), available);
    } catch (IOException | IllegalArgumentException e) {
      return available; // no Linux, or a container that does not show it
    }
  }

  /** The line {@code Cpus_allowed_list: 0-3,8}; nothing where there is none. */
  private static BitSet allowed(Path status) throws IOException {
    String key = "Cpus_allowed_list:";
    var allowed = new BitSet();
    for (String line : Files.readAllLines(status)) {
      if (line.startsWith(key)) {
        for (String range : line.substring(key.length()).strip().split(",", -1)) {
          String[] ends = range.split("-", 2);
          int first = Integer.parseInt(ends[0]);
          int last = Integer.parseInt(ends[ends.length - 1]);
          if (first > last || last >= MAX_CPUS) {
            throw new IllegalArgumentException(line);
          }
          allowed.set(first, last + 1);
        }
      }
    }
    return allowed;
  }
}
