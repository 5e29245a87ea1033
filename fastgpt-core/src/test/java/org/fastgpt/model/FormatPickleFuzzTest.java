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
import java.util.SplittableRandom;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Valid files of PyTorch, damaged: each is opened whole or refused in one line that names it, soon
 * and in little memory. {@code -Dfastgpt.fuzz=100000} tries that many of each, in place of 500.
 */
class FormatPickleFuzzTest {
  private static final int TRIES = Integer.getInteger("fastgpt.fuzz", 500);
  private static final int STRUCTURE_BYTES =
      4096; // at the begin the pickle, at the end the directory
  private static final long MEMORY_BYTES = 64 << 20; // the largest valid file here takes 2 MB
  private static final long[] NUMBERS = {
    0,
    1,
    -1,
    2,
    0x7F,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000L,
    0xFFFFFFFFL,
    1L << 32,
    Long.MAX_VALUE,
    Long.MIN_VALUE
  };

  @TempDir private Path temp;

  @ParameterizedTest
  @CsvSource({
    "pytorch_model.bin, pytorch_model.bin, config.json",
    "legacy.bin, pytorch_model.bin, config.json",
    "mingpt.pt, model.pt, n_head",
    "nanogpt.pt, ckpt.pt, nothing",
    "char/ckpt.pt, ckpt.pt, meta.pkl",
    "char/meta.pkl, meta.pkl, ckpt.pt"
  })
  void aDamagedFileIsOpenedWholeOrRefusedInOneLine(String source, String name, String beside)
      throws IOException {
    Path pt = Data.FORMATS.resolve("pt");
    byte[] valid = Files.readAllBytes(pt.resolve(source));
    Path file = temp.resolve(name);
    switch (beside) {
      case "config.json" -> Files.copy(Data.FORMATS.resolve(beside), temp.resolve(beside));
      case "n_head" -> Files.writeString(temp.resolve("config.json"), "{\"model\":{\"n_head\":4}}");
      case "nothing" -> {}
      default -> Files.copy(pt.resolve("char").resolve(beside), temp.resolve(beside));
    }
    Files.write(file, valid);
    assertThat(opens(name)).as("the valid one").isTrue();
    for (int seed = 0; seed < TRIES; seed++) {
      var random = new SplittableRandom(seed);
      byte[] damaged = valid;
      for (int i = random.nextInt(1, 4); i > 0 && damaged.length > 16; i--) {
        damaged = damaged(damaged, random);
      }
      Files.write(file, damaged);
      try {
        assertTimeoutPreemptively(Duration.ofSeconds(20), () -> opens(name));
      } catch (Throwable e) {
        throw new AssertionError(source + " damaged with seed " + seed, e);
      }
    }
  }

  /** Whether it opens; if not, then with a proper message. */
  private boolean opens(String name) {
    var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    boolean opened = true;
    try (Model model = Model.open(temp)) {
      GptTensors.forEach(
          model.config(),
          (tensor, shape) -> {
            long elements = shape.stream().mapToLong(d -> d).reduce(1, (a, b) -> a * b);
            assertThat(model.tensors().get(tensor).shape()).isEqualTo(shape);
            assertThat(model.floats(tensor).byteSize()).isEqualTo(4 * elements);
          });
      model.tokenizer().ifPresent(t -> assertThat(t.size()).isEqualTo(model.config().nVocab()));
    } catch (ModelException e) {
      assertThat(e.getMessage()).contains(name).hasLineCount(1).hasSizeLessThan(1100);
      opened = false;
    }
    assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(MEMORY_BYTES);
    return opened;
  }

  private static byte[] damaged(byte[] from, SplittableRandom random) {
    byte[] bytes = from.clone();
    int n = bytes.length;
    int structure = Math.min(n, STRUCTURE_BYTES);
    int at = random.nextInt(structure);
    at = random.nextBoolean() ? at : n - 1 - at;
    switch (random.nextInt(8)) {
      case 0 -> bytes[random.nextInt(n)] ^= (byte) (1 << random.nextInt(8));
      case 1, 2 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
      case 3 -> bytes[at] = (byte) random.nextInt(256);
      case 4 -> bytes = Arrays.copyOf(bytes, random.nextBoolean() ? at : random.nextInt(n));
      case 5 -> bytes = Arrays.copyOf(bytes, n + 1 + random.nextInt(1000));
      case 6 -> {
        int length = Math.min(1 + random.nextInt(64), n - at);
        System.arraycopy(bytes, at, bytes, random.nextInt(n - length + 1), length);
      }
      default -> number(bytes, Math.min(at, n - 8), random);
    }
    return bytes;
  }

  /** Lengths, offsets and counts have 1, 2, 4 or 8 bytes. */
  private static void number(byte[] bytes, int at, SplittableRandom random) {
    long number = NUMBERS[random.nextInt(NUMBERS.length)];
    var buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    switch (random.nextInt(4)) {
      case 0 -> buffer.put(at, (byte) number);
      case 1 -> buffer.putShort(at, (short) number);
      case 2 -> buffer.putInt(at, (int) number);
      default -> buffer.putLong(at, number);
    }
  }
}
