package org.fastgpt.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is refused, and in which words. */
class GgufTest {

  @TempDir private Path temp;

  @Test
  void refusesWhatIsNoGgufFile() throws IOException {
    refused("llama.gguf", b -> b.putInt(0, 0), "a GGUF file expected, other bytes found");
    Files.write(temp.resolve("model.gguf"), new byte[3]);
    refused(": a GGUF file expected, other bytes found");
  }

  @Test
  void refusesOtherVersions() throws IOException {
    refused("llama.gguf", b -> b.putInt(4, 1), "GGUF version 2 or 3 expected, 1 found");
    refused(
        "llama.gguf",
        b -> b.putInt(4, 3 << 24),
        "GGUF version 2 or 3 expected, 50331648 found (a big-endian file?)");
  }

  @Test
  void refusesNumbersThatTheFileCannotHold() throws IOException {
    refused("llama.gguf", b -> b.putLong(8, Long.MIN_VALUE), "number of tensors: 922337203685477");
    refused("llama.gguf", b -> b.putLong(16, 1L << 40), "number of keys: 1099511627776 announced");
    refused("llama.gguf", b -> b.putLong(24, 70000), "a key: a string of at most 65535 bytes");
  }

  @Test
  void refusesAFileThatIsCutOrLonger() throws IOException {
    byte[] bytes = Files.readAllBytes(Data.FORMATS.resolve("llama.gguf"));
    Files.write(temp.resolve("model.gguf"), Arrays.copyOf(bytes, bytes.length - 32));
    refused(": tensor output_norm.bias: 128 bytes expected, 96 found");
    Files.write(temp.resolve("model.gguf"), Arrays.copyOf(bytes, bytes.length + 1));
    refused(": 1 bytes found after the last tensor");
  }

  @Test
  void refusesOtherArchitectures() {
    write(g -> g.string("general.architecture", "llama"));
    refused(
        ": general.architecture: 'gpt2', or none and fastGPT's tensor 'header', expected, 'llama'"
            + " found");
    write(_ -> {});
    refused(": general.architecture: 'gpt2', or none and fastGPT's tensor 'header', expected,");
  }

  @Test
  void refusesOtherQuantisationsByName() throws IOException {
    int at = after("llama.gguf", "token_embd.weight") + 4 + 2 * 8;
    refused(
        "llama.gguf",
        b -> b.putInt(at, 12),
        "tensor token_embd.weight: type Q4_K is not supported; supported: F32, F16, BF16, Q8_0");
    refused(
        "llama.gguf",
        b -> b.putInt(at, 99),
        "tensor token_embd.weight: type number 99 is not supported");
  }

  @Test
  void refusesTensorsThatOverlapOrHaveNoRoom() throws IOException {
    int at = after("llama.gguf", "position_embd.weight");
    refused(
        "llama.gguf",
        b -> b.putLong(at + 4 + 16 + 4, 0),
        "tensor position_embd.weight: offset 131072 expected, 0 found");
    refused(
        "llama.gguf",
        b -> b.putLong(at + 4, 0x7fffffff).putLong(at + 4 + 8, 0x7fffffff),
        "tensor position_embd.weight: shape [2147483647, 2147483647] is larger than any file");
    refused(
        "llama.gguf",
        b -> b.putLong(at + 4, -1),
        "tensor position_embd.weight: a size in [0, 2^31) expected, 18446744073709551615 found");
  }

  @Test
  void refusesShapesThatDoNotFitTheSizes() throws IOException {
    refused(
        "llama.gguf",
        b -> b.putInt(after("llama.gguf", "gpt2.context_length") + 4, 65),
        "tensor position_embd.weight: shape [65, 32] expected, [64, 32] found");
    refused(
        "llama.gguf",
        b -> b.putInt(after("llama.gguf", "gpt2.block_count") + 4, 3),
        "tensor blk.2.attn_norm.weight (h.2.ln_1.weight) expected, none found");
    refused(
        "llama.gguf",
        b -> b.putInt(after("llama.gguf", "gpt2.block_count") + 4, 1),
        "tensor blk.1.attn_norm.weight: a GPT-2 has no such tensor");
    refused(
        "llama.gguf",
        b -> b.putInt(after("llama.gguf", "gpt2.attention.head_count") + 4, 5),
        "n_embd 32 is not a multiple of n_head 5");
  }

  @Test
  void refusesKeysThatAskForOtherIds() throws IOException {
    byte[] bytes = bytes("llama.gguf");
    bytes[after("llama.gguf", LlamaGguf.PRE_TOKENIZER) + 4 + 8 + 4] = '4';
    Path file = Files.write(temp.resolve("gpt-4.gguf"), bytes);
    try (Model model = Model.open(file)) {
      assertThatThrownBy(model::requireTokenizer)
          .isInstanceOf(ModelException.class)
          .hasMessageEndingWith("tokenizer.ggml.pre: gpt-2 expected, 'gpt-4' found");
    }
    Files.delete(file);
    writeLlama(g -> g.uint32("gpt2.attention.head_count_kv", 2));
    refused(": gpt2.attention.head_count_kv: 4 expected, 2 found");
    writeLlama(g -> g.uint32("split.count", 2));
    refused(": split.count: 1 expected, 2 found");
  }

  @Test
  void readsAnUntiedHead() {
    writeLlama(
        g ->
            g.tensor(
                "output.weight",
                Gguf.Type.F32,
                List.of(1024, 32),
                (chunk, _) -> chunk.fill((byte) 1)));
    try (Model model = Model.open(temp)) {
      assertThat(model.config().tieWordEmbeddings()).isFalse();
      assertThat(model.floats("lm_head.weight").toArray(ValueLayout.JAVA_BYTE))
          .hasSize(1024 * 32 * 4)
          .containsOnly(1);
    }
  }

  @Test
  void refusesAnotherMarkAndAnotherAlphabet() throws IOException {
    ByteBuffer file = littleEndian(bytes("fastgpt.gguf"));
    int data = file.getInt(after("fastgpt.gguf", FastGptGguf.DATA_OFFSET) + 4);
    refused(
        "fastgpt.gguf",
        b -> b.putInt(data, 1),
        "header: fastGPT's mark fa51697 and version 1 or 2 expected, 1 and 2 found");
    refused(
        "fastgpt.gguf",
        b -> b.putInt(b.capacity() - 4, 7),
        "byte_decoder: GPT-2's alphabet expected, another found");
    refused(
        "fastgpt.gguf",
        b -> b.putInt(data + 8, 1025),
        "tensor wte: F32 [1025, 32] expected, F32 [1024, 32] found");
  }

  @Test
  void refusesADatFileWhoseSizesDoNotFit() throws IOException {
    refusedDat(b -> b.putInt(12, 3), ": ");
    refusedDat(b -> b.putInt(12, -1), ": header: size -1 is not in [1, 16777216]");
    refusedDat(b -> b.putInt(0, 1 << 24), ": wte: 2147483648 bytes expected, ");
    refusedDat(
        b -> b.putInt(0, FastGptTensors.MARK).putInt(4, 9),
        ": version 1 of model.dat expected, 9 found");
  }

  private void refusedDat(Consumer<ByteBuffer> change, String message) throws IOException {
    byte[] dat = bytes("dat/model.dat");
    change.accept(littleEndian(dat));
    Path file = Files.write(temp.resolve("model.dat"), dat);
    assertThatThrownBy(() -> Model.open(file))
        .isInstanceOf(ModelException.class)
        .hasMessageStartingWith(file + message);
  }

  /** The fixture, changed, in place of model.gguf. */
  private void refused(String fixture, Consumer<ByteBuffer> change, String message)
      throws IOException {
    byte[] bytes = bytes(fixture);
    change.accept(littleEndian(bytes));
    Files.write(temp.resolve("model.gguf"), bytes);
    refused(": " + message);
  }

  private void refused(String message) {
    Path file = temp.resolve("model.gguf");
    assertThatThrownBy(() -> Model.open(temp))
        .isInstanceOf(ModelException.class)
        .hasMessageStartingWith(file + message);
  }

  private void write(Consumer<GgufWriter> content) {
    var gguf = new GgufWriter();
    content.accept(gguf);
    gguf.plan().replace(temp.resolve("model.gguf"), Progress.NONE);
  }

  /** A whole model of llama.cpp's, and more. */
  private void writeLlama(Consumer<GgufWriter> more) {
    try (Model model = Model.open(Data.FORMATS)) {
      GgufWriter gguf = LlamaGgufWriter.of("f32").layout(model);
      more.accept(gguf);
      gguf.plan().replace(temp.resolve("model.gguf"), Progress.NONE);
    }
  }

  /** The position after a key or name. */
  private static int after(String fixture, String name) {
    try {
      String text = new String(bytes(fixture), StandardCharsets.ISO_8859_1);
      return text.indexOf(name) + name.length();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static byte[] bytes(String fixture) throws IOException {
    return Files.readAllBytes(Data.FORMATS.resolve(fixture));
  }

  private static ByteBuffer littleEndian(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }
}
