package org.fastgpt.nd4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Scanner;
import org.fastgpt.Session;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Native memory does not grow: not with the tokens of a session, not with sessions. */
@Tag("slow")
class MemoryTest {
  private static final Path STATM = Path.of("/proc/self/statm");
  private static final long PAGE = 4096; // of x86_64 and most arm64 kernels
  private static final long MB = 1 << 20;

  @BeforeEach
  void needLinux() {
    assumeTrue(Files.exists(STATM), "resident memory is read from " + STATM + ", on Linux only");
  }

  /** Without workspaces the plain form grows by 420 MB until the garbage collector runs. */
  @ParameterizedTest
  @ValueSource(strings = {"cache", "plain"})
  void threeHundredTokensDoNotAddUp(String form) {
    Golden.withEngine(
        Golden.TINY,
        form,
        engine -> {
          try (Session session = engine.newSession()) {
            Runnable tokens =
                () -> {
                  session.rewind(0);
                  Golden.greedy(session, new int[200], 50);
                };
            assertThat(growth(tokens, 6))
                .isLessThan(96 * MB); // measured: 0 to 47 MB, compiled code
          }
        });
  }

  /** Sessions that were not freed end in an OutOfMemoryError of JavaCPP. */
  @Test
  void twentySessionsDoNotAddUp() {
    Golden.withEngine(
        "synthetic-124M",
        "cache",
        engine -> {
          Runnable one =
              () -> {
                try (Session session = engine.newSession()) {
                  session.forward(new int[100]);
                }
              };
          assertThat(growth(one, 20)).isLessThan(96 * MB); // measured: 0 MB
        });
  }

  /**
   * The largest growth of resident memory seen after any of {@code times} runs, two others before.
   */
  private static long growth(Runnable run, int times) {
    run.run();
    run.run(); // what is allocated once: code, pools of threads, the workspace
    long before = residentBytes();
    long max = before;
    for (int i = 0; i < times; i++) {
      run.run();
      max = Math.max(max, residentBytes());
    }
    return max - before;
  }

  private static long residentBytes() {
    try {
      return new Scanner(Files.readString(STATM)).skip("\\d+").nextLong() * PAGE;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
