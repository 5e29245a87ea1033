package org.fastgpt.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.Engines;
import org.fastgpt.Fixtures;
import org.fastgpt.Generator;
import org.fastgpt.Session;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** fastGPT's and llama.cpp's files, against HuggingFace's of the same weights. */
class FastGptAndLlamaTest {

  @TempDir private Path temp;

  @ParameterizedTest
  @ValueSource(strings = {"fastgpt.gguf", "llama.gguf", "dat", "dat/model.dat"})
  void configAndTensorsAreHuggingFaces(String name) {
    try (Model expected = Model.open(Data.FORMATS);
        Model actual = Model.open(Data.FORMATS.resolve(name))) {
      assertSame(actual, expected);
    }
  }

  @Test
  void f16TensorsAreTheRoundedOnes() {
    try (Model expected = Model.open(Data.FORMATS.resolve("f16"));
        Model actual = Model.open(Data.FORMATS.resolve("llama-f16.gguf"))) {
      for (String name : expected.tensors().keySet()) {
        if (actual.tensors().get(name).dtype() == StoredTensor.DType.F16) {
          assertEqualBits(actual, expected, name);
        }
      }
      assertThat(actual.format()).isEqualTo("llama.cpp's GGUF, F32, F16");
    }
  }

  /** Half a step of 127 each way, and the rounding of the step itself to float16. */
  @Test
  void q8TensorsAreWithinHalfAStep() {
    try (Model expected = Model.open(Data.FORMATS);
        Model actual = Model.open(Data.FORMATS.resolve("llama-q8_0.gguf"))) {
      assertThat(actual.format()).isEqualTo("llama.cpp's GGUF, F32, Q8_0");
      for (StoredTensor tensor : actual.tensors().values()) {
        float[] x = expected.floats(tensor.name()).toArray(Model.FLOAT);
        float[] rounded = actual.floats(tensor.name()).toArray(Model.FLOAT);
        float largest = 0;
        for (float v : x) {
          largest = Math.max(largest, Math.abs(v));
        }
        boolean isQuantised = tensor.shape().size() == 2 && !tensor.name().equals("wpe.weight");
        double bound = isQuantised ? largest * (0.5 / 127 + 0x1p-11) : 0;
        for (int i = 0; i < x.length; i++) {
          assertThat(Math.abs((double) rounded[i] - x[i])).isLessThanOrEqualTo(bound);
        }
      }
    }
  }

  /** F16 and Q8_0 have the same ids here, as numpy in float64 has them of their rounded weights. */
  @ParameterizedTest
  @ValueSource(strings = {"fastgpt.gguf", "dat", "llama.gguf", "llama-f16.gguf", "llama-q8_0.gguf"})
  void greedyIdsAreHuggingFaces(String name) throws IOException {
    Map<String, Object> golden =
        JSON.std.mapFrom(Files.readString(Data.FORMATS.resolve("golden.json")));
    int[] prompt = Fixtures.ids(golden, "prompt_ids");
    assertThat(greedy(name, prompt, 20)).isEqualTo(Fixtures.ids(golden, "new_ids"));
  }

  /** A prompt on which they differ; by numpy in float64, smallest margin 0.09 and 0.05. */
  @ParameterizedTest
  @CsvSource({
    "llama-f16.gguf, 230 230 226 785 719 160 316 587",
    "llama-q8_0.gguf, 783 230 755 141 141 141 141 141"
  })
  void greedyIdsOfRoundedWeightsAreTheirOwn(String name, String expected) {
    int[] ids = Arrays.stream(expected.split(" ")).mapToInt(Integer::parseInt).toArray();
    assertThat(greedy(name, new int[] {32, 75, 299, 758}, 8)).isEqualTo(ids);
  }

  @ParameterizedTest
  @ValueSource(strings = {"fastgpt.gguf", "llama.gguf"})
  void tokenizerIsHuggingFaces(String name) {
    try (Model expected = Model.open(Data.FORMATS);
        Model actual = Model.open(Data.FORMATS.resolve(name))) {
      for (String text : List.of("Alan Turing", "\n\n  two", "Příliš 😀", "a <|endoftext|>", "")) {
        assertThat(actual.requireTokenizer().encodeWithSpecial(text))
            .isEqualTo(expected.requireTokenizer().encodeWithSpecial(text));
      }
      assertThat(actual.requireTokenizer().vocabulary())
          .isEqualTo(expected.requireTokenizer().vocabulary());
      assertThat(actual.requireTokenizer().merges())
          .isEqualTo(expected.requireTokenizer().merges());
    }
  }

  @Test
  void aFileWithoutMergesDecodesAndSaysWhatItNeedsToEncode() throws IOException {
    Path file = copy("dat/model.dat");
    try (Model model = Model.open(file)) {
      assertThat(model.requireTokenizer().decode(32, 75, 299, 758)).isEqualTo("Alan T");
      assertThatThrownBy(() -> model.requireTokenizer().encode("Alan"))
          .isInstanceOf(ModelException.class)
          .hasMessage(
              file
                  + ": has no merges, so it turns ids into text only; put vocab.json and merges.txt"
                  + " beside it, or give token ids");
    }
    copy("vocab.json");
    copy("merges.txt");
    try (Model model = Model.open(file)) {
      assertThat(model.requireTokenizer().encode("Alan T")).containsExactly(32, 75, 299, 758);
    }
  }

  @Test
  void readsAMarkedModelDat() throws IOException {
    Path file = Files.write(temp.resolve("model.dat"), markedDat());
    try (Model expected = Model.open(Data.FORMATS);
        Model actual = Model.open(file)) {
      assertSame(actual, expected);
      assertThat(actual.requireTokenizer().encode("Alan T")).containsExactly(32, 75, 299, 758);
    }
  }

  /** Between its first model.dat and GGUF fastGPT had a mark before it, and the merges behind. */
  static byte[] markedDat() throws IOException {
    byte[] first = Files.readAllBytes(Data.FORMATS.resolve("dat/model.dat"));
    FastGptTensors.Texts merges;
    try (Model model = Model.open(Data.FORMATS)) {
      merges =
          FastGptTensors.Texts.of(FastGptTensors.withLastLine(model.requireTokenizer().merges()));
    }
    var file = new ByteArrayOutputStream();
    file.writeBytes(FastGptTensors.int32s(FastGptTensors.MARK, 1));
    file.write(first, 0, 28); // the sizes, but for that of the alphabet
    file.writeBytes(FastGptTensors.int32s(merges.indices(), merges.text().length, 256));
    file.write(first, 32, first.length - 32 - 4 * FastGptTensors.CODE_POINTS);
    file.writeBytes(merges.index());
    file.writeBytes(merges.text());
    file.writeBytes(FastGptTensors.codePointsOfBytes());
    return file.toByteArray();
  }

  /** 2 and 3 differ in nothing that such a file has. */
  @Test
  void readsVersion2() throws IOException {
    byte[] bytes = Files.readAllBytes(Data.FORMATS.resolve("llama.gguf"));
    bytes[4] = 2;
    try (Model expected = Model.open(Data.FORMATS);
        Model actual = Model.open(Files.write(temp.resolve("v2.gguf"), bytes))) {
      assertSame(actual, expected);
    }
  }

  @Test
  void aGgufFileIsKnownByItsFirstBytesToo() throws IOException {
    Path file = Files.copy(Data.FORMATS.resolve("llama.gguf"), temp.resolve("blob"));
    try (Model model = Model.open(file)) {
      assertThat(model.config().nLayer()).isEqualTo(2);
    }
  }

  @Test
  void aFolderWithOneGgufFileIsAModelAndWithTwoNamesThem() throws IOException {
    copy("llama.gguf");
    try (Model model = Model.open(temp)) {
      assertThat(model.config().nLayer()).isEqualTo(2);
    }
    copy("fastgpt.gguf");
    assertThatThrownBy(() -> Model.open(temp))
        .isInstanceOf(ModelException.class)
        .hasMessage(temp + ": one *.gguf expected, found: fastgpt.gguf, llama.gguf; name one");
  }

  @Test
  void installedFilesAreFoundByNameWithOrWithoutTheirEnding() throws IOException {
    String before = System.getProperty("fastgpt.home");
    System.setProperty("fastgpt.home", temp.toString());
    try {
      Path models = Files.createDirectories(temp.resolve("models"));
      Path file = Files.copy(Data.FORMATS.resolve("llama.gguf"), models.resolve("124M.gguf"));
      Path folder = Files.createDirectories(models.resolve("someone/small"));
      Files.copy(Data.FORMATS.resolve("fastgpt.gguf"), folder.resolve("model.gguf"));
      assertThat(Models.installed())
          .extracting(Models.Installed::name)
          .containsExactly("124M.gguf", "someone/small");
      for (String name : List.of("124M.gguf", "124M", "gpt2", file.toString())) {
        assertThat(Models.resolve(name, Progress.NONE)).isEqualTo(file);
      }
      assertThat(Models.byDefault().path()).isEqualTo(file);
      assertThat(Models.resolve("someone/small", Progress.NONE)).isEqualTo(folder);
    } finally {
      if (before == null) {
        System.clearProperty("fastgpt.home");
      } else {
        System.setProperty("fastgpt.home", before);
      }
    }
  }

  private int[] greedy(String name, int[] prompt, int n) {
    try (Model model = Model.open(Data.FORMATS.resolve(name));
        Engine engine = Engines.named("core").open(model, EngineOptions.DEFAULT);
        Session session = engine.newSession()) {
      return new Generator(true, false)
          .generate(session, engine.config(), prompt, n, _ -> true)
          .ids();
    }
  }

  static void assertSame(Model actual, Model expected) {
    assertThat(actual.config()).isEqualTo(expected.config());
    assertThat(actual.tensors().keySet()).containsExactlyElementsOf(expected.tensors().keySet());
    expected.tensors().keySet().forEach(name -> assertEqualBits(actual, expected, name));
  }

  private static void assertEqualBits(Model actual, Model expected, String name) {
    assertThat(actual.tensors().get(name).shape())
        .as(name)
        .isEqualTo(expected.tensors().get(name).shape());
    MemorySegment bits = actual.floats(name);
    assertThat(bits.mismatch(expected.floats(name))).as(name).isEqualTo(-1);
  }

  private Path copy(String name) throws IOException {
    Path from = Data.FORMATS.resolve(name);
    return Files.copy(from, temp.resolve(from.getFileName()));
  }
}
