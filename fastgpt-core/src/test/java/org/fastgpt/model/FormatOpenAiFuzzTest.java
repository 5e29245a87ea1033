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
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Damaged models of OpenAI's and llm.c's layouts: each is opened whole or refused in one line that
 * names a file, soon and in little memory. As many of each kind as the system property {@code
 * fastgpt.fuzz} says.
 */
class FormatOpenAiFuzzTest {
  private static final int TRIES = Integer.getInteger("fastgpt.fuzz", 500);
  private static final long MEMORY_BYTES = 64 << 20; // the whole model takes 250 kB
  private static final String INDEX = "model.ckpt.index";

  /** Numbers at the edges, as protobuf's varints and as four bytes; and too long a varint. */
  private static final List<byte[]> EXTREMES =
      List.of(
          hex("00"),
          hex("7f"),
          hex("ffffffff07"),
          hex("8080808008"),
          hex("ffffffff0f"),
          hex("ffffffffffffffff7f"),
          hex("ffffffffffffffffff01"),
          hex("ffffffffffffffffffff01"),
          hex("ffffff7f"),
          hex("ffffffff"),
          hex("00000080"),
          hex("00000400"),
          hex("00000000"),
          hex("01000000"));

  private static final String ORIGINAL =
      "dd8fec95c4d9a0000b47526ddd88786059fac6e8ba63e3d18fb4b939073c629f";

  @TempDir Path temp;

  /** Whatever opens has OpenAI's checksums, or says that it does not: nothing wrong is silent. */
  @Test
  void aDamagedOpenAiFolderIsRefusedOrShownByItsChecksums() throws IOException {
    Map<String, byte[]> valid = files(Data.FORMATS.resolve("openai"));
    assertThat(open(-1, temp, valid, true)).isTrue();
    int refused = 0;
    for (int seed = 0; seed < TRIES; seed++) {
      var random = new Random(seed);
      var files = new TreeMap<>(valid);
      for (int n = 1 + random.nextInt(2); n > 0; n--) {
        String name = random.nextBoolean() ? INDEX : pick(random, List.copyOf(files.keySet()));
        files.put(name, mutated(files.get(name), random));
      }
      refused += open(seed, temp, files, true) ? 0 : 1;
    }
    assertThat(refused).isGreaterThan(TRIES / 2);
  }

  /** The parser behind the checksums: they are made right again after the damage. */
  @Test
  void anIndexWithGoodChecksumsIsRefusedOrShownByThoseOfItsTensors() throws IOException {
    Map<String, byte[]> valid = files(Data.FORMATS.resolve("openai"));
    int refused = 0;
    for (int seed = 0; seed < TRIES; seed++) {
      var random = new Random(seed);
      byte[] index = valid.get(INDEX).clone();
      for (int n = 1 + random.nextInt(3); n > 0; n--) {
        overwrite(index, random);
      }
      var files = new TreeMap<>(valid);
      files.put(INDEX, Bundle.withGoodChecksums(index));
      refused += open(seed, temp, files, true) ? 0 : 1;
    }
    assertThat(refused).isGreaterThan(TRIES / 2);
  }

  @Test
  void aDamagedLlmcFileIsOpenedWholeOrRefused() throws IOException {
    Map<String, byte[]> valid = files(Data.FORMATS.resolve("llmc"));
    assertThat(open(-1, temp.resolve("gpt2.bin"), valid, false)).isTrue();
    int refused = 0;
    for (int seed = 0; seed < TRIES; seed++) {
      var random = new Random(seed);
      var files = new TreeMap<String, byte[]>();
      byte[] model = valid.get(random.nextBoolean() ? "gpt2.bin" : "gpt2_bf16.bin").clone();
      byte[] tokens = valid.get("gpt2_tokenizer.bin").clone();
      files.put(
          "gpt2.bin", random.nextBoolean() ? inHeader(model, random) : mutated(model, random));
      files.put(
          "gpt2_tokenizer.bin",
          random.nextBoolean() ? inHeader(tokens, random) : mutated(tokens, random));
      refused += open(seed, temp.resolve("gpt2.bin"), files, false) ? 0 : 1;
    }
    assertThat(refused).isGreaterThan(TRIES / 4);
  }

  /** Writes the files and opens {@code model}; whether that, with its vocabulary, was possible. */
  private boolean open(int seed, Path model, Map<String, byte[]> files, boolean checksums)
      throws IOException {
    for (var file : files.entrySet()) {
      Files.write(temp.resolve(file.getKey()), file.getValue());
    }
    return assertTimeoutPreemptively(
        Duration.ofSeconds(60), () -> openInLittleMemory(model, checksums), () -> "seed " + seed);
  }

  private boolean openInLittleMemory(Path path, boolean checksums) {
    var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    boolean opened = false;
    try (Model model = Model.open(path)) {
      checkTensors(model);
      if (checksums) {
        model.verify(Progress.NONE);
        assertThat(model.weightsHash(Progress.NONE)).isEqualTo(ORIGINAL);
      }
      model.requireTokenizer().encode("Alan Turing theorized");
      opened = true;
    } catch (ModelException e) {
      assertThat(e.getMessage())
          .hasLineCount(1)
          .hasSizeLessThan(1100)
          .containsPattern("model\\.ckpt|hparams\\.json|encoder\\.json|vocab\\.bpe|gpt2.*\\.bin|/");
    }
    assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(MEMORY_BYTES);
    return opened;
  }

  private static void checkTensors(Model model) {
    GptTensors.forEach(
        model.config(),
        (name, shape) -> {
          long elements = shape.stream().mapToLong(d -> d).reduce(1, (a, b) -> a * b);
          assertThat(model.tensors().get(name).shape()).isEqualTo(shape);
          assertThat(model.floats(name).byteSize()).isEqualTo(4 * elements);
        });
  }

  private static byte[] mutated(byte[] original, Random random) {
    byte[] bytes = original.clone();
    if (bytes.length < 16) { // another mutation has left no more
      return bytes;
    }
    int at = random.nextInt(bytes.length);
    switch (random.nextInt(5)) {
      case 0 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
      case 1 -> bytes = Arrays.copyOf(bytes, at);
      case 2 -> bytes = Arrays.copyOf(bytes, bytes.length + 1 + random.nextInt(1000));
      case 3 -> overwrite(bytes, random);
      default -> {
        int length = Math.min(1 + random.nextInt(64), bytes.length - at);
        int to = random.nextInt(bytes.length - length + 1);
        System.arraycopy(original, at, bytes, to, length);
      }
    }
    return bytes;
  }

  /** A bit, a byte, or a number at the edge, somewhere. */
  private static void overwrite(byte[] bytes, Random random) {
    int at = random.nextInt(bytes.length);
    switch (random.nextInt(3)) {
      case 0 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
      case 1 -> bytes[at] = (byte) random.nextInt(256);
      default -> {
        byte[] extreme = pick(random, EXTREMES);
        System.arraycopy(extreme, 0, bytes, at, Math.min(extreme.length, bytes.length - at));
      }
    }
  }

  /** One of the first eight numbers: the edges, a power of two, or one more or less. */
  private static byte[] inHeader(byte[] bytes, Random random) {
    ByteBuffer header = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int at = 4 * random.nextInt(8);
    header.putInt(
        at,
        switch (random.nextInt(4)) {
          case 0 -> pick(random, List.of(0, -1, 1, Integer.MAX_VALUE, Integer.MIN_VALUE));
          case 1 -> 1 << random.nextInt(32);
          case 2 -> header.getInt(at) + 1;
          default -> header.getInt(at) - 1;
        });
    return bytes;
  }

  private static <T> T pick(Random random, List<T> from) {
    return from.get(random.nextInt(from.size()));
  }

  private static byte[] hex(String bytes) {
    return HexFormat.of().parseHex(bytes);
  }

  private static Map<String, byte[]> files(Path folder) throws IOException {
    var files = new TreeMap<String, byte[]>();
    try (var all = Files.newDirectoryStream(folder)) {
      for (Path file : all) {
        files.put(file.getFileName().toString(), Files.readAllBytes(file));
      }
    }
    files.remove("checkpoint"); // not read
    return files;
  }
}
