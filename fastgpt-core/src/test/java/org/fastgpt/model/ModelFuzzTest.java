package org.fastgpt.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/**
 * Valid models, damaged: each is opened whole or refused in one line, soon and in little memory.
 */
class ModelFuzzTest {
  private static final List<Map<String, byte[]>> VALID = new ArrayList<>();
  private static final Pattern NUMBER = Pattern.compile("-?[0-9][0-9.e-]*");
  private static final Pattern WORD = Pattern.compile("\"[^\"]*\"|true|false|null|[\\[\\]{}:,]");
  private static final List<String> NUMBERS =
      List.of(
          "0",
          "1",
          "-1",
          "4",
          "255",
          "65536",
          "2147483647",
          "2147483648",
          "4294967296",
          "9223372036854775807",
          "18446744073709551616",
          "1e400",
          "0.5");
  private static final long MEMORY_BYTES = 64 << 20; // the largest valid model here takes 2 MB
  private static Path temp;

  enum Kind {
    FLIP,
    FLIP_IN_HEADER,
    TRUNCATE,
    EXTEND,
    SPLICE,
    HEADER_LENGTH,
    NUMBER,
    OFF_BY_ONE,
    WORD
  }

  /** {@code file}, {@code at} and {@code with} are taken modulo what there is to choose from. */
  record Mutation(Kind kind, int file, int at, int with) {}

  @BeforeContainer
  static void readTheValidModels() throws IOException {
    temp = Files.createTempDirectory("fuzz");
    for (String format : List.of("", "sharded", "f16", "bf16")) {
      VALID.add(files(Data.FORMATS.resolve(format)));
    }
    Synthetic.write("synthetic-awkward", temp.resolve("awkward"), Progress.NONE);
    VALID.add(files(temp.resolve("awkward")));
  }

  @AfterContainer
  static void deleteWhatWasWritten() throws IOException {
    try (var files = Files.walk(temp)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  @Property(seed = "1")
  void aDamagedModelIsOpenedWholeOrRefusedInOneLine(
      @ForAll("indices") int valid, @ForAll("mutations") List<Mutation> mutations)
      throws IOException {
    var files = new TreeMap<>(VALID.get(valid));
    mutations.forEach(m -> mutate(files, m));
    Path folder = Files.createTempDirectory(temp, "model");
    for (var file : files.entrySet()) {
      Files.write(folder.resolve(file.getKey()), file.getValue());
    }
    assertTimeoutPreemptively(Duration.ofSeconds(20), () -> openInLittleMemory(folder));
    for (String name : files.keySet()) {
      Files.delete(folder.resolve(name));
    }
    Files.delete(folder);
  }

  @Provide
  Arbitrary<Integer> indices() {
    return Arbitraries.integers().between(0, VALID.size() - 1);
  }

  @Provide
  Arbitrary<List<Mutation>> mutations() {
    Arbitrary<Integer> any =
        Arbitraries.integers().between(0, Integer.MAX_VALUE).withoutEdgeCases();
    return Combinators.combine(Arbitraries.of(Kind.class), any, any, any)
        .as(Mutation::new)
        .list()
        .ofMinSize(1)
        .ofMaxSize(3);
  }

  private static void openInLittleMemory(Path folder) {
    var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    try (Model model = Model.open(folder)) {
      GptTensors.forEach(
          model.config(),
          (name, shape) -> {
            long elements = shape.stream().mapToLong(d -> d).reduce(1, (a, b) -> a * b);
            assertThat(model.tensors().get(name).shape()).isEqualTo(shape);
            assertThat(model.floats(name).byteSize()).isEqualTo(4 * elements);
          });
    } catch (ModelException e) {
      assertThat(e.getMessage()).isNotBlank().hasLineCount(1).hasSizeLessThan(1100);
    }
    assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(MEMORY_BYTES);
  }

  private static void mutate(Map<String, byte[]> files, Mutation m) {
    List<String> names = new ArrayList<>(files.keySet());
    if (m.at % 4 != 0) {
      names.remove("config.json"); // else every second mutation would hit it
    }
    String name = names.get(m.file % names.size());
    byte[] bytes = files.get(name);
    if (bytes.length > 16) { // another mutation may have left less
      files.put(name, mutated(bytes, name.endsWith(".safetensors"), m));
    }
  }

  private static byte[] mutated(byte[] bytes, boolean tensors, Mutation m) {
    int textStart = tensors ? 8 : 0;
    long announced = tensors ? buffer(bytes).getLong(0) : bytes.length;
    int textEnd = Math.clamp(textStart + announced, textStart + 1, bytes.length);
    int inHeader = m.at % textEnd;
    int anywhere = m.at % bytes.length;
    switch (m.kind) {
      case FLIP -> bytes = flipped(bytes, anywhere, m.with);
      case FLIP_IN_HEADER -> bytes = flipped(bytes, inHeader, m.with);
      case TRUNCATE -> bytes = Arrays.copyOf(bytes, m.with % 2 == 0 ? anywhere : inHeader);
      case EXTEND -> bytes = Arrays.copyOf(bytes, bytes.length + 1 + m.with % 1000);
      case SPLICE -> {
        bytes = bytes.clone();
        int length = Math.min(1 + m.with % 64, bytes.length - anywhere);
        System.arraycopy(bytes, anywhere, bytes, m.with % (bytes.length - length + 1), length);
      }
      case HEADER_LENGTH -> {
        bytes = bytes.clone();
        long length = Long.MIN_VALUE >>> (m.with % 64);
        buffer(bytes).putLong(0, m.at % 2 == 0 ? length : announced + m.at % 9 - 4);
      }
      case NUMBER, OFF_BY_ONE, WORD -> {
        String text = new String(bytes, textStart, textEnd - textStart, StandardCharsets.UTF_8);
        byte[] edited = edited(text, m).getBytes(StandardCharsets.UTF_8);
        var out = ByteBuffer.allocate(textStart + edited.length + bytes.length - textEnd);
        out.order(ByteOrder.LITTLE_ENDIAN);
        if (tensors) {
          out.putLong(edited.length);
        }
        bytes = out.put(edited).put(bytes, textEnd, bytes.length - textEnd).array();
      }
    }
    return bytes;
  }

  /** One number or word of the text, replaced by another. */
  private static String edited(String text, Mutation m) {
    Pattern pattern = m.kind == Kind.WORD ? WORD : NUMBER;
    List<MatchResult> matches = pattern.matcher(text).results().toList();
    if (matches.isEmpty()) {
      return text;
    }
    MatchResult match = matches.get(m.at % matches.size());
    String replacement =
        switch (m.kind) {
          case NUMBER -> NUMBERS.get(m.with % NUMBERS.size());
          case OFF_BY_ONE -> offByOne(match.group(), m.with % 2 * 2 - 1);
          default -> matches.get(m.with % matches.size()).group();
        };
    return text.substring(0, match.start()) + replacement + text.substring(match.end());
  }

  private static String offByOne(String number, int difference) {
    return number.matches("-?[0-9]{1,18}")
        ? Long.toString(Long.parseLong(number) + difference)
        : "1";
  }

  private static byte[] flipped(byte[] bytes, int at, int with) {
    byte[] flipped = bytes.clone();
    flipped[at] ^= (byte) (1 << (with % 8));
    return flipped;
  }

  private static ByteBuffer buffer(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static Map<String, byte[]> files(Path folder) throws IOException {
    var files = new TreeMap<String, byte[]>();
    try (var all = Files.newDirectoryStream(folder, "{config.json,model*.safetensors*}")) {
      for (Path file : all) {
        files.put(file.getFileName().toString(), Files.readAllBytes(file));
      }
    }
    return files;
  }
}
