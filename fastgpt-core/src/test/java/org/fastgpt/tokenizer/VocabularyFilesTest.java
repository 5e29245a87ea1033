package org.fastgpt.tokenizer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.fastgpt.model.ModelException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class VocabularyFilesTest {
  private static final Path DATA = Path.of("../data");
  private static final Gpt2Vocabulary GPT2 = new Gpt2Vocabulary();

  @TempDir Path folder;

  @Test
  void theRecoveredVocabularyIsOpenAisByteForByte() throws GeneralSecurityException {
    assertThat(sha256(GPT2.encoderJson()))
        .isEqualTo("196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783");
    assertThat(sha256(GPT2.vocabBpe()))
        .isEqualTo("1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5");
  }

  private static String sha256(String text) throws GeneralSecurityException {
    return HexFormat.of()
        .formatHex(MessageDigest.getInstance("SHA-256").digest(text.getBytes(UTF_8)));
  }

  @Test
  void encoderJsonAndVocabBpeGiveGpt2() throws IOException {
    write("encoder.json", GPT2.encoderJson());
    write("vocab.bpe", GPT2.vocabBpe());
    assertIsGpt2(Tokenizer.load(folder));
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void tokenizerJsonGivesGpt2(boolean mergesAsPairs) throws IOException {
    write("tokenizer.json", GPT2.tokenizerJson(mergesAsPairs));
    assertIsGpt2(Tokenizer.load(folder));
  }

  /** Equal to the tokenizer of vocab.json and merges.txt, which TokenizerTest checks. */
  private static void assertIsGpt2(Tokenizer tokenizer) throws IOException {
    Tokenizer gpt2 = Gpt2Vocabulary.tokenizer();
    assertThat(tokenizer.size()).isEqualTo(gpt2.size());
    assertThat(tokenizer.endOfText()).hasValue(50256);
    for (int id = 0; id < gpt2.size(); id++) {
      assertThat(tokenizer.decodeBytes(id)).isEqualTo(gpt2.decodeBytes(id));
    }
    for (String line : Files.readAllLines(DATA.resolve("tokenizer/gpt2.jsonl"))) {
      String text = (String) JSON.std.mapFrom(line).get("text");
      assertThat(tokenizer.encode(text)).as(line).isEqualTo(gpt2.encode(text));
      assertThat(tokenizer.encodeWithSpecial(text))
          .as(line)
          .isEqualTo(gpt2.encodeWithSpecial(text));
    }
  }

  @ParameterizedTest
  @CsvSource({"vocab.json,merges.txt", "tokenizer.json,tokenizer_config.json"})
  void tinyShakespeareGivesTheIdsOfItsGoldenFile(String one, String two) throws IOException {
    for (String name : List.of(one, two)) {
      Files.copy(DATA.resolve("models/tiny-shakespeare").resolve(name), folder.resolve(name));
    }
    Tokenizer tiny = Tokenizer.load(folder);
    assertThat(tiny.size()).isEqualTo(1024);
    assertThat(tiny.endOfText()).hasValue(1023);
    Map<String, Object> golden =
        JSON.std.mapFrom(Files.readString(DATA.resolve("golden/tiny-shakespeare.json")));
    for (Map<?, ?> item : maps(golden.get("tokenizer"))) {
      String text = (String) item.get("text");
      assertThat(tiny.encode(text)).as(text).isEqualTo(ids(item.get("ids")));
      assertThat(tiny.decode(ids(item.get("ids")))).isEqualTo(text);
    }
    for (Map<?, ?> item : maps(golden.get("greedy"))) {
      assertThat(tiny.encode((String) item.get("prompt"))).isEqualTo(ids(item.get("prompt_ids")));
      assertThat(tiny.decode(ids(item.get("new_ids")))).isEqualTo(item.get("text"));
    }
  }

  private static List<Map<?, ?>> maps(Object json) {
    return ((List<?>) json).stream().<Map<?, ?>>map(item -> (Map<?, ?>) item).toList();
  }

  private static int[] ids(Object json) {
    return ((List<?>) json).stream().mapToInt(id -> (Integer) id).toArray();
  }

  // From here on, a small vocabulary: the 256 bytes, "ab" and "<|endoftext|>".

  private static final String VOCAB =
      new Gpt2Vocabulary()
          .encoderJson()
          .replaceFirst(", \"\\\\u0120t\": 256.*", ", \"ab\": 256, \"<|endoftext|>\": 257}");

  private static final String TOKENIZER =
      """
      {"normalizer": null, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
       "post_processor": null, "decoder": {"type": "ByteLevel"}, "truncation": {"max_length": 8},
       "added_tokens": [{"id": 258, "content": "<|user é|>", "lstrip": false, "special": true}],
       "model": {"type": "BPE", "dropout": null, "vocab": %s, "merges": ["a b"]}}
      """
          .formatted(VOCAB);

  @Test
  void theSmallVocabularyLoads() throws IOException {
    write("vocab.json", VOCAB);
    write("merges.txt", "a b\n");
    Tokenizer small = Tokenizer.load(folder);
    assertThat(small.encode("cab")).containsExactly(66, 256);
    assertThat(small.size()).isEqualTo(258);
  }

  @Test
  void addedTokensAreTokensOnlyWhereAsked() throws IOException {
    write("tokenizer.json", TOKENIZER);
    Tokenizer json = Tokenizer.load(folder);
    write("vocab.json", VOCAB);
    write("merges.txt", "#version: 0.2\r\na b\r\n");
    write("added_tokens.json", "{\"<|user é|>\": 258}");
    Tokenizer files = Tokenizer.load(folder);
    for (Tokenizer tokenizer : List.of(json, files)) {
      assertThat(tokenizer.encodeWithSpecial("ab<|user é|><|endoftext|>"))
          .containsExactly(256, 258, 257);
      assertThat(tokenizer.encode("<|user é|>")).hasSize(11);
      assertThat(tokenizer.decode(258)).isEqualTo("<|user é|>");
    }
  }

  @Test
  void theLongestOfTheAddedTokensWins() throws IOException {
    write("vocab.json", VOCAB);
    write("merges.txt", "a b\n");
    write("added_tokens.json", "{\"<x\": 258, \"<xy\": 259}");
    assertThat(Tokenizer.load(folder).encodeWithSpecial("<xy<xx")).containsExactly(259, 258, 87);
  }

  @Test
  void aMergedTokenThatOtherMergesKeepApartIsNotUsed() throws IOException {
    // "abc" can only be made of "ab" and "c", but "b" and "c" come first.
    write("vocab.json", VOCAB.replace("\"<|endoftext|>\": 257", "\"bc\": 257, \"abc\": 258"));
    write("merges.txt", "b c\na b\nab c\n");
    assertThat(Tokenizer.load(folder).encode("abc")).containsExactly(64, 257);
  }

  @Test
  void rejectsAFolderWithNoVocabulary() throws IOException {
    write("vocab.json", VOCAB);
    assertFails(
        folder,
        "vocab.json and merges.txt, encoder.json and vocab.bpe, or tokenizer.json expected, none of"
            + " these found");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          `"ab": 256` | `"ab": 300` | `token "ab": ids 0 to 257 expected for 258 tokens, 300 found`
          `"ab": 256` | `"ab": -1` | `token "ab": ids 0 to 257 expected for 258 tokens, -1 found`
          `"ab": 256` | `"ab": 255` | `token "ab": an id of its own expected, 255 found for two tokens`
          `"ab": 256` | `"ab": 4294967296` | `not valid JSON in line 1, column 3280: Numeric value (4294967296) out of range of int (-2147483648 - 2147483647)`
          `"ab": 256` | `"ab": 256.0` | `"ab": an id expected, "256.0" found`
          `"ab": 256` | `"ab": "256"` | `"ab": an id expected, "256" found`
          `"ab": 256` | `"ab": 256, "ab": 256` | `not valid JSON in line 1, column 3281: Duplicate field 'ab'`
          `"ab": 256` | `"a b\\n": 256` | `token "a b\\u000a": GPT-2's byte alphabet expected, U+0020 found`
          `"ab": 256` | `"日": 256` | `token "日": GPT-2's byte alphabet expected, U+65E5 found`
          `"ab": 256` | `"": 256` | `token "": at least one byte expected, none found`
          `"a": 64` | `"aa": 64` | `token "a": a token for each byte expected, none found for 61`
          `257}` | `257` | `not valid JSON in line 1, column 3295: Unexpected end-of-input: expected close marker for Object`
          `257}` | `257}}` | `not valid JSON in line 1, column 3296: Unexpected close marker '}': no open Object to close`
          `257}` | `257} []` | `the end expected after the JSON value, more found`
          `{` | `[` | `an object of tokens and ids expected, "[" found`
          """)
  void rejectsBrokenVocabularies(String valid, String broken, String message) throws IOException {
    assertThat(VOCAB).contains(valid);
    write("vocab.json", VOCAB.replace(valid, broken));
    write("merges.txt", "a b\n");
    assertFails(folder.resolve("vocab.json"), message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          `a b\n\na b` | `merge 2 "": two tokens and a space between expected`
          `ab` | `merge 1 "ab": two tokens and a space between expected`
          `a b c` | `merge 1 "a b c": two tokens and a space between expected`
          ` ab` | `merge 1 " ab": two tokens and a space between expected`
          `ab ` | `merge 1 "ab ": two tokens and a space between expected`
          `a b\na b` | `merge 2 "a b": each pair once expected, found again`
          `#version: 0.2\nzz b` | `merge 1 "zz b": tokens of the vocabulary expected, "zz" found`
          `a zz` | `merge 1 "a zz": tokens of the vocabulary expected, "zz" found`
          `b a` | `merge 1 "b a": tokens of the vocabulary expected, "ba" found`
          `a b\n#version: 0.2` | `merge 2 "#version: 0.2": tokens of the vocabulary expected, "#version:" found`
          """)
  void rejectsBrokenMerges(String merges, String message) throws IOException {
    write("vocab.json", VOCAB);
    write("merges.txt", merges);
    assertFails(folder.resolve("merges.txt"), message);
  }

  /** 65,536 tokens of 32 letters, all with the same sum of letter times power of 31. */
  @Test
  @Timeout(60) // much longer, if each were compared with all before it
  void tokensThatAreAlikeToAHashAreReadAsOthersAre() throws IOException {
    var vocab = new StringBuilder(VOCAB.substring(0, VOCAB.lastIndexOf('}')));
    for (int i = 0; i < 1 << 16; i++) {
      vocab.append(", \"");
      for (int bit = 0; bit < 16; bit++) {
        vocab.append((i >> bit & 1) == 0 ? "Aa" : "BB");
      }
      vocab.append("\": ").append(258 + i);
    }
    write("vocab.json", vocab.append('}').toString());
    write("merges.txt", "a b\n");
    assertThat(Tokenizer.load(folder).encode("AaAab")).hasSize(4);
  }

  @Test
  void mergesAreOfTheByteAlphabet() throws IOException {
    write("vocab.json", VOCAB);
    write("merges.txt", "a \u4e00\n");
    assertFails(
        folder.resolve("merges.txt"),
        "merge 1 \"a \u4e00\": tokens in GPT-2's byte alphabet expected");
  }

  @Test
  @Timeout(60) // much longer, if each were compared with all before it
  void aPairThatIsThereAMillionTimesIsFoundAtOnce() throws IOException {
    write("vocab.json", VOCAB);
    write("merges.txt", "a b\n".repeat(1_000_000));
    assertFails(
        folder.resolve("merges.txt"), "merge 2 \"a b\": each pair once expected, found again");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          `"normalizer": null` | `"normalizer": {"type": "NFC"}` | `normalizer.type: "null" expected, "NFC" found`
          `"normalizer": null` | `"normalizer": ["NFC"]` | `"normalizer": an object expected, "[" found`
          `"type": "ByteLevel", "add` | `"type": "Whitespace", "add` | `pre_tokenizer.type: "ByteLevel" expected, "Whitespace" found`
          `pre_tokenizer` | `pretokenizer` | `pre_tokenizer.type: "ByteLevel" expected, "null" found`
          `"add_prefix_space": false` | `"add_prefix_space": true` | `pre_tokenizer.add_prefix_space: "false" expected, "true" found`
          `"add_prefix_space": false` | `"add_prefix_space": false, "use_regex": false` | `pre_tokenizer.use_regex: "true" expected, "false" found`
          `"post_processor": null` | `"post_processor": {"type": "TemplateProcessing"}` | `post_processor.type: "ByteLevel" expected, "TemplateProcessing" found`
          `"decoder": {"type": "ByteLevel"}` | `"decoder": {"type": "Metaspace"}` | `decoder.type: "ByteLevel" expected, "Metaspace" found`
          `"lstrip": false` | `"lstrip": true` | `added_tokens.lstrip: "false" expected, "true" found`
          `"lstrip": false` | `"rstrip": true` | `added_tokens.rstrip: "false" expected, "true" found`
          `"lstrip": false` | `"single_word": true` | `added_tokens.single_word: "false" expected, "true" found`
          `"id": 258` | `"id": 259` | `token "<|user é|>": ids 0 to 258 expected for 259 tokens, 259 found`
          `"id": 258` | `"id": 0` | `token "<|user é|>": an id of its own expected, 0 found for two tokens`
          `"id": 258` | `"id": -1` | `added_tokens: an id and a text of its own expected, "-1" "<|user é|>" found`
          `"id": 258, "content": "<|user é|>"` | `"id": 258` | `token "": a text of its own expected for added token 258`
          `"id": 258, "content": "<|user é|>"` | `"id": 5, "content": "ab"` | `token "ab": a text of its own expected for added token 5`
          `"added_tokens": [` | `"added_tokens": [7, ` | `an object expected, "7" found`
          `"BPE"` | `"WordPiece"` | `model.type: "BPE" expected, "WordPiece" found`
          `"normalizer": null` | `"normalizer": {"type": null}, "normalizer": {"type": null}` | `not valid JSON in line 1, column 32: Duplicate field 'normalizer'`
          `"dropout": null` | `"dropout": 0.1` | `model.dropout: "null" expected, "0.1" found`
          `"dropout": null` | `"byte_fallback": true` | `model.byte_fallback: "false" expected, "true" found`
          `"dropout": null` | `"ignore_merges": true` | `model.ignore_merges: "false" expected, "true" found`
          `"dropout": null` | `"continuing_subword_prefix": "##"` | `model.continuing_subword_prefix: "" expected, "##" found`
          `"dropout": null` | `"end_of_word_suffix": "</w>"` | `model.end_of_word_suffix: "" expected, "</w>" found`
          `["a b"]` | `[["a", "b", "c"]]` | `a pair expected, "c" found`
          `["a b"]` | `[["a"]]` | `a string expected, "]" found`
          `["a b"]` | `[1]` | `a string expected, "1" found`
          `["a b"]` | `{}` | `"merges": an array of merges expected, "{" found`
          `["a b"]` | `["a b"` | `not valid JSON in line 4, column 3366: Unexpected close marker '}': expected ']'`
          `"vocab": ` | `"vocab": 1, "more": ` | `model.vocab and model.merges expected, not both found`
          `"vocab": ` | `"more": ` | `model.vocab and model.merges expected, not both found`
          `"merges": ` | `"more": ` | `model.vocab and model.merges expected, not both found`
          """)
  void rejectsTokenizersThatAreNotGpt2s(String valid, String other, String message)
      throws IOException {
    assertThat(TOKENIZER).contains(valid);
    write("tokenizer.json", TOKENIZER.replace(valid, other));
    assertFails(folder.resolve("tokenizer.json"), message);
  }

  @ParameterizedTest
  @CsvSource({"'{\"', x, Name length", "'{\"x\": ', [, Document nesting depth"})
  void rejectsNamesAndNestingWithoutEnd(String start, String unit, String message)
      throws IOException {
    write("tokenizer.json", start + unit.repeat(100_000) + "\": 1}");
    assertThatThrownBy(() -> Tokenizer.load(folder))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining(folder.resolve("tokenizer.json") + ": not valid JSON: " + message)
        .message()
        .hasLineCount(1);
  }

  @Test
  void rejectsFilesThatAreTooLarge() throws IOException {
    write("vocab.json", VOCAB);
    try (var merges = new RandomAccessFile(folder.resolve("merges.txt").toFile(), "rw")) {
      merges.setLength((64 << 20) + 1);
    }
    assertFails(folder.resolve("merges.txt"), "at most 67108864 bytes expected, more found");
  }

  @ParameterizedTest
  @ValueSource(strings = {"add_prefix_space", "add_bos_token"})
  void rejectsSettingsThatChangeTheIds(String name) throws IOException {
    write("vocab.json", VOCAB);
    write("merges.txt", "a b\n");
    write("tokenizer_config.json", "{\"" + name + "\": true}");
    assertFails(
        folder.resolve("tokenizer_config.json"), name + " true is not supported, false expected");
  }

  private void write(String name, String content) throws IOException {
    Files.writeString(folder.resolve(name), content);
  }

  private void assertFails(Path file, String message) {
    assertThatThrownBy(() -> Tokenizer.load(folder))
        .isInstanceOf(ModelException.class)
        .hasMessage(file + ": " + message)
        .message()
        .hasLineCount(1);
  }
}
