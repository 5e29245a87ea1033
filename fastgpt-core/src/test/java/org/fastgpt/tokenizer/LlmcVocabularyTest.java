package org.fastgpt.tokenizer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.fastgpt.model.ModelException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** llm.c's tokens without merges give the ids of the files with merges. */
class LlmcVocabularyTest {
  private static final Path FORMATS = Path.of("../data/formats");
  private static final Path FIXTURE = FORMATS.resolve("llmc/gpt2_tokenizer.bin");
  private static final Path LINES = Path.of("../data/tokenizer/gpt2.jsonl");

  @TempDir Path temp;

  @Test
  void givesTheIdsOfMergesTxtAndTheBytesOfVocabJson() throws IOException {
    Tokenizer expected = Tokenizer.load(FORMATS);
    Tokenizer actual = Tokenizer.load(FIXTURE);
    assertThat(actual.size()).isEqualTo(expected.size());
    assertThat(actual.endOfText()).isEqualTo(expected.endOfText());
    for (int id = 0; id < expected.size(); id++) {
      assertThat(actual.decodeBytes(id)).isEqualTo(expected.decodeBytes(id));
    }
    for (String line : Files.readAllLines(LINES)) {
      String text = (String) JSON.std.mapFrom(line).get("text");
      assertThat(actual.encode(text)).as(line).isEqualTo(expected.encode(text));
      assertThat(actual.decode(actual.encode(text))).isEqualTo(text);
    }
  }

  /** GPT-2's own 50257 tokens: both versions of the file give the ids of the fixture. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void givesTheIdsOfGpt2(int version) throws IOException {
    Tokenizer gpt2 = Gpt2Vocabulary.tokenizer();
    List<byte[]> tokens = IntStream.range(0, 50257).mapToObj(gpt2::decodeBytes).toList();
    Tokenizer llmc = Tokenizer.load(write(version, 50256, tokens));
    assertThat(llmc.endOfText()).hasValue(50256);
    for (String line : Files.readAllLines(LINES)) {
      Map<String, Object> json = JSON.std.mapFrom(line);
      int[] ids = ((List<?>) json.get("ids")).stream().mapToInt(id -> (Integer) id).toArray();
      assertThat(llmc.encode((String) json.get("text"))).as(line).isEqualTo(ids);
    }
  }

  @Test
  void endOfTextIsTheTokenOfThatId() {
    Tokenizer tokenizer = Tokenizer.load(FIXTURE);
    assertThat(tokenizer.encodeWithSpecial("<|endoftext|>")).containsExactly(1023);
    assertThat(tokenizer.encode("<|endoftext|>")).hasSizeGreaterThan(5);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "0; 20240326; a header that begins with 20240328 expected, not found",
        "1; 3; version 1 or 2 expected, 3 found",
        "2; 256; 256 tokens found in 5041 bytes, at least 257 expected",
        "2; -1; -1 tokens found in 5041 bytes, at least 257 expected",
        "2; 2147483647; 2147483647 tokens found in 5041 bytes, at least 257 expected",
        "2; 1023; 14 bytes found after the last token",
        "2; 1025; token 1024: 1 to 0 bytes expected, 0 found",
        "3; 1022; token 1022: <|endoftext|> expected, not found",
        "3; -1; token -1: <|endoftext|> expected, not found",
        "3; 1024; token 1024: <|endoftext|> expected, not found",
      })
  void refusesAHeaderThatCannotBe(int at, int value, String message) throws IOException {
    byte[] bytes = Files.readAllBytes(FIXTURE);
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(4 * at, value);
    refused(Files.write(temp.resolve("t.bin"), bytes), message);
  }

  @Test
  void refusesTokensThatAreNotInTheOrderOfTheirMerges() throws IOException {
    List<byte[]> tokens = new ArrayList<>(tokensOfFixture());
    tokens.set(700, "zqx".getBytes(UTF_8));
    refused(
        write(2, 1023, tokens),
        "token 700: a merge of two tokens before it expected, 3 found: not in GPT-2's order");
    tokens.set(700, tokens.get(300));
    refused(
        write(2, 1023, tokens),
        "token 700: a merge of two tokens before it expected, 1 found: not in GPT-2's order");
    tokens.set(700, "a".getBytes(UTF_8));
    refused(write(2, 1023, tokens), "token 700: a text of its own expected, byte 61 found again");
    tokens.set(64, "qz".getBytes(UTF_8));
    tokens.set(700, "qzq".getBytes(UTF_8));
    refused(write(2, 1023, tokens), "a token for each byte expected, none found for 61");
  }

  /** The costliest that the limit of size lets through: long tokens, each one byte more. */
  @Test
  void aVocabularyOfTheLongestTokensIsLoadedInSeconds() throws IOException {
    List<byte[]> tokens = new ArrayList<>();
    IntStream.range(0, 256).forEach(b -> tokens.add(new byte[] {(byte) b}));
    for (int chain = 0; chain < 225; chain++) {
      byte[] longest = new byte[255];
      Arrays.fill(longest, (byte) 1);
      longest[0] = 2;
      longest[1] = (byte) (2 + chain);
      IntStream.rangeClosed(2, 255).forEach(n -> tokens.add(Arrays.copyOf(longest, n)));
    }
    tokens.add("<|endoftext|>".getBytes(UTF_8));
    Path file = write(2, tokens.size() - 1, tokens);
    assertThat(Files.size(file)).isBetween(7L << 20, 8L << 20);
    Tokenizer tokenizer =
        assertTimeoutPreemptively(Duration.ofSeconds(60), () -> Tokenizer.load(file));
    assertThat(tokenizer.size()).isEqualTo(tokens.size());
    Files.write(file, new byte[8 << 20], StandardOpenOption.APPEND);
    refused(file, "at most 8388608 bytes expected, more found");
  }

  private static List<byte[]> tokensOfFixture() {
    Tokenizer tokenizer = Tokenizer.load(FIXTURE);
    return IntStream.range(0, tokenizer.size()).mapToObj(tokenizer::decodeBytes).toList();
  }

  private Path write(int version, int endOfText, List<byte[]> tokens) throws IOException {
    var header = ByteBuffer.allocate(1024).order(ByteOrder.LITTLE_ENDIAN);
    header.putInt(20240328).putInt(version).putInt(tokens.size());
    if (version == 2) {
      header.putInt(endOfText);
    }
    var out = new ByteArrayOutputStream();
    out.writeBytes(header.array());
    for (byte[] token : tokens) {
      out.write(token.length);
      out.writeBytes(token);
    }
    return Files.write(temp.resolve("gpt2_tokenizer.bin"), out.toByteArray());
  }

  private static void refused(Path file, String message) {
    assertThatThrownBy(() -> Tokenizer.load(file))
        .isInstanceOf(ModelException.class)
        .hasMessage(file + ": " + message);
  }
}
