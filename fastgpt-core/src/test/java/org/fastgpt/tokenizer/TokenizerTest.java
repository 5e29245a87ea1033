package org.fastgpt.tokenizer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** GPT-2's own vocabulary: the fixture, on which HuggingFace and tiktoken agree, and hard cases. */
class TokenizerTest {
  private final Tokenizer gpt2 = Gpt2Vocabulary.tokenizer();

  @Test
  void givesTheIdsOfEveryLineOfTheFixture() throws IOException {
    List<String> lines = Files.readAllLines(Path.of("../data/tokenizer/gpt2.jsonl"));
    assertThat(lines).hasSizeGreaterThan(1600);
    for (String line : lines) {
      Map<String, Object> json = JSON.std.mapFrom(line);
      String text = (String) json.get("text");
      int[] ids = ids(json.get("ids"));
      assertThat(gpt2.encode(text)).as(line).isEqualTo(ids);
      assertThat(gpt2.decodeBytes(ids)).as(line).isEqualTo(text.getBytes(UTF_8));
      assertThat(gpt2.decode(ids)).as(line).isEqualTo(text);
    }
  }

  @Test
  void hasTheSizeAndTheEndOfGpt2() {
    assertThat(gpt2.size()).isEqualTo(50257);
    assertThat(gpt2.endOfText()).hasValue(50256);
  }

  @Test
  void readsEndOfTextAsTokenOnlyWhereAsked() {
    assertThat(gpt2.encode("<|endoftext|>")).containsExactly(27, 91, 437, 1659, 5239, 91, 29);
    assertThat(gpt2.encodeWithSpecial("hello <|endoftext|>")).containsExactly(31373, 220, 50256);
    assertThat(gpt2.encodeWithSpecial("<|endoftext|><|endoftext|>a"))
        .containsExactly(50256, 50256, 64);
    assertThat(gpt2.encodeWithSpecial("<|endoftext|")).isEqualTo(gpt2.encode("<|endoftext|"));
    assertThat(gpt2.decode(31373, 220, 50256)).isEqualTo("hello <|endoftext|>");
  }

  @Test
  void cutsTextAtEndOfTextBeforeItLooksAtSpaces() {
    // The two spaces end their piece of text, so they are one run: \s+(?!\S) has nothing to spare.
    assertThat(gpt2.encodeWithSpecial("a  <|endoftext|>")).containsExactly(64, 220, 220, 50256);
    assertThat(gpt2.encodeWithSpecial("a\n\n<|endoftext|>")).containsExactly(64, 628, 50256);
  }

  @Test
  void readsLoneSurrogatesAsReplacementCharacters() {
    for (String lone :
        List.of("\ud83d", "\udc31", "a\ud83d", "\udc31\ud83d", "\ud83d b", "\ud83d\ud83d\udc31")) {
      String replaced =
          lone.codePoints()
              .map(c -> c >= 0xD800 && c <= 0xDFFF ? 0xFFFD : c)
              .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
              .toString();
      assertThat(gpt2.encode(lone)).isEqualTo(gpt2.encode(replaced));
      assertThat(gpt2.decode(gpt2.encode(lone))).isEqualTo(replaced);
    }
  }

  @Test
  void decodesBytesThatAreNoTextToReplacementCharacters() {
    assertThat(gpt2.decodeBytes(12520)).containsExactly(0x20, 0xF0, 0x9F);
    assertThat(gpt2.decode(12520)).isEqualTo(" \uFFFD");
    assertThat(gpt2.decode(12520, 64)).isEqualTo(" \uFFFDa");
    assertThat(gpt2.decode()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(ints = {50257, -1, Integer.MAX_VALUE, Integer.MIN_VALUE})
  void rejectsTokensOutsideTheVocabulary(int id) {
    assertThatThrownBy(() -> gpt2.decode(0, id))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("token " + id + " is outside the vocabulary [0, 50257)");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "a", " ", "0", "!", "\n", "'", "é", "中", "😀", "\u3000", "\ud83d", "ab", "a ", " \n", "'s"
      })
  void encodesAMillionOfOneCharacterInSeconds(String unit) {
    String text = unit.repeat(1_000_000 / unit.length());
    int[] ids = assertTimeoutPreemptively(Duration.ofSeconds(60), () -> gpt2.encode(text));
    assertThat(gpt2.decode(ids))
        .isEqualTo(text.replace('\ud83d', unit.equals("\ud83d") ? '\uFFFD' : '\ud83d'));
  }

  @Test
  void encodesAMillionRandomLettersInSeconds() {
    var random = new Random(20190214);
    String text =
        random
            .ints(1_000_000, 'a', 'z' + 1)
            .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
            .toString();
    int[] ids = assertTimeoutPreemptively(Duration.ofSeconds(60), () -> gpt2.encode(text));
    assertThat(gpt2.decode(ids)).isEqualTo(text);
  }

  @Test
  void servesManyThreadsAtOnce() throws IOException {
    List<String> texts = Files.readAllLines(Path.of("../data/tokenizer/gpt2.jsonl"));
    List<int[]> alone = texts.stream().map(gpt2::encode).toList();
    List<int[]> together = texts.parallelStream().map(gpt2::encode).toList();
    assertThat(together).usingRecursiveComparison().isEqualTo(alone);
  }

  private static int[] ids(Object json) {
    return ((List<?>) json).stream().mapToInt(id -> (Integer) id).toArray();
  }
}
