package org.fastgpt.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Random;

/** Damage to binary files, and what must hold of whoever opens them. */
final class Fuzz {
  private static final long MEMORY_BYTES = 64 << 20; // the largest valid model here takes 3 MB
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final long[] EXTREMES = {
    0,
    1,
    -1,
    255,
    65535,
    65536,
    1 << 24,
    Integer.MAX_VALUE,
    Integer.MIN_VALUE,
    1L << 31,
    1L << 32,
    1L << 62,
    Long.MAX_VALUE,
    Long.MIN_VALUE
  };

  private Fuzz() {}

  /** How many damaged files to try of each kind: 500, or the system property fastgpt.fuzz. */
  static int count() {
    return Integer.getInteger("fastgpt.fuzz", 500);
  }

  /**
   * The file with one to three faults, a third of them in its first {@code head} bytes and a third
   * in its last {@code tail}: a flipped bit, a cut, an extension, bytes from elsewhere, a number
   * that is off by one or extreme.
   */
  static byte[] damaged(byte[] valid, int head, int tail, Random random) {
    byte[] bytes = valid.clone();
    for (int n = 1 + random.nextInt(3); n > 0 && bytes.length >= 16; n--) {
      int place = random.nextInt(3);
      int begin = place == 0 ? Math.max(0, bytes.length - 1 - tail) : 0;
      int end = place == 1 ? Math.min(head, bytes.length) : bytes.length;
      int at = random.nextInt(begin, end);
      int with = random.nextInt(1 << 16);
      ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
      int number = Math.min(with % 2 == 0 ? at : at / 4 * 4, bytes.length - 8); // many are aligned
      long extreme = EXTREMES[with / 2 % EXTREMES.length];
      switch (random.nextInt(8)) {
        case 0, 1 -> bytes[at] ^= (byte) (1 << (with % 8));
        case 2 -> bytes = Arrays.copyOf(bytes, at);
        case 3 -> bytes = Arrays.copyOf(bytes, bytes.length + 1 + with % 1000);
        case 4 -> {
          int length = Math.min(1 + with % 64, bytes.length - at);
          int from = random.nextInt(bytes.length - length + 1);
          System.arraycopy(valid, Math.min(from, valid.length - length), bytes, at, length);
        }
        case 5 -> buffer.putInt(number, (int) extreme);
        case 6 -> buffer.putLong(number, extreme);
        default -> buffer.putInt(number, buffer.getInt(number) + with % 9 - 4);
      }
    }
    return bytes;
  }

  /**
   * Writes damaged files at {@code file} and opens each: whole, or refused in one line that names
   * it; soon, and in little memory. Both must have happened at the end.
   *
   * @param head number of bytes before the tensors
   * @param tail number of bytes after them
   */
  static void openDamaged(byte[] valid, int head, int tail, Path file) throws IOException {
    var random = new Random(1);
    int opened = 0;
    for (int i = 0; i < count(); i++) {
      // Texts of a vocabulary fill a header: its numbers lie in the first part of it.
      int part = random.nextBoolean() ? head : Math.min(head, 700);
      Files.write(file, damaged(valid, part, tail, random));
      opened += assertTimeoutPreemptively(PATIENCE, () -> openInLittleMemory(file)) ? 1 : 0;
      Files.delete(file); // which is mapped no longer
    }
    assertThat(opened).isBetween(1, count() - 1);
  }

  private static boolean openInLittleMemory(Path file) {
    var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    boolean opened =
        succeedsOrRefuses(
            file,
            () -> {
              try (Model model = Model.open(file)) {
                checkTensors(model);
                succeedsOrRefuses(file, () -> model.tokenizer().ifPresent(t -> t.decode(0)));
              }
            });
    assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(MEMORY_BYTES);
    return opened;
  }

  /** Whether it succeeds; if not, it must say in one line that names the file what is wrong. */
  static boolean succeedsOrRefuses(Path file, Runnable use) {
    try {
      use.run();
      return true;
    } catch (ModelException e) {
      assertThat(e.getMessage()).startsWith(file.toString()).hasLineCount(1).hasSizeLessThan(1100);
      return false;
    }
  }

  /** What the configuration asks for is there, down to the last byte. */
  private static void checkTensors(Model model) {
    GptTensors.forEach(
        model.config(),
        (name, shape) -> {
          long elements = shape.stream().mapToLong(d -> d).reduce(1, Math::multiplyExact);
          assertThat(model.tensors().get(name).shape()).isEqualTo(shape);
          assertThat(model.floats(name).byteSize()).isEqualTo(4 * elements);
          model.floats(name).get(Model.FLOAT, 4 * elements - 4);
        });
  }
}
