package org.fastgpt.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.Engines;
import org.fastgpt.Fixtures;
import org.fastgpt.Generator;
import org.fastgpt.GptConfig;
import org.fastgpt.Session;
import org.fastgpt.Tolerances;
import org.fastgpt.tokenizer.StreamDecoder;
import org.fastgpt.tokenizer.Tokenizer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** HuggingFace's, minGPT's and nanoGPT's files of PyTorch's {@code torch.save}. */
class TorchGptTest {
  private static final Path PT = Data.FORMATS.resolve("pt");
  private static final Path CHAR = PT.resolve("char");
  private static final String N_HEAD = "{\"system\": {}, \"model\": {\"n_head\": 4}}";

  @TempDir Path temp;

  @ParameterizedTest
  @ValueSource(strings = {"pytorch_model.bin", "legacy.bin"})
  void huggingFacesWeightsAreTheSameInPyTorchsFiles(String name) throws IOException {
    copy(Data.FORMATS, "config.json");
    Files.copy(PT.resolve(name), temp.resolve("pytorch_model.bin"));
    try (Model model = Model.open(temp)) {
      assertThat(model.format()).isEqualTo("HuggingFace");
      assertThat(model.floats("wte.weight").isMapped()).isTrue();
      assertSameTensors(model);
      assertGoldenIds(model);
    }
  }

  /** The file itself: its config.json is HuggingFace's. */
  @Test
  void huggingFacesFileIsAModelToo() throws IOException {
    copy(Data.FORMATS, "config.json");
    copy(PT, "pytorch_model.bin");
    try (Model model = Model.open(temp.resolve("pytorch_model.bin"))) {
      assertThat(model.format()).isEqualTo("PyTorch");
      assertSameTensors(model);
    }
  }

  /** Here it is not padding: HuggingFace's config.json says how many rows there are. */
  @Test
  void refusesMoreRowsThanHuggingFacesConfigSays() throws IOException {
    String config = Files.readString(Data.FORMATS.resolve("config.json"));
    Files.writeString(
        temp.resolve("config.json"),
        config
            .replace("\"vocab_size\": 1024", "\"vocab_size\": 1023")
            .replace("\"eos_token_id\": 1023", "\"eos_token_id\": 1022"));
    copy(PT, "pytorch_model.bin");
    refused(temp.resolve("pytorch_model.bin"), "wte.weight: shape [1023, 32] expected");
    refused(temp, "wte.weight: shape [1023, 32] expected");
  }

  @Test
  void safetensorsArePreferred() throws IOException {
    copy(Data.FORMATS, "config.json", "model.safetensors");
    Files.writeString(temp.resolve("pytorch_model.bin"), "not looked at");
    try (Model model = Model.open(temp)) {
      assertSameTensors(model);
    }
  }

  @Test
  void shardsHoldTheSameTensorsAsOneFile() throws IOException {
    copy(Data.FORMATS, "config.json");
    List<TreeMap<String, Object>> shards = List.of(new TreeMap<>(), new TreeMap<>());
    var weightMap = new TreeMap<String, Object>();
    try (Model model = Model.open(Data.FORMATS)) {
      for (StoredTensor t : model.tensors().values()) {
        int shard = weightMap.size() % 2;
        List<Long> shape = t.shape().stream().map(Integer::longValue).toList();
        float[] floats = new float[(int) t.data().byteSize() / 4];
        for (int i = 0; i < floats.length; i++) {
          floats[i] = t.data().get(Model.FLOAT, 4L * i);
        }
        String key = String.valueOf(weightMap.size());
        shards.get(shard).put(t.name(), TorchWriter.floats(key, shape, floats));
        weightMap.put(t.name(), "pytorch_model-" + shard + ".bin");
      }
    }
    Files.write(temp.resolve("pytorch_model-0.bin"), TorchWriter.zip(shards.get(0)));
    Files.write(temp.resolve("pytorch_model-1.bin"), TorchWriter.legacy(shards.get(1)));
    Files.writeString(
        temp.resolve("pytorch_model.bin.index.json"),
        JSON.std.asString(Map.of("weight_map", weightMap)));
    try (Model model = Model.open(temp)) {
      assertSameTensors(model);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"model.pt", "model.pt in its folder"})
  void minGptHasTheSameTensorsTransposedAndAHeadOfItsOwn(String path) throws IOException {
    Files.copy(PT.resolve("mingpt.pt"), temp.resolve("model.pt"));
    Files.writeString(temp.resolve("config.json"), N_HEAD);
    try (Model model = Model.open(path.equals("model.pt") ? temp.resolve(path) : temp)) {
      assertThat(model.format()).isEqualTo("minGPT");
      assertThat(model.note()).isEmpty();
      assertThat(model.config())
          .isEqualTo(new GptConfig(1024, 64, 32, 4, 2, 128, 1e-5f, true, false, false, -1));
      assertSameTensors(model);
      assertThat(model.floats("lm_head.weight").mismatch(model.floats("wte.weight"))).isEqualTo(-1);
      assertGoldenIds(model);
    }
  }

  /** Its padding is still there, as no vocabulary says that it is padding. */
  @Test
  void nanoGptHasTheSameTensorsTransposedAndPadded() {
    try (Model model = Model.open(PT.resolve("nanogpt.pt"))) {
      assertThat(model.format()).isEqualTo("nanoGPT");
      assertThat(model.note().orElseThrow()).contains("GELU");
      assertThat(model.config())
          .isEqualTo(new GptConfig(1071, 64, 32, 4, 2, 128, 1e-5f, true, false, true, -1));
      assertGoldenIds(model);
    }
  }

  @Test
  void aVocabularyBesideItTellsPaddingFromTokens() throws IOException {
    Files.copy(PT.resolve("nanogpt.pt"), temp.resolve("ckpt.pt"));
    copy(Data.FORMATS, "vocab.json", "merges.txt");
    try (Model model = Model.open(temp)) {
      assertThat(model.config()).isEqualTo(GptConfig.gpt2(1024, 64, 32, 4, 2));
      assertThat(model.requireTokenizer().size()).isEqualTo(1024);
      assertThat(model.floats("wte.weight").isMapped()).isTrue();
      assertSameTensors(model);
      assertGoldenIds(model);
    }
  }

  @Test
  void refusesAVocabularyOfAnotherModel() throws IOException {
    Path file = Files.copy(CHAR.resolve("ckpt.pt"), temp.resolve("ckpt.pt"));
    copy(Data.FORMATS, "vocab.json", "merges.txt");
    refused(file, "the vocabulary beside it has 1024 tokens, but wte.weight has 41 rows");
  }

  /** Compiled, without biases, by characters: against HuggingFace's GPT-2 with biases 0. */
  @ParameterizedTest
  @ValueSource(strings = {"", "ckpt.pt"})
  void aNanoGptOfCharactersGivesHuggingFacesLogits(String name) throws IOException {
    Map<String, Object> golden = JSON.std.mapFrom(Files.readString(CHAR.resolve("golden.json")));
    try (Model model = Model.open(CHAR.resolve(name));
        Engine engine = Engines.named("core").open(model, EngineOptions.DEFAULT);
        Session session = engine.newSession()) {
      Tokenizer tokenizer = model.requireTokenizer();
      int[] prompt = tokenizer.encode((String) golden.get("prompt"));
      assertThat(prompt).containsExactly(Fixtures.ids(golden, "prompt_ids"));
      float[] logits = session.forward(prompt);
      double[] expected = Fixtures.doubles(golden, "logits");
      for (int i = 0; i < expected.length; i++) {
        double bound = Tolerances.logits(model.config()) * 6; // the largest is 5.5
        assertThat((double) logits[i]).isCloseTo(expected[i], within(bound));
      }
      int[] ids =
          new Generator(true, true).generate(session, model.config(), prompt, 20, _ -> true).ids();
      assertThat(ids).containsExactly(Fixtures.ids(golden, "new_ids"));
      assertThat(tokenizer.decode(ids)).isEqualTo(golden.get("text"));
    }
  }

  @Test
  void aMissingBiasIsOnlyZeroWhereTheCheckpointSaysSo() throws IOException {
    refused(nano(Map.of("bias", true)), "h.0.ln_1.bias: not found in x.pt");
    Path file = nano(Map.of("bias", false));
    try (Model model = Model.open(file)) {
      assertThat(model.floats("h.0.attn.c_attn.bias").byteSize()).isEqualTo(4 * 3 * 2);
      assertThat(model.floats("h.0.mlp.c_fc.bias").get(Model.FLOAT, 0)).isZero();
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "n_layer | 2 | model_args: n_layer 2, but the tensors have 1",
        "block_size | 9 | model_args: block_size 9, but the tensors have 3",
        "n_head | 0 | model_args: n_head: a size in [1, 16777216] expected, another found",
        "n_head | 3 | n_embd 2 is not a multiple of n_head 3",
      })
  void refusesSizesThatAreNotThoseOfTheTensors(String name, long value, String message)
      throws IOException {
    refused(nano(Map.of("bias", false, name, value)), message);
  }

  @Test
  void nanoGptsPaddingOfGpt2sVocabularyIsKnown() throws IOException {
    assertThat(wte(50304).config().nVocab()).isEqualTo(50257);
    assertThat(wte(50304).config().eosTokenId()).isEqualTo(50256);
    assertThat(wte(50257).config().nVocab()).isEqualTo(50257);
    assertThat(wte(50303).config().nVocab()).isEqualTo(50303);
  }

  @Test
  void minGptsNHeadIsThatOfItsSizeOrItsConfig() throws IOException {
    assertThat(headsOf(weights(3, 48), Map.of())).isEqualTo(3);
    assertThat(headsOf(weights(4, 128), Map.of())).isEqualTo(4);
    assertThat(headsOf(weights(4, 128), Map.of("n_head", 8))).isEqualTo(8);
    assertThatThrownBy(() -> headsOf(weights(3, 128), Map.of()))
        .isInstanceOf(ModelException.class)
        .hasMessage(
            temp.resolve("x.pt")
                + ": n_head is not in the file, and these are no sizes of GPT-2's or minGPT's; say"
                + " it in a config.json beside the file: {\"model\": {\"n_head\": 4}}");
  }

  @Test
  void refusesATensorThatIsThereUnderTwoNames() throws IOException {
    Map<String, Object> weights = weights(1, 2);
    weights.put("ln_f.weight", weights.get("transformer.ln_f.weight"));
    refused(write(weights), "ln_f.weight is there twice, with and without a prefix");
  }

  @Test
  void refusesWhatIsNoGpt2() throws IOException {
    refused(write(Map.of()), "a matrix wte.weight expected, none found");
    refused(write(Map.of("model_args", Map.of(), "model", 1L)), "a dict of tensors expected");
    refused(
        write(Map.of("weight", TorchWriter.floats("0", List.of(1L), 1))), "a matrix wte.weight");
  }

  @Test
  void whatTheUserNamesIsFound() throws IOException {
    Path file = CHAR.resolve("ckpt.pt");
    assertThat(Models.resolve(file.toString(), Progress.NONE)).isEqualTo(file);
    assertThat(Models.resolve(CHAR.toString(), Progress.NONE)).isEqualTo(CHAR);
    Files.copy(file, temp.resolve("ckpt.pt"));
    Files.copy(file, temp.resolve("model.pt"));
    assertThat(Format.of(temp)).isEmpty(); // which of the two?
    Files.copy(file, temp.resolve("without-suffix"));
    assertThat(Format.of(temp.resolve("without-suffix"))).isPresent();
    assertThat(Format.of(CHAR.resolve("meta.pkl"))).isEmpty();
  }

  @Test
  void charactersAreTokens() {
    Tokenizer tokenizer = CharacterVocabulary.read(CHAR.resolve("meta.pkl"));
    assertThat(tokenizer.size()).isEqualTo(41);
    assertThat(tokenizer.endOfText()).isEmpty();
    String text = "The quick žluťoučký 🐱\n";
    int[] ids = tokenizer.encode(text);
    assertThat(ids).hasSize(text.codePointCount(0, text.length()));
    assertThat(tokenizer.encodeWithSpecial(text)).containsExactly(ids);
    assertThat(tokenizer.decode(ids)).isEqualTo(text);
    var stream = new StreamDecoder(tokenizer);
    var pushed = new StringBuilder();
    for (int id : ids) {
      pushed.append(stream.push(id));
    }
    assertThat(pushed.append(stream.flush())).hasToString(text);
  }

  @Test
  void refusesACharacterThatTheModelDoesNotKnow() {
    Tokenizer tokenizer = CharacterVocabulary.read(CHAR.resolve("meta.pkl"));
    assertThatThrownBy(() -> tokenizer.encode("The end?"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("\"?\" (U+003F) is not among the 41 characters that this model knows");
    assertThatThrownBy(() -> tokenizer.encode("😀")).hasMessageContaining("(U+1F600)");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        // {} and {"stoi": {"a": 0}, "itos": {1: "a"}} and so on, by pickletools' opcodes
        "80027d2e | a dict with stoi and itos",
        "80025d2e | a dict with stoi and itos",
        "80027d285804000000 73746f697d58010000006 14b0173580400000069746f737d4b01580100000061"
            + " 73752e | another; is it one of words?",
        "80027d285804000000 73746f697d5802000000 61624b0073580400000069746f737d4b005802000000616273"
            + "752e | another; is it one of words?",
        "80027d285804000000 73746f697d5801000000614b0073580400000069746f737d4b00580100000062 73752e"
            + " | another; is it one of words?",
      })
  void refusesAnotherKindOfMetaPkl(String pickle, String message) throws IOException {
    Path file = temp.resolve("meta.pkl");
    Files.write(file, HexFormat.of().parseHex(pickle.replace(" ", "")));
    assertThatThrownBy(() -> CharacterVocabulary.read(file))
        .isInstanceOf(ModelException.class)
        .hasMessageStartingWith(file.toString())
        .hasMessageContaining(message);
  }

  private int headsOf(Map<String, Object> weights, Map<String, Object> model) throws IOException {
    Files.writeString(
        temp.resolve("config.json"), JSON.std.asString(Map.of("system", Map.of(), "model", model)));
    try (Model opened = Model.open(write(weights))) {
      return opened.config().nHead();
    }
  }

  /** A nanoGPT of one layer with that many rows, opened. */
  private Checkpoint wte(int rows) throws IOException {
    Map<String, Object> weights = weights(1, 2);
    weights.put("transformer.wte.weight", zeros("many", rows, 2));
    Path file = nano(weights, Map.of("bias", false));
    try (var arena = Arena.ofConfined()) {
      Checkpoint checkpoint = new TorchCheckpoint().read(file, arena);
      assertThat(checkpoint.tensors().get("wte.weight").shape().getFirst())
          .isEqualTo(checkpoint.config().nVocab());
      return checkpoint;
    }
  }

  private Path nano(Map<String, Object> args) throws IOException {
    return nano(weights(1, 2), args);
  }

  /** Without biases. */
  private Path nano(Map<String, Object> weights, Map<String, Object> args) throws IOException {
    weights.keySet().removeIf(name -> name.endsWith("bias"));
    var all =
        new TreeMap<String, Object>(
            Map.of("n_layer", 1L, "n_head", 1L, "n_embd", 2L, "block_size", 3L));
    all.putAll(args);
    return write(Map.of("model", weights, "model_args", all));
  }

  private Path write(Map<String, Object> root) throws IOException {
    return Files.write(temp.resolve("x.pt"), TorchWriter.zip(root));
  }

  /** Zeros in minGPT's layout, with 5 tokens and 3 positions. */
  private static Map<String, Object> weights(int nLayer, int nEmbd) {
    var weights = new TreeMap<String, Object>();
    GptTensors.forEach(
        GptConfig.gpt2(5, 3, nEmbd, 1, nLayer),
        (name, shape) -> {
          boolean embedding = name.startsWith("w");
          List<Integer> linear = embedding ? shape : shape.reversed();
          int columns = linear.size() == 2 ? linear.get(1) : 0;
          weights.put("transformer." + name, zeros(name, linear.get(0), columns));
        });
    return weights;
  }

  private static TorchWriter.View zeros(String key, long rows, long columns) {
    List<Long> shape = columns == 0 ? List.of(rows) : List.of(rows, columns);
    return TorchWriter.floats(key, shape, new float[(int) (rows * Math.max(1, columns))]);
  }

  private void copy(Path from, String... names) throws IOException {
    for (String name : names) {
      Files.copy(from.resolve(name), temp.resolve(name));
    }
  }

  private static void refused(Path file, String message) {
    assertThatThrownBy(() -> Model.open(file))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining(message);
  }

  /** Bit for bit the weights of HuggingFace's folder. */
  private static void assertSameTensors(Model actual) {
    try (Model expected = Model.open(Data.FORMATS)) {
      var names = new TreeSet<>(expected.tensors().keySet());
      assertThat(actual.tensors().keySet()).containsAll(names);
      for (String name : names) {
        assertThat(actual.tensors().get(name).shape())
            .isEqualTo(expected.tensors().get(name).shape());
        assertThat(actual.floats(name).mismatch(expected.floats(name))).as(name).isEqualTo(-1);
      }
    }
  }

  private static void assertGoldenIds(Model model) {
    try (Engine engine = Engines.named("core").open(model, EngineOptions.DEFAULT);
        Session session = engine.newSession()) {
      Map<String, Object> golden =
          JSON.std.mapFrom(Files.readString(Data.FORMATS.resolve("golden.json")));
      int[] prompt = Fixtures.ids(golden, "prompt_ids");
      int[] ids =
          new Generator(true, true).generate(session, model.config(), prompt, 20, _ -> true).ids();
      assertThat(ids).containsExactly(Fixtures.ids(golden, "new_ids"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
