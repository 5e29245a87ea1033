package org.fastgpt.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** llm.c's files are the models of the fixtures; what is wrong is named. */
class LlmCTest {
  private static final Path FIXTURES = Data.FORMATS.resolve("llmc");

  @TempDir Path temp;

  @Test
  void float32IsTheSameModelAsHuggingFacesFolder() {
    SameModel.check(FIXTURES.resolve("gpt2.bin"), Data.FORMATS);
  }

  @Test
  void bfloat16StaysSoAndIsTheSameModelAsHuggingFacesFolder() {
    SameModel.check(FIXTURES.resolve("gpt2_bf16.bin"), Data.FORMATS.resolve("bf16"));
    try (Model model = Model.open(FIXTURES.resolve("gpt2_bf16.bin"))) {
      assertThat(model.tensors().values())
          .extracting(StoredTensor::dtype)
          .containsOnly(StoredTensor.DType.BF16);
    }
  }

  @Test
  void aFileIsAModelThatHasItsNameAndTheVocabularyBesideIt() {
    try (Model model =
        Model.open(Models.resolve(FIXTURES.resolve("gpt2.bin").toString(), Progress.NONE))) {
      assertThat(model.name()).isEqualTo("gpt2.bin");
      assertThat(model.format()).isEqualTo("llm.c");
      assertThat(model.requireTokenizer().encode("Alan Turing")).startsWith(32, 75, 299);
    }
  }

  @Test
  void aFolderWithOneFileIsAModelAndWithTwoSaysSo() throws IOException {
    Path file = Files.copy(FIXTURES.resolve("gpt2.bin"), temp.resolve("gpt2_124M.bin"));
    Files.write(temp.resolve("other.bin"), new byte[5]);
    SameModel.check(temp, Data.FORMATS);
    try (Model model = Model.open(temp)) {
      assertThat(model.tokenizer()).isEmpty();
    }
    Files.copy(file, temp.resolve("again.bin"));
    refused(temp, "one model expected, found again.bin, gpt2_124M.bin: name the file");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "1 | 1 | version 3 (float32) or 5 (bfloat16) expected, 1 found",
        "2 | 0 | n_ctx 0 is not in [1, 262144]",
        "3 | -1 | n_vocab -1 is not in [1, 262144]",
        "4 | 262145 | n_layer 262145 is not in [1, 262144]",
        "4 | 262144 | 13321250048 bytes expected by its header, 242176 bytes found",
        "5 | 3 | n_embd 32 is not a multiple of n_head 3",
        "7 | 1023 | padded n_vocab 1023 is less than n_vocab 1024",
        "7 | 1025 | 242304 bytes expected by its header, 242176 bytes found",
      })
  void refusesAHeaderThatCannotBe(int at, int value, String message) throws IOException {
    byte[] bytes = Files.readAllBytes(FIXTURES.resolve("gpt2.bin"));
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(4 * at, value);
    refused(Files.write(temp.resolve("m.bin"), bytes), message);
  }

  /** No product of sizes that are allowed leaves the range of long. */
  @Test
  void refusesTheLargestSizesByTheLengthOfTheFile() throws IOException {
    byte[] bytes = Files.readAllBytes(FIXTURES.resolve("gpt2.bin"));
    ByteBuffer header = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 2; i < 8; i++) {
      header.putInt(4 * i, 1 << 18);
    }
    refused(
        Files.write(temp.resolve("m.bin"), bytes),
        "864695251625837568 bytes expected by its header, 242176 bytes found");
  }

  @ParameterizedTest
  @ValueSource(ints = {4, 1023, 1024, 242_175, 242_177})
  void refusesAnotherLength(int length) throws IOException {
    byte[] bytes = Files.readAllBytes(FIXTURES.resolve("gpt2.bin"));
    refused(
        Files.write(temp.resolve("m.bin"), Arrays.copyOf(bytes, length)),
        (length < 1024
                ? "a header of 1024 bytes expected, "
                : "242176 bytes expected by its header, ")
            + length
            + " bytes found");
  }

  @Test
  void theRowsOfPaddingAreCutOff() throws IOException {
    byte[] bytes = Files.readAllBytes(FIXTURES.resolve("gpt2.bin"));
    ByteBuffer header = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    header.putInt(4 * 3, 1000); // of 1024 rows that are there
    try (Model cut = Model.open(Files.write(temp.resolve("m.bin"), bytes));
        Model whole = Model.open(Data.FORMATS)) {
      assertThat(cut.config().nVocab()).isEqualTo(1000);
      assertThat(cut.config().eosTokenId()).isEqualTo(999);
      assertThat(
              cut.floats("wte.weight")
                  .mismatch(whole.floats("wte.weight").asSlice(0, 4 * 1000 * 32)))
          .isEqualTo(-1);
      assertThat(cut.floats("wpe.weight").mismatch(whole.floats("wpe.weight"))).isEqualTo(-1);
    }
  }

  private static void refused(Path path, String message) {
    assertThatThrownBy(() -> Model.open(path))
        .isInstanceOf(ModelException.class)
        .hasMessage(path + ": " + message);
  }
}
