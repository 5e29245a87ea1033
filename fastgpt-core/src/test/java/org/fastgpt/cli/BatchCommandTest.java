package org.fastgpt.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.fastgpt.Fixtures;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class BatchCommandTest {

  private static final String TINY = Fixtures.TINY_SHAKESPEARE.toString();
  private static final String PROMPTS =
      """
      {"prompt": "To be, or", "id": "a"}
      {"prompt_ids": [1, 2, 3], "n": 12}

      {"prompt": "Café", "max_new_tokens": 3, "id": 4, "label": "of no account"}
      {"prompt": "", "n": 2}
      {"prompt": "O Romeo", "n": 0}
      """;

  @TempDir private Path folder;
  private Path in;
  private Path out;
  private final ByteArrayOutputStream printed = new ByteArrayOutputStream();
  private final ByteArrayOutputStream said = new ByteArrayOutputStream();
  private byte[] typed = {};

  @BeforeEach
  void writePrompts() throws IOException {
    in = Files.writeString(folder.resolve("prompts.jsonl"), PROMPTS);
    out = folder.resolve("out.jsonl");
  }

  @ParameterizedTest
  @ValueSource(strings = {"--batch-size=1", "--batch-size=2", "--batch-size=8", "-t2"})
  void eachPromptGivesTheLineThatGenerateGivesInOrder(String option) throws IOException {
    assertThat(batch(option)).isZero();
    List<Map<String, Object>> lines = lines(out);
    assertThat(lines).hasSize(5);
    assertThat(lines).extracting(line -> line.get("id")).containsExactly("a", null, 4, null, null);
    String[][] generated = {
      {"To be, or"}, {"--ids", "1 2 3", "-n12"}, {"Café", "-n3"}, {"", "-n2"}, {"O Romeo", "-n0"}
    };
    for (int i = 0; i < generated.length; i++) {
      Map<String, Object> expected = generate(generated[i]);
      for (String key : List.of("prompt", "prompt_ids", "new_ids", "text", "stop")) {
        assertThat(lines.get(i).get(key)).as("line %d, %s", i, key).isEqualTo(expected.get(key));
      }
    }
    assertThat(folder).isDirectoryNotContaining("glob:**.part*");
  }

  private Map<String, Object> generate(String... args) throws IOException {
    var all = new ArrayList<>(List.of("generate", "-m", TINY, "--json"));
    all.addAll(Arrays.asList(args));
    printed.reset();
    assertThat(run(all)).isZero();
    return JSON.std.mapFrom(printed.toByteArray());
  }

  @Test
  void anUnusableLineIsSaidAndTheRestIsDone() throws IOException {
    Files.write(
        in,
        """
        {"prompt": "To be", "n": 2}
        {"prompt": "cut
        {"prompt_ids": [1024], "id": 3}
        {"prompt": "caf\u00ff"}
        {"prompt": "To be", "prompt_ids": [1]}
        {"text": "To be"}
        {"prompt": 5}
        {"prompt_ids": "5"}
        {"prompt_ids": [1.5]}
        {"prompt_ids": []}
        {"prompt": "To be", "n": -2}
        {"prompt": "To be", "n": 1, "max_new_tokens": 1}
        ["To be"]
        {"prompt": "or not to be", "n": 2}
        """
            .getBytes(StandardCharsets.ISO_8859_1));
    assertThat(batch("-q")).isEqualTo(1);
    List<Map<String, Object>> lines = lines(out);
    assertThat(lines).hasSize(14);
    assertThat(lines.getFirst()).containsKey("text");
    assertThat(lines.getLast()).containsKey("text");
    assertThat(lines.get(2)).containsEntry("id", 3);
    String[] errors = {
      "not a JSON object",
      "token 1024 is outside the vocabulary",
      "Invalid UTF-8",
      "either 'prompt' or 'prompt_ids' expected",
      "either 'prompt' or 'prompt_ids' expected",
      "'prompt': a text expected",
      "'prompt_ids': a list of token ids expected",
      "'prompt_ids': a whole number expected, 1.5 found",
      "at least one is needed",
      "'n' -2: a number of tokens expected",
      "only one expected",
      "not a JSON object"
    };
    List<String> stderr = said().lines().toList();
    for (int i = 0; i < errors.length; i++) {
      assertThat(lines.get(i + 1)).containsEntry("line", i + 2).doesNotContainKey("text");
      assertThat((String) lines.get(i + 1).get("error")).contains(errors[i]).hasLineCount(1);
      assertThat(stderr.get(i)).startsWith("fastgpt: " + in + ", line " + (i + 2) + ": ");
    }
    assertThat(stderr.getLast()).isEqualTo("fastgpt: 12 of 14 prompts not usable");
    assertThat(stderr).hasSize(13);
  }

  @Test
  void goesOnAfterTheLastWholeLine() throws IOException {
    assertThat(batch()).isZero();
    String whole = Files.readString(out);
    Path part = interrupted();
    assertThat(Files.readString(part)).isEqualTo(whole);

    int second = whole.indexOf('\n') + 1;
    String kept = "{\"kept\":1}\n"; // else the line would be the same whether kept or made anew
    Files.writeString(part, kept + whole.substring(second, whole.length() - 10));
    assertThat(batch()).isZero();
    assertThat(Files.readString(out)).isEqualTo(kept + whole.substring(second));
    assertThat(folder).isDirectoryNotContaining("glob:**.part*");
  }

  @Test
  void errorsOfAnInterruptedRunCountToo() throws IOException {
    Files.writeString(in, "nonsense\n{\"prompt\": \"To be\"}\n");
    Path part = interrupted();
    Files.writeString(part, Files.readAllLines(part).getFirst() + "\n");
    assertThat(batch()).isEqualTo(1);
    assertThat(lines(out)).hasSize(2);
  }

  @ParameterizedTest
  @CsvSource({"-n, 5", "--kernels, scalar", "--ignore-eos,"})
  void doesNotGoOnWithOtherOptions(String option, String value) throws IOException {
    Path part = interrupted();
    byte[] before = Files.readAllBytes(part);
    assertThat(value == null ? batch(option) : batch(option, value)).isEqualTo(2);
    assertThat(said()).contains(part + " was begun with other prompts").hasLineCount(1);
    assertThat(part).hasBinaryContent(before);
  }

  @Test
  void doesNotGoOnWithOtherPrompts() throws IOException {
    interrupted();
    Files.writeString(in, PROMPTS.replace("Romeo", "Juliet"));
    assertThat(batch()).isEqualTo(2);
    assertThat(said()).contains("was begun with other prompts").hasLineCount(1);
  }

  @Test
  void doesNotGoOnWithDamagedResults() throws IOException {
    Path part = interrupted();
    Files.writeString(part, "{\"text\n" + Files.readString(part));
    assertThat(batch()).isEqualTo(2);
    assertThat(said()).contains("damaged after line 0").hasLineCount(1);
  }

  /** A run that cannot put its results where they belong leaves all as one that was stopped. */
  private Path interrupted() throws IOException {
    Files.deleteIfExists(out);
    Files.createDirectories(out.resolve("in the way"));
    batch();
    Files.delete(out.resolve("in the way"));
    Files.delete(out);
    said.reset();
    Path part = folder.resolve("out.jsonl.part");
    assertThat(part).isRegularFile();
    return part;
  }

  @Test
  void readsStandardInputAndWritesStandardOutput() throws IOException {
    typed = PROMPTS.getBytes(StandardCharsets.UTF_8);
    assertThat(run(List.of("batch", "-m", TINY))).isZero();
    assertThat(printed.toString(StandardCharsets.UTF_8).lines()).hasSize(5);
    assertThat(said()).isEmpty();
  }

  @Test
  void showsProgressWhereItKnowsTheEnd() throws IOException {
    assertThat(batch()).isZero();
    assertThat(said()).contains("Batch: 100% of 5 texts");
  }

  @ParameterizedTest
  @CsvSource({
    "--batch-size=0, --batch-size 0",
    "-n=-2, -n -2",
    "-f=nowhere, nowhere: no such file"
  })
  void refusesWhatMakesNoSense(String option, String message) {
    assertThat(run(List.of("batch", "-m", TINY, option))).isEqualTo(2);
    assertThat(said()).startsWith("fastgpt: " + message).hasLineCount(1);
  }

  private int batch(String... options) {
    var all = new ArrayList<>(List.of("batch", "-m", TINY, "-f", in.toString()));
    all.addAll(List.of("-o", out.toString()));
    all.addAll(Arrays.asList(options));
    return run(all);
  }

  private int run(List<String> args) {
    var terminal =
        new Terminal(
            new ByteArrayInputStream(typed),
            new PrintStream(printed, true, StandardCharsets.UTF_8),
            new PrintStream(said, true, StandardCharsets.UTF_8),
            false);
    return Main.run(args.toArray(String[]::new), terminal);
  }

  private String said() {
    return said.toString(StandardCharsets.UTF_8);
  }

  private static List<Map<String, Object>> lines(Path file) throws IOException {
    var lines = new ArrayList<Map<String, Object>>();
    for (String line : Files.readAllLines(file)) {
      lines.add(JSON.std.mapFrom(line));
    }
    return lines;
  }
}
