package org.fastgpt.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.fastgpt.model.SafetensorsWriter.Item;
import org.fastgpt.model.StoredTensor.DType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ModelTest {
  @TempDir Path temp;

  @Test
  void floatsAreMappedInPlace() {
    try (Model model = Model.open(Data.FORMATS)) {
      assertThat(model.name()).isEqualTo("formats");
      assertThat(model.tensors()).hasSize(28);
      assertThat(model.floats("wte.weight")).isSameAs(model.tensors().get("wte.weight").data());
      assertThat(model.floats("wte.weight").isMapped()).isTrue();
    }
  }

  @Test
  void shardsHoldTheSameTensorsAsOneFile() {
    assertSameFloats(Data.FORMATS.resolve("sharded"), UnaryOperator.identity());
  }

  @Test
  void f16IsWidenedToTheRoundedValues() {
    assertSameFloats(
        Data.FORMATS.resolve("f16"), x -> Float.float16ToFloat(Float.floatToFloat16(x)));
  }

  @Test
  void bf16IsWidenedToTheRoundedValues() {
    assertSameFloats(Data.FORMATS.resolve("bf16"), ModelTest::roundedToBf16);
  }

  /** To nearest, ties to even. */
  private static float roundedToBf16(float x) {
    int bits = Float.floatToRawIntBits(x);
    return Float.intBitsToFloat((bits + 0x7FFF + ((bits >>> 16) & 1)) & 0xFFFF0000);
  }

  @ParameterizedTest
  @ValueSource(strings = {"f16", "bf16"})
  void aWidenedCopyIsMadeOnce(String format) {
    try (Model model = Model.open(Data.FORMATS.resolve(format))) {
      assertThat(model.floats("wte.weight")).isSameAs(model.floats("wte.weight"));
      assertThat(model.floats("wte.weight").isNative()).isTrue();
    }
  }

  @Test
  void readsAModelInsideAJar() throws IOException {
    URI jar = URI.create("jar:" + temp.resolve("model.jar").toUri());
    try (FileSystem files = FileSystems.newFileSystem(jar, Map.of("create", "true"))) {
      Path folder = Files.createDirectory(files.getPath("/tiny"));
      for (String name : List.of("config.json", "model.safetensors")) {
        Files.copy(Data.FORMATS.resolve(name), folder.resolve(name));
      }
    }
    try (FileSystem files = FileSystems.newFileSystem(jar, Map.of());
        Model inside = Model.open(files.getPath("/tiny"));
        Model outside = Model.open(Data.FORMATS)) {
      assertThat(inside.name()).isEqualTo("tiny");
      assertThat(inside.floats("wte.weight").mismatch(outside.floats("wte.weight"))).isEqualTo(-1);
    }
  }

  @Test
  void refusesATensorThatItDoesNotHave() {
    try (Model model = Model.open(Data.FORMATS)) {
      assertThatThrownBy(() -> model.floats("wte"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("wte: no such tensor in " + Data.FORMATS);
    }
  }

  @Test
  void closingTwiceIsHarmless() {
    Model model = Model.open(Data.FORMATS);
    model.close();
    model.close();
    assertThatThrownBy(() -> model.floats("wte.weight").get(Model.FLOAT, 0))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void namesWithoutPrefixAreTheSameTensors() throws IOException {
    write(item -> List.of(item));
    assertSameFloats(temp, UnaryOperator.identity());
  }

  @Test
  void masksAndATiedHeadAreIgnored() throws IOException {
    write(
        item ->
            item.name().equals("wte.weight")
                ? List.of(
                    item,
                    new Item("lm_head.weight", item.dtype(), item.shape(), item.data()),
                    zeros("h.0.attn.bias", DType.BOOL, 1, 1, 64, 64),
                    zeros("transformer.h.1.attn.masked_bias", DType.F32))
                : List.of(item));
    assertSameFloats(temp, UnaryOperator.identity());
  }

  @Test
  void anUntiedHeadIsAWeightOfItsOwn() throws IOException {
    write(
        item ->
            item.name().equals("wte.weight")
                ? List.of(item, zeros("lm_head.weight", DType.F32, 1024, 32))
                : List.of(item));
    editConfig("\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false");
    try (Model model = Model.open(temp)) {
      assertThat(model.floats("lm_head.weight").byteSize()).isEqualTo(4 * 1024 * 32);
    }
  }

  @Test
  void refusesAnUntiedModelWithoutHead() throws IOException {
    write(item -> List.of(item));
    editConfig("\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false");
    refused("lm_head.weight: not found in model.safetensors");
  }

  @Test
  void refusesAMissingTensor() throws IOException {
    write(item -> item.name().equals("h.1.ln_2.bias") ? List.of() : List.of(item));
    refused("h.1.ln_2.bias: not found in model.safetensors");
  }

  @Test
  void refusesALayerThatTheConfigDoesNotHave() throws IOException {
    write(item -> List.of(item));
    editConfig("\"n_layer\": 2", "\"n_layer\": 1");
    refused(
        "h.1.ln_1.weight: found in model.safetensors,"
            + " but a GPT-2 of 1 layers has no such tensor");
  }

  @Test
  void refusesMoreLayersThanTheFileHas() throws IOException {
    write(item -> List.of(item));
    editConfig("\"n_layer\": 2", "\"n_layer\": 16777216");
    refused("h.2.ln_1.weight: not found in model.safetensors");
  }

  @Test
  void refusesAnUnknownTensor() throws IOException {
    write(
        item ->
            item.name().equals("ln_f.bias")
                ? List.of(item, zeros("score.weight", DType.F32, 2, 32))
                : List.of(item));
    refused("score.weight: found in model.safetensors, but a GPT-2 of 2 layers has no such tensor");
  }

  @Test
  void refusesATensorThatIsThereUnderBothNames() throws IOException {
    write(
        item ->
            item.name().equals("ln_f.bias")
                ? List.of(item, zeros("transformer.ln_f.bias", DType.F32, 32))
                : List.of(item));
    refused(
        temp.resolve("model.safetensors")
            + ": ln_f.bias is there twice, with and without transformer.");
  }

  @Test
  void saysThatAMatrixLooksTransposed() throws IOException {
    write(
        item ->
            item.name().equals("h.1.attn.c_attn.weight")
                ? List.of(zeros(item.name(), DType.F32, 96, 32))
                : List.of(item));
    refused(
        "h.1.attn.c_attn.weight: shape [32, 96] expected, [96, 32] found in model.safetensors."
            + " Transposed export?");
  }

  @Test
  void refusesAnotherShape() throws IOException {
    write(item -> List.of(item));
    editConfig("\"vocab_size\": 1024", "\"vocab_size\": 1025");
    refused("wte.weight: shape [1025, 32] expected, [1024, 32] found in model.safetensors.");
  }

  @Test
  void refusesWeightsThatAreNotFloats() throws IOException {
    write(
        item ->
            item.name().equals("ln_f.bias")
                ? List.of(zeros("ln_f.bias", DType.I32, 32))
                : List.of(item));
    refused("ln_f.bias: dtype F32, F16 or BF16 expected, I32 found in model.safetensors.");
  }

  @Test
  void acceptsNaN() throws IOException {
    write(
        item ->
            item.name().equals("ln_f.bias")
                ? List.of(
                    new Item(
                        "ln_f.bias", DType.F32, item.shape(), (chunk, _) -> chunk.fill((byte) -1)))
                : List.of(item));
    try (Model model = Model.open(temp)) {
      assertThat(model.floats("ln_f.bias").get(Model.FLOAT, 0)).isNaN();
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "../model-00001-of-00003.safetensors",
        "/etc/passwd",
        "sub/model-00001-of-00003.safetensors",
        "..",
        "config.json",
        ".safetensors"
      })
  void refusesAShardOutsideTheFolder(String name) throws IOException {
    Path index = copyShards();
    edit(index, "\"model-00001-of-00003.safetensors\"", "\"" + name + "\"");
    refused(
        index
            + ": weight_map: the name of a .safetensors file in this folder expected, \""
            + name
            + "\" found");
  }

  @Test
  void refusesAMissingShard() throws IOException {
    Path index = copyShards();
    Files.delete(index.resolveSibling("model-00002-of-00003.safetensors"));
    refused(temp.resolve("model-00002-of-00003.safetensors") + ": no such file");
  }

  @Test
  void refusesATensorThatIsInAnotherShardThanTheIndexSays() throws IOException {
    Path index = copyShards();
    edit(
        index,
        "\"transformer.h.0.attn.c_attn.bias\": \"model-00001-of-00003.safetensors\"",
        "\"transformer.h.0.attn.c_attn.bias\": \"model-00002-of-00003.safetensors\"");
    assertThatThrownBy(() -> Model.open(temp))
        .isInstanceOf(ModelException.class)
        .hasMessage(
            temp.resolve("model-00001-of-00003.safetensors")
                + ": has transformer.h.0.attn.c_attn.bias,"
                + " which model.safetensors.index.json does not say");
  }

  @Test
  void refusesATensorOfTheIndexThatNoShardHas() throws IOException {
    edit(
        copyShards(),
        "\"weight_map\": {",
        "\"weight_map\": {\"extra\": \"model-00001-of-00003.safetensors\",");
    refused(
        "extra: not found in model-00001-of-00003.safetensors,"
            + " where model.safetensors.index.json says it is");
  }

  @Test
  void refusesAnIndexWithoutMap() throws IOException {
    Path index = copyShards();
    Files.writeString(index, "{\"weight_map\": []}");
    refused(index + ": an object weight_map expected, none found");
  }

  @Test
  void refusesAFolderWithoutWeights() throws IOException {
    Files.copy(Data.FORMATS.resolve("config.json"), temp.resolve("config.json"));
    refused(
        temp
            + ": weights expected, none found: model.safetensors, model.safetensors.index.json,"
            + " pytorch_model.bin, pytorch_model.bin.index.json");
  }

  @Test
  void refusesAFolderWithoutConfig() {
    refused(temp + ": a model expected, a folder without config.json or *.gguf found");
  }

  @Test
  void refusesAFileAndNothingAtAll() {
    Path file = Data.FORMATS.resolve("merges.txt");
    assertThatThrownBy(() -> Model.open(file))
        .isInstanceOf(ModelException.class)
        .hasMessage(file + ": a model expected, a file of another kind found");
    assertThatThrownBy(() -> Model.open(temp.resolve("none")))
        .isInstanceOf(ModelException.class)
        .hasMessage(temp.resolve("none") + ": a model expected, nothing found");
  }

  private static Item zeros(String name, DType dtype, Integer... shape) {
    return new Item(name, dtype, List.of(shape), (chunk, _) -> chunk.fill((byte) 0));
  }

  /** The tensors of the fixture, unprefixed, each replaced by what {@code edit} makes of it. */
  private void write(Function<Item, List<Item>> edit) throws IOException {
    Files.copy(Data.FORMATS.resolve("config.json"), temp.resolve("config.json"));
    try (Model model = Model.open(Data.FORMATS)) {
      var items = new ArrayList<Item>();
      for (StoredTensor t : model.tensors().values()) {
        items.addAll(
            edit.apply(
                new Item(
                    t.name(),
                    t.dtype(),
                    t.shape(),
                    (chunk, from) -> chunk.copyFrom(t.data().asSlice(from, chunk.byteSize())))));
      }
      new SafetensorsWriter(items).write(temp.resolve("model.safetensors"), Progress.NONE);
    }
  }

  private Path copyShards() throws IOException {
    try (var files = Files.newDirectoryStream(Data.FORMATS.resolve("sharded"))) {
      for (Path file : files) {
        Files.copy(file, temp.resolve(file.getFileName()));
      }
    }
    return temp.resolve("model.safetensors.index.json");
  }

  private void editConfig(String from, String to) throws IOException {
    edit(temp.resolve("config.json"), from, to);
  }

  private static void edit(Path file, String from, String to) throws IOException {
    String text = Files.readString(file, StandardCharsets.UTF_8);
    assertThat(text).contains(from);
    Files.writeString(file, text.replace(from, to));
  }

  private void refused(String message) {
    assertThatThrownBy(() -> Model.open(temp))
        .isInstanceOf(ModelException.class)
        .hasMessage(message);
  }

  /** Bit for bit what the fixture in one F32 file has, after {@code rounding}. */
  private static void assertSameFloats(Path folder, UnaryOperator<Float> rounding) {
    try (Model expected = Model.open(Data.FORMATS);
        Model actual = Model.open(folder)) {
      assertThat(actual.config()).isEqualTo(expected.config());
      assertThat(actual.tensors().keySet()).containsExactlyElementsOf(expected.tensors().keySet());
      for (String name : expected.tensors().keySet()) {
        MemorySegment e = expected.floats(name);
        MemorySegment a = actual.floats(name);
        assertThat(a.byteSize()).as(name).isEqualTo(e.byteSize());
        for (long at = 0; at < e.byteSize(); at += 4) {
          int bits = Float.floatToRawIntBits(rounding.apply(e.get(Model.FLOAT, at)));
          if (Float.floatToRawIntBits(a.get(Model.FLOAT, at)) != bits) {
            assertThat(a.get(Model.FLOAT, at))
                .as("%s, element %d", name, at / 4)
                .isEqualTo(Float.intBitsToFloat(bits));
          }
        }
      }
    }
  }
}
