package org.fastgpt.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;
import org.fastgpt.GptConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How weights are known, in any layout. */
class VerificationTest {
  private static final GptConfig GPT2 = GptConfig.gpt2(50257, 1024, 768, 12, 12);

  @TempDir Path temp;

  /** The values are hashlib's over the arrays that Python reads from the safetensors files. */
  @Test
  void theHashIsThatOfTheValuesInAnyLayout() {
    for (String layout : List.of("", "sharded", "openai", "llmc/gpt2.bin")) {
      assertThat(hash(Data.FORMATS.resolve(layout)))
          .as(layout)
          .isEqualTo("dd8fec95c4d9a0000b47526ddd88786059fac6e8ba63e3d18fb4b939073c629f");
    }
    for (String layout : List.of("bf16", "llmc/gpt2_bf16.bin")) {
      assertThat(hash(Data.FORMATS.resolve(layout)))
          .as(layout)
          .isEqualTo("d3c8086d85d28408d6e65a70d00497f21f6eb9b8a61f44d1137917da129ac9e5");
    }
  }

  private static String hash(Path path) {
    try (Model model = Model.open(path)) {
      return model.weightsHash(Progress.NONE);
    }
  }

  @Test
  void progressRisesToAllOfTheBytes() {
    var heard = new ArrayList<Long>();
    try (Model model = Model.open(Data.FORMATS)) {
      model.verify(
          (done, total) -> {
            assertThat(total).isEqualTo(241_152);
            heard.add(done);
          });
    }
    assertThat(heard).isSorted().hasSize(28).endsWith(241_152L);
  }

  @Test
  void aModelOfOtherShapesIsNotKnown() {
    try (Model model = Model.open(Data.FORMATS)) {
      Verification verification = model.verify(Progress.NONE);
      assertThat(verification.isOpenAis()).isFalse();
      assertThat(verification)
          .hasToString("not known: there are checksums for OpenAI's GPT-2 124M only");
      assertThat(OpenAiWeights.is124M(model)).isFalse();
    }
  }

  @Test
  void theSynthetic124MIsNotOpenAis() {
    try (Model model = Model.open(Models.resolve("synthetic-124M", Progress.NONE))) {
      Verification verification = model.verify(Progress.NONE);
      assertThat(verification.isOpenAis()).isFalse();
      assertThat(verification)
          .hasToString("differs from OpenAI's GPT-2 124M in 148 of 148 tensors: first wte.weight");
      assertThat(OpenAiWeights.is124M(model)).isFalse();
    }
  }

  /** Zeros, but for the last value of each tensor, which gives it the checksum of OpenAI's. */
  @Test
  void theChecksumsOfOpenAisAreKnownAndOneThatDiffersIsNamed() throws IOException {
    assumeTrue(
        Files.getFileStore(temp).getUsableSpace() > 600_000_000,
        "600 MB of disk space are needed in " + temp);
    Path file = zeros();
    forge(file);
    try (Model model = Model.open(temp)) {
      assertThat(model.verify(Progress.NONE))
          .hasToString("OpenAI's GPT-2 124M, verified (148 tensors by CRC32C)")
          .matches(Verification::isOpenAis);
      assertThat(OpenAiWeights.is124M(model)).isTrue();
    }
    try (var raw = new RandomAccessFile(file.toFile(), "rw")) {
      raw.seek(raw.length() - 768); // in ln_f.bias, which is the last
      raw.write(1);
    }
    try (Model model = Model.open(temp)) {
      assertThat(model.verify(Progress.NONE))
          .hasToString("differs from OpenAI's GPT-2 124M in 1 of 148 tensors: first ln_f.bias");
      assertThat(OpenAiWeights.is124M(model)).isFalse();
    }
  }

  /** A 124M in HuggingFace's layout; the file takes little space where the system allows it. */
  private Path zeros() throws IOException {
    var header = new LinkedHashMap<String, Object>();
    long[] end = {0};
    GptTensors.forEach(
        GPT2,
        (name, shape) -> {
          long begin = end[0];
          end[0] += shape.stream().mapToLong(d -> d).reduce(4, (a, b) -> a * b);
          header.put(
              name, Map.of("dtype", "F32", "shape", shape, "data_offsets", List.of(begin, end[0])));
        });
    byte[] json = JSON.std.asBytes(header);
    Files.writeString(temp.resolve("config.json"), "{}"); // GPT2Config's own are of the 124M
    Path file = temp.resolve("model.safetensors");
    try (var raw = new RandomAccessFile(file.toFile(), "rw")) {
      raw.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(json.length).array());
      raw.write(json);
      raw.setLength(8 + json.length + end[0]);
    }
    return file;
  }

  private static void forge(Path file) throws IOException {
    Map<String, Integer> wanted = OpenAiWeights.crc32cOf124M();
    long headerLength;
    try (var raw = new RandomAccessFile(file.toFile(), "r")) {
      headerLength = Long.reverseBytes(raw.readLong());
    }
    long[] end = {8 + headerLength};
    try (var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      GptTensors.forEach(
          GPT2,
          (name, shape) -> {
            long bytes = shape.stream().mapToLong(d -> d).reduce(4, (a, b) -> a * b);
            end[0] += bytes;
            var last = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN);
            last.putInt(0, lastValue(bytes - 4, wanted.get(name)));
            try {
              channel.write(last, end[0] - 4);
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          });
    }
  }

  /** The 4 bytes that, after so many zeros, make the CRC32C {@code wanted}. */
  private static int lastValue(long zeros, int wanted) {
    var crc = new CRC32C();
    byte[] chunk = new byte[1 << 20];
    for (long left = zeros; left > 0; left -= chunk.length) {
      crc.update(chunk, 0, (int) Math.min(left, chunk.length));
    }
    int register = ~wanted; // run backwards over 32 bits
    for (int bit = 0; bit < 32; bit++) {
      register = register < 0 ? ((register ^ 0x82F63B78) << 1) | 1 : register << 1;
    }
    return register ^ ~(int) crc.getValue();
  }

  /** The resource of the jar is the golden data: on failure, this is what it should be. */
  @Test
  void theChecksumsInTheJarAreThoseOfOpenAisCheckpoint() throws IOException {
    var golden = new LinkedHashMap<String, String>();
    for (Object entry : (List<?>) Data.golden("openai-124M-tensors").get("tensors")) {
      var tensor = (Map<?, ?>) entry;
      golden.put(
          OpenAiWeights.huggingFaceName((String) tensor.get("name")),
          "%08x".formatted(((Number) tensor.get("crc32c")).intValue()));
    }
    var lines = new ArrayList<String>();
    GptTensors.forEach(GPT2, (name, _) -> lines.add(golden.remove(name) + " " + name));
    assertThat(golden).isEmpty();
    try (var resource = OpenAiWeights.class.getResourceAsStream("openai-124M.crc32c")) {
      assertThat(new String(resource.readAllBytes(), StandardCharsets.US_ASCII).lines())
          .containsExactlyElementsOf(lines);
    }
    assertThat(OpenAiWeights.crc32cOf124M()).hasSize(148);
  }

  @Test
  void openAisNamesBecomeHuggingFaces() {
    assertThat(OpenAiWeights.huggingFaceName("model/wte")).isEqualTo("wte.weight");
    assertThat(OpenAiWeights.huggingFaceName("model/h11/ln_1/g")).isEqualTo("h.11.ln_1.weight");
    assertThat(OpenAiWeights.huggingFaceName("model/h0/attn/c_attn/b"))
        .isEqualTo("h.0.attn.c_attn.bias");
  }
}
