package org.fastgpt.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The folder that TensorFlow wrote is the model of the fixtures; what is wrong is named. */
class OpenAiCheckpointTest {
  private static final Path FIXTURE = Data.FORMATS.resolve("openai");
  private static final String DATA = "model.ckpt.data-00000-of-00001";

  @TempDir Path temp;

  @Test
  void isTheSameModelAsHuggingFacesFolder() {
    SameModel.check(FIXTURE, Data.FORMATS);
    try (Model model = Model.open(FIXTURE)) {
      assertThat(model.format()).isEqualTo("OpenAI");
      assertThat(model.requireTokenizer().encode("Alan Turing")).startsWith(32, 75, 299);
    }
  }

  @Test
  void tensorsAreMappedInPlace() {
    try (Model model = Model.open(FIXTURE)) {
      assertThat(model.floats("h.1.mlp.c_fc.weight"))
          .isSameAs(model.tensors().get("h.1.mlp.c_fc.weight").data());
      assertThat(model.floats("h.1.mlp.c_fc.weight").isMapped()).isTrue();
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 1000})
  void theIndexMayHaveAnyNumberOfBlocks(int entriesPerBlock) throws IOException {
    Path index = Bundle.ofFixture().write(temp);
    Files.write(index, Bundle.ofFixture().table(entriesPerBlock));
    SameModel.check(temp, Data.FORMATS);
  }

  @Test
  void tensorsMayLieInSeveralShards() throws IOException {
    var bundle = Bundle.ofFixture();
    bundle.entries.put("", Bundle.message(1, 2));
    // The last by place, wte, goes to a second shard; ln_f, wpe and the blocks stay.
    bundle.entries.put("model/wte", Bundle.entry(1, 1, 0, 4 * 1024 * 32, 1024, 32));
    bundle.write(temp);
    byte[] all = Files.readAllBytes(temp.resolve(DATA));
    int first = all.length - 4 * 1024 * 32;
    Files.delete(temp.resolve(DATA));
    Files.write(temp.resolve("model.ckpt.data-00000-of-00002"), Arrays.copyOf(all, first));
    Files.write(
        temp.resolve("model.ckpt.data-00001-of-00002"), Arrays.copyOfRange(all, first, all.length));
    SameModel.check(temp, Data.FORMATS);
    Files.delete(temp.resolve("model.ckpt.data-00001-of-00002"));
    refused(temp.resolve("model.ckpt.data-00001-of-00002") + ": no such file");
  }

  @Test
  void checksumsOfTheTensorsAreThoseInTheIndex() {
    try (Model model = Model.open(FIXTURE)) {
      assertThat(model.verify(Progress.NONE).stored()).isEqualTo(28);
    }
    try (Model model = Model.open(Data.FORMATS)) {
      assertThat(model.verify(Progress.NONE).stored()).isZero();
    }
  }

  @Test
  void oneBitOfOneTensorIsFoundWhenItIsAskedFor() throws IOException {
    Bundle.ofFixture().write(temp);
    byte[] data = Files.readAllBytes(temp.resolve(DATA));
    data[data.length - 1] ^= 1; // of wte, which is the last
    Files.write(temp.resolve(DATA), data);
    try (Model model = Model.open(temp)) {
      assertThatThrownBy(() -> model.verify(Progress.NONE))
          .isInstanceOf(ModelException.class)
          .hasMessageMatching(
              ".*: wte\\.weight: CRC32C 9c6b1a83 expected, [0-9a-f]{8} found:"
                  + " the file is damaged, get it again");
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 400, 885, 886, 887, 891, 899, 904, 910, 919, 923})
  void oneBitOfABlockOfTheIndexIsFoundAtOnce(int at) throws IOException {
    Path index = Bundle.ofFixture().write(temp);
    byte[] bytes = Files.readAllBytes(FIXTURE.resolve("model.ckpt.index"));
    bytes[at] ^= 4;
    Files.write(index, bytes);
    assertThatThrownBy(() -> Model.open(temp))
        .isInstanceOf(ModelException.class)
        .hasMessageStartingWith(index + ": block of ")
        .hasMessageEndingWith(": its checksum is another one: the file is damaged");
  }

  @Test
  void refusesACompressedBlock() throws IOException {
    Path index = Bundle.ofFixture().write(temp);
    byte[] bytes = Files.readAllBytes(FIXTURE.resolve("model.ckpt.index"));
    bytes[886] = 1; // snappy
    Files.write(index, Bundle.withGoodChecksums(bytes));
    refused(
        index
            + ": block of 886 bytes at 0: compressed (type 1), which is not supported; TensorFlow"
            + " 1.2 and later write it uncompressed");
  }

  @Test
  void refusesWhatIsNoTable() throws IOException {
    Path index = Bundle.ofFixture().write(temp);
    byte[] bytes = Files.readAllBytes(index);
    for (int length : new int[] {0, 47, bytes.length - 1}) {
      Files.write(index, Arrays.copyOf(bytes, length));
      refused(index + ": the end of a table expected, not found: another kind of file, or cut off");
    }
    Files.write(index, new byte[(1 << 20) + 1]);
    refused(index + ": at most 1048576 bytes expected, 1048577 found");
  }

  @Test
  void refusesABlockThatDoesNotFollowTheOneBefore() throws IOException {
    Path index = Bundle.ofFixture().write(temp);
    byte[] bytes = Files.readAllBytes(FIXTURE.resolve("model.ckpt.index"));
    bytes[908] = 1; // where the index says that the data begins
    Files.write(index, Bundle.withGoodChecksums(bytes));
    refused(index + ": a block at 0 expected, found at 1");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "19 | 0 | 24320 | 128 | dtype 1 (float32) expected, 19 found",
        "1 | 1 | 24320 | 128 | shard_id: a number in [0, 0] expected, 1 found",
        "1 | 0 | -1 | 128 | offset: a number in [0, 9223372036854775807] expected,"
            + " 18446744073709551615 found",
        "1 | 0 | 0 | 124 | 124 bytes at 0 found, for a shape of [32]",
      })
  void refusesAnEntryThatCannotBe(int dtype, int shard, long offset, long size, String message)
      throws IOException {
    var bundle = Bundle.ofFixture();
    bundle.entries.put("model/ln_f/b", Bundle.entry(dtype, shard, offset, size, 32));
    Path index = bundle.write(temp);
    refused(index + ": model/ln_f/b: " + message);
  }

  @Test
  void refusesTensorsThatOverlapOrLeaveAGap() throws IOException {
    var bundle = Bundle.ofFixture();
    bundle.entries.put("model/wpe", Bundle.entry(1, 0, 101_884, 8192, 64, 32));
    bundle.write(temp);
    assertThatThrownBy(() -> Model.open(temp))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining(DATA + ": model/")
        .hasMessageContaining("expected within its 241152 bytes, the index says at");
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 1})
  void refusesDataOfAnotherLength(int more) throws IOException {
    Bundle.ofFixture().write(temp);
    byte[] data = Files.readAllBytes(temp.resolve(DATA));
    Files.write(temp.resolve(DATA), Arrays.copyOf(data, data.length + more));
    assertThatThrownBy(() -> Model.open(temp))
        .isInstanceOf(ModelException.class)
        .hasMessageStartingWith(temp.resolve(DATA) + ": ");
  }

  @Test
  void refusesBigEndianAndALaterVersion() throws IOException {
    var bundle = Bundle.ofFixture();
    bundle.entries.put("", Bundle.message(1, 1, 2, 1));
    Path index = bundle.write(temp);
    refused(index + ": header: endianness (0: little): a number in [0, 0] expected, 1 found");
    bundle.entries.put("", Bundle.message(1, 1, 3, Bundle.message(1, 9, 2, 9)));
    Files.write(index, bundle.table(1000));
    refused(index + ": header: version: min_consumer: a number in [0, 1] expected, 9 found");
    bundle.entries.put("", Bundle.message(3, Bundle.message(1, 1)));
    Files.write(index, bundle.table(1000));
    refused(index + ": header: num_shards: at least 1 expected, 0 found");
  }

  @Test
  void refusesASlicedTensorAndOneThatGpt2DoesNotHave() throws IOException {
    var bundle = Bundle.ofFixture();
    bundle.entries.put("model/ln_f/b", Bundle.message(1, 1, 7, new byte[0]));
    Path index = bundle.write(temp);
    refused(index + ": model/ln_f/b: a tensor in slices is not supported");
    bundle = Bundle.ofFixture();
    bundle.entries.put("model/global_step", Bundle.entry(1, 0, 241_152, 0, 0));
    Files.write(index, bundle.table(1000));
    refused("global_step: found in " + DATA + ", but a GPT-2 of 2 layers has no such tensor");
    bundle = Bundle.ofFixture();
    bundle.entries.put("wte", Bundle.entry(1, 0, 241_152, 0, 0));
    Files.write(index, bundle.table(1000));
    refused(index + ": wte.weight is there twice, by two names");
  }

  @Test
  void refusesAKeyThatGrowsWithoutEnd() throws IOException {
    var bundle = Bundle.ofFixture();
    bundle.entries.put("x".repeat(257), new byte[0]);
    Path index = bundle.write(temp);
    refused(index + ": a key of at most 256 bytes expected, found: 0 of the 0 before, and 257");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "{\"n_vocab\": 1024} | n_ctx: a whole number in [1, 16777216] expected, nothing found",
        "{\"n_vocab\": \"x\"} | n_vocab: a whole number in [1, 16777216] expected, \"x\" found",
        "{\"n_vocab\": 16777217} | n_vocab: a whole number in [1, 16777216] expected, 16777217"
            + " found",
        "{\"n_vocab\": 1024, \"n_ctx\": 64, \"n_embd\": 32, \"n_head\": 5, \"n_layer\": 2} |"
            + " n_embd 32 is not a multiple of n_head 5",
        "{\"n_vocab\": 1024, \"n_ctx\": 64, \"n_embd\": 32, \"n_head\": 4, \"n_layer\": 2,"
            + " \"scale\": 1} | 'scale' is not supported; supported: n_vocab, n_ctx, n_embd,"
            + " n_head, n_layer",
      })
  void refusesHparamsThatAreNotOfAGpt2(String json, String message) throws IOException {
    Bundle.ofFixture().write(temp);
    Path file = Files.writeString(temp.resolve("hparams.json"), json);
    refused(file + ": " + message);
  }

  @Test
  void aFolderWithoutOneOfTheFilesIsStillOpenAis() throws IOException {
    Path index = Bundle.ofFixture().write(temp);
    Files.delete(temp.resolve("encoder.json"));
    try (Model model = Model.open(temp)) {
      assertThat(model.tokenizer()).isEmpty();
    }
    Files.delete(index);
    refused(index + ": no such file");
    Files.createFile(index);
    Files.delete(temp.resolve("hparams.json"));
    refused(temp.resolve("hparams.json") + ": no such file");
  }

  /** LevelDB's own test vectors (util/crc32c_test.cc): of 32 zeros, and unmask(mask(x)) = x. */
  @Test
  void checksumsAreLevelDbs() {
    assertThat(Crc32c.of(ByteBuffer.allocate(32))).isEqualTo(0x8A9136AA);
    for (int crc : new int[] {0, -1, 0x8A9136AA, 0x12345678}) {
      assertThat(Crc32c.masked(crc)).isNotEqualTo(crc);
      assertThat(Crc32c.unmasked(Crc32c.masked(crc))).isEqualTo(crc);
    }
  }

  private void refused(String message) {
    assertThatThrownBy(() -> Model.open(temp))
        .isInstanceOf(ModelException.class)
        .hasMessage(message);
  }
}
