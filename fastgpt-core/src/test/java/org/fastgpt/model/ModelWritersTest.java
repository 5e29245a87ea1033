package org.fastgpt.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ModelWritersTest {

  @TempDir private Path temp;

  /** The fixtures are by fastGPT's create_model.py, and by gguf-py, which rounds as llama.cpp. */
  @ParameterizedTest
  @CsvSource({
    "gguf, , fastgpt.gguf",
    "dat, , dat/model.dat",
    "llama-gguf, f32, llama.gguf",
    "llama-gguf, f16, llama-f16.gguf",
    "llama-gguf, q8_0, llama-q8_0.gguf"
  })
  void writesTheSameBytesAsTheOriginals(String format, String type, String fixture) {
    Path file = temp.resolve("model");
    try (Model model = Model.open(Data.FORMATS)) {
      ModelWriter writer =
          type == null ? ModelWriters.named(format) : ModelWriters.named(format, type);
      writer.write(model, file, Progress.NONE);
    }
    assertThat(file).hasSameBinaryContentAs(Data.FORMATS.resolve(fixture));
    assertThat(temp).isDirectoryNotContaining(p -> !p.equals(file));
  }

  @ParameterizedTest
  @ValueSource(strings = {"gguf", "dat", "llama-gguf", "safetensors"})
  void anythingWrittenIsReadBackBitForBit(String format) {
    for (String source : List.of("", "llama.gguf", "fastgpt.gguf", "llama-q8_0.gguf")) {
      ModelWriter writer = ModelWriters.named(format);
      Path file = temp.resolve(source + writer.fileName());
      try (Model model = Model.open(Data.FORMATS.resolve(source))) {
        writer.write(model, file, Progress.NONE);
        try (Model back = Model.open(file)) {
          FastGptAndLlamaTest.assertSame(back, model);
          assertThat(back.requireTokenizer().vocabulary())
              .isEqualTo(model.requireTokenizer().vocabulary());
          if (!format.equals("dat")) { // which has no merges
            assertThat(back.requireTokenizer().merges())
                .isEqualTo(model.requireTokenizer().merges());
            assertThat(back.requireTokenizer().special())
                .isEqualTo(model.requireTokenizer().special());
          }
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"f16", "bf16"})
  void safetensorsKeepHalfPrecision(String precision) {
    try (Model model = Model.open(withVocabulary(precision))) {
      ModelWriters.named("safetensors").write(model, temp.resolve("back"), Progress.NONE);
      try (Model back = Model.open(temp.resolve("back"))) {
        FastGptAndLlamaTest.assertSame(back, model);
        assertThat(back.tensors().get("wte.weight").dtype().name())
            .isEqualToIgnoringCase(precision);
      }
      // What was rounded once is not rounded again.
      ModelWriters.named("llama-gguf", precision)
          .write(model, temp.resolve("back.gguf"), Progress.NONE);
      try (Model back = Model.open(temp.resolve("back.gguf"))) {
        FastGptAndLlamaTest.assertSame(back, model);
        assertThat(back.tensors().get("h.1.mlp.c_fc.weight").dtype().name())
            .isEqualToIgnoringCase(precision);
      }
    }
  }

  /** The fixtures are PyTorch's own rounding of the same weights. */
  @ParameterizedTest
  @CsvSource({"f16, F16", "bf16, BF16"})
  void safetensorsAreRoundedAsPyTorchDoes(String type, StoredTensor.DType stored) {
    try (Model model = Model.open(Data.FORMATS);
        Model expected = Model.open(Data.FORMATS.resolve(type))) {
      ModelWriters.named("safetensors", type).write(model, temp.resolve(type), Progress.NONE);
      ModelWriters.named("safetensors", "f32").write(expected, temp.resolve("f32"), Progress.NONE);
      try (Model actual = Model.open(temp.resolve(type));
          Model widened = Model.open(temp.resolve("f32"))) {
        FastGptAndLlamaTest.assertSame(actual, expected);
        FastGptAndLlamaTest.assertSame(widened, expected);
        assertThat(actual.tensors().values()).allMatch(t -> t.dtype() == stored);
        assertThat(widened.tensors().values()).allMatch(t -> t.dtype() == StoredTensor.DType.F32);
      }
    }
  }

  @Test
  void whatIsTooLargeForF16IsRefused() {
    assertThat(Halves.round(StoredTensor.DType.F16, 65519, "wte.weight")).isEqualTo((short) 0x7bff);
    assertThat(Halves.round(StoredTensor.DType.F16, Float.NEGATIVE_INFINITY, "wte.weight"))
        .isEqualTo((short) 0xfc00);
    assertThatThrownBy(() -> Halves.round(StoredTensor.DType.F16, -65520, "wte.weight"))
        .isInstanceOf(ModelException.class)
        .hasMessage(
            "wte.weight: -65520.0 is too large for f16, which goes up to 65504; bf16 can hold it");
  }

  @Test
  void bf16IsRoundedAsPyTorchDoes() {
    try (Model model = Model.open(Data.FORMATS);
        Model expected = Model.open(Data.FORMATS.resolve("bf16"))) {
      Path file = temp.resolve("bf16.gguf");
      ModelWriters.named("llama-gguf", "bf16").write(model, file, Progress.NONE);
      try (Model actual = Model.open(file)) {
        for (StoredTensor tensor : actual.tensors().values()) {
          if (tensor.dtype() == StoredTensor.DType.BF16) {
            assertThat(actual.floats(tensor.name()).mismatch(expected.floats(tensor.name())))
                .as(tensor.name())
                .isEqualTo(-1);
          }
        }
      }
    }
  }

  @Test
  void addedTokensStayAdded() throws IOException {
    Path source = withVocabulary("f16");
    Files.writeString(source.resolve("added_tokens.json"), "{\"<|user says|>\": 1024}");
    try (Model model = Model.open(source)) {
      for (String format : List.of("llama-gguf", "safetensors")) {
        Path file = temp.resolve(format);
        ModelWriters.named(format).write(model, file, Progress.NONE);
        try (Model back = Model.open(file)) {
          assertThat(back.requireTokenizer().encodeWithSpecial("<|user says|>"))
              .containsExactly(1024);
          assertThat(back.requireTokenizer().decode(1024)).isEqualTo("<|user says|>");
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '`',
      value = {
        "\"layer_norm_epsilon\": 1e-05, \"layer_norm_epsilon\": 1e-06, gguf",
        "\"scale_attn_by_inverse_layer_idx\": false, \"scale_attn_by_inverse_layer_idx\": true,"
            + " dat",
        "\"scale_attn_weights\": true, \"scale_attn_weights\": false, gguf",
        "\"scale_attn_weights\": true, \"scale_attn_weights\": false, llama-gguf"
      })
  void whatALayoutCannotSayIsRefused(String setting, String other, String format)
      throws IOException {
    Path source = withVocabulary("");
    Path config = source.resolve("config.json");
    Files.writeString(config, Files.readString(config).replace(setting, other));
    Path file = temp.resolve("model.out");
    try (Model model = Model.open(source)) {
      assertThatThrownBy(() -> ModelWriters.named(format).write(model, file, Progress.NONE))
          .isInstanceOf(ModelException.class)
          .hasMessageContaining("this model has: GptConfig[");
    }
    assertThat(file).doesNotExist();
  }

  @ParameterizedTest
  @ValueSource(strings = {"gguf", "dat", "llama-gguf", "safetensors"})
  void whatFailsHalfWayLeavesNothing(String format) {
    Path file = temp.resolve("model.out");
    try (Model model = Model.open(Data.FORMATS)) {
      assertThatThrownBy(
              () ->
                  ModelWriters.named(format)
                      .write(
                          model,
                          file,
                          (done, total) -> {
                            if (done > total / 2) {
                              throw new IllegalStateException("the disk is full");
                            }
                          }))
          .hasMessageContaining("the disk is full");
    }
    assertThat(temp).isEmptyDirectory();
  }

  @Test
  void aFileIsReplacedOnlyByAWholeOne() throws IOException {
    Path file = Files.writeString(temp.resolve("model.gguf"), "old");
    var plan = new FilePlan();
    plan.add(new byte[10]);
    plan.add(
        (_, _) -> {
          throw new IllegalStateException("no");
        },
        10);
    assertThatThrownBy(() -> plan.replace(file, Progress.NONE)).hasMessageContaining("no");
    assertThat(file).hasContent("old");
    assertThat(temp).isDirectoryNotContaining(p -> !p.equals(file));
  }

  @Test
  void refusesPlacesThatItCannotWriteTo() throws IOException {
    try (Model model = Model.open(Data.FORMATS)) {
      ModelWriter gguf = ModelWriters.named("gguf");
      Path nowhere = temp.resolve("nowhere").resolve("model.gguf");
      assertThatThrownBy(() -> gguf.write(model, nowhere, Progress.NONE))
          .hasMessage(temp.resolve("nowhere") + ": no such folder");
      assertThatThrownBy(() -> gguf.write(model, temp, Progress.NONE))
          .hasMessage(temp + ": the name of a file expected, a folder found");
      ModelWriter folder = ModelWriters.named("safetensors");
      assertThatThrownBy(() -> folder.write(model, temp, Progress.NONE))
          .hasMessage(temp + ": is there already; a folder is never replaced");
    }
  }

  @Test
  void partsFollowEachOtherInWholeUnits() throws IOException {
    var plan = new FilePlan();
    int unit = 34;
    long blocks = 300_000; // more than one chunk
    plan.add(new byte[] {1, 2, 3});
    plan.pad(32);
    plan.add(
        (chunk, from) -> {
          assertThat(from % unit).isZero();
          assertThat(chunk.byteSize() % unit).isZero();
          chunk.fill((byte) 7);
        },
        blocks * unit,
        unit);
    assertThat(plan.size()).isEqualTo(32 + blocks * unit);
    Path file = temp.resolve("parts");
    plan.replace(file, Progress.NONE);
    byte[] bytes = Files.readAllBytes(file);
    assertThat(bytes).hasSize((int) plan.size()).startsWith(1, 2, 3, 0, 0);
    assertThat(bytes[31]).isZero();
    assertThat(bytes[32]).isEqualTo((byte) 7);
    assertThat(bytes[bytes.length - 1]).isEqualTo((byte) 7);
  }

  /** HuggingFace's fixture of that precision, its vocabulary beside it. */
  private Path withVocabulary(String precision) {
    try {
      Path folder = Files.createDirectory(temp.resolve("source"));
      for (String name : List.of("config.json", "model.safetensors")) {
        Files.copy(Data.FORMATS.resolve(precision).resolve(name), folder.resolve(name));
      }
      for (String name : List.of("vocab.json", "merges.txt")) {
        Files.copy(Data.FORMATS.resolve(name), folder.resolve(name));
      }
      return folder;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
