package org.fastgpt.core;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CoresTest {

  private static final int AVAILABLE = 64;

  @TempDir private Path folder;

  /** Eight processors on four cores: 0 and 4 share one, 1 and 5, 2 and 6, 3 and 7. */
  @ParameterizedTest
  @CsvSource({
    "'0-7', 64, 4",
    "'0-3', 64, 4",
    "'0,4', 64, 1",
    "'0-1,4-5', 64, 2",
    "'0-2,7', 64, 4",
    "'5', 64, 1",
    "'0-7', 8, 4",
    "'0-7', 3, 3", // a quota
    "'0-7', 1, 1",
  })
  void hyperThreadsOfACoreCountOnce(String allowed, int available, int expected)
      throws IOException {
    assertThat(Cores.count(eightOnFour(), status(allowed), available)).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource({"0-8", "x", "''", "3-1", "0-99999999", "-1", "0-99999999999"})
  void whatCannotBeReadLeavesTheProcessors(String allowed) throws IOException {
    assertThat(Cores.count(eightOnFour(), status(allowed), AVAILABLE)).isEqualTo(AVAILABLE);
  }

  @Test
  void withoutLinuxsFilesProcessorsCount() throws IOException {
    Path nothing = folder.resolve("nothing");
    Path other = Files.writeString(folder.resolve("other"), "Name:\tjava\n");
    assertThat(Cores.count(eightOnFour(), nothing, AVAILABLE)).isEqualTo(AVAILABLE);
    assertThat(Cores.count(eightOnFour(), other, AVAILABLE)).isEqualTo(AVAILABLE);
    assertThat(Cores.count(nothing, status("0-7"), AVAILABLE)).isEqualTo(AVAILABLE);
  }

  @Test
  void thisMachineHasOneAtLeastAndNoMoreThanProcessors() {
    assertThat(Cores.count()).isBetween(1, Runtime.getRuntime().availableProcessors());
  }

  private Path eightOnFour() throws IOException {
    Path cpus = folder.resolve("cpu");
    for (int cpu = 0; cpu < 8; cpu++) {
      Path topology = Files.createDirectories(cpus.resolve("cpu" + cpu).resolve("topology"));
      String siblings = cpu % 4 + "," + (cpu % 4 + 4) + "\n";
      Files.writeString(topology.resolve("thread_siblings_list"), siblings);
    }
    return cpus;
  }

  private Path status(String allowed) throws IOException {
    return Files.writeString(
        folder.resolve("status"),
        "Name:\tjava\nCpus_allowed:\tff\nCpus_allowed_list:\t" + allowed + "\nMems_allowed:\t1\n");
  }
}
