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
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Texts of a batch that do not fit the context, and log probabilities: as those of generate. */
class BatchOverflowTest {

  private static final String TINY = Fixtures.TINY_SHAKESPEARE.toString();

  private static final String[] OPTIONS = {
    "-n20", "--ignore-eos", "--on-overflow=truncate", "--top-logprobs=3"
  };

  /** How often the prompt says its words, the rest of the line, and generate's options for it. */
  private static final String[][] LINES = {
    {"70", "", ""}, // more than the context holds
    {"1", "", ""},
    {"40", "'n': 150", "-n150"}, // fills up on the way
    {"1", "'n': 300, 'seed': 3", "-n300 --seed 3"}, // the same, drawn
    {"55", "'n': 9, 'repetition_penalty': 1.5", "-n9 --repeat-penalty 1.5"},
    {"1", "'n': 400, 'top_logprobs': 0", "-n400 --top-logprobs=0"}, // twice
    {"2", "'stop': 'e', 'top_logprobs': 5", "--stop e --top-logprobs=5"},
    {"90", "'n': 0", "-n0"}, // nothing to be left out for
    {"60", "'stop': 'e', 'temperature': 1, 'seed': 7", "--stop e --temp 1 --seed 7"},
  };

  private static final String SAID =
      "The context was full in 6 of 9 texts: their oldest tokens were left out.";

  private static final List<Map<String, Object>> GENERATED = new ArrayList<>();

  @TempDir private Path folder;
  private Path in;
  private Path out;
  private final ByteArrayOutputStream said = new ByteArrayOutputStream();

  @BeforeAll
  static void generate() throws IOException {
    for (String[] line : LINES) {
      var args = new ArrayList<>(List.of("generate", "-m", TINY, "--json", prompt(line)));
      for (String option : OPTIONS) {
        if (!line[2].contains(option.replaceFirst("=?\\d+", ""))) { // only once
          args.add(option);
        }
      }
      Arrays.stream(line[2].split(" ")).filter(s -> !s.isEmpty()).forEach(args::add);
      var printed = new ByteArrayOutputStream();
      assertThat(run(args, printed, new ByteArrayOutputStream())).isZero();
      GENERATED.add(JSON.std.mapFrom(printed.toByteArray()));
    }
  }

  private static String prompt(String[] line) {
    return "My lord, the king. ".repeat(Integer.parseInt(line[0]));
  }

  @BeforeEach
  void writePrompts() throws IOException {
    out = folder.resolve("out.jsonl");
    in = folder.resolve("prompts.jsonl");
    var lines = new StringBuilder();
    for (String[] line : LINES) {
      String more = line[1].isEmpty() ? "" : ", " + line[1].replace('\'', '"');
      lines.append("{\"prompt\": \"" + prompt(line) + "\"" + more + "}\n");
    }
    Files.writeString(in, lines);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"--batch-size=1", "--batch-size=2", "--batch-size=4", "--batch-size=9", "-t2"})
  void eachTextIsThatOfGenerate(String option) throws IOException {
    assertThat(batch(option)).as(said()).isZero();
    List<Map<String, Object>> lines = lines();
    assertThat(lines).hasSize(LINES.length);
    for (int i = 0; i < LINES.length; i++) {
      Map<String, Object> expected = GENERATED.get(i);
      for (String key :
          List.of("prompt", "prompt_ids", "seed", "new_ids", "text", "stop", "left_out")) {
        assertThat(lines.get(i).get(key)).as("line %d, %s", i, key).isEqualTo(expected.get(key));
      }
      assertThat(logProbabilities(lines.get(i)))
          .as("line %d", i)
          .isEqualTo(logProbabilities(expected));
    }
    assertThat(lines.stream().filter(line -> line.containsKey("left_out")).count()).isEqualTo(6);
    assertThat(said().lines().filter(line -> !line.contains("Batch:"))).containsExactly(SAID);
  }

  /** Doubles are written so that they are read as the same bits. */
  private static List<Map<String, Object>> logProbabilities(Map<String, Object> line) {
    return Fixtures.objects(line, "logprobs");
  }

  @ParameterizedTest
  @CsvSource({"1, 4", "3, 2", "8, 1"})
  void whatGoesOnAfterAnInterruptIsTheSame(int kept, int rows) throws IOException {
    Files.createDirectories(out.resolve("in the way"));
    batch("--batch-size=3");
    Files.delete(out.resolve("in the way"));
    Files.delete(out);
    said.reset();
    Path part = folder.resolve("out.jsonl.part");
    List<String> whole = Files.readAllLines(part);
    Files.writeString(part, String.join("\n", whole.subList(0, kept)) + "\n{\"cut");
    assertThat(batch("-q", "--batch-size=" + rows)).as(said()).isZero();
    assertThat(Files.readAllLines(out)).isEqualTo(whole);
    assertThat(said()).isEqualTo(SAID + System.lineSeparator());
  }

  @Test
  void withoutTheOptionsATextThatDoesNotFitIsAnErrorOrEnds() throws IOException {
    Files.writeString(
        in,
        """
        {"prompt": "%s"}
        {"prompt": "Romeo", "n": 999, "top_logprobs": 1}
        {"prompt": "Romeo", "n": -1}
        """
            .formatted(prompt(LINES[0])));
    assertThat(
            run(
                List.of("batch", "-m", TINY, "-q", "--ignore-eos", "-f", in + "", "-o", out + ""),
                said,
                said))
        .isEqualTo(1);
    List<Map<String, Object>> lines = lines();
    assertThat((String) lines.get(0).get("error")).contains("leaves no room for a new one");
    assertThat(lines.get(1)).containsEntry("stop", "context_full").doesNotContainKey("left_out");
    assertThat(logProbabilities(lines.get(1))).hasSameSizeAs((List<?>) lines.get(1).get("new_ids"));
    assertThat(lines.get(2)).containsEntry("stop", "context_full").doesNotContainKey("logprobs");
  }

  @Test
  void aTextThatSlidesNeedsAnEnd() throws IOException {
    Files.writeString(in, "{\"prompt\": \"Romeo\", \"n\": -1}\n{\"prompt\": \"Romeo\"}\n");
    assertThat(batch("-q")).isEqualTo(1);
    assertThat((String) lines().getFirst().get("error")).contains("give a number of tokens");
    assertThat(lines().getLast()).containsEntry("stop", "length");
  }

  private int batch(String... options) {
    var all = new ArrayList<>(List.of("batch", "-m", TINY, "-f", in + "", "-o", out + ""));
    all.addAll(Arrays.asList(OPTIONS));
    all.addAll(Arrays.asList(options));
    return run(all, new ByteArrayOutputStream(), said);
  }

  private static int run(
      List<String> args, ByteArrayOutputStream printed, ByteArrayOutputStream said) {
    var terminal =
        new Terminal(
            new ByteArrayInputStream(new byte[0]),
            new PrintStream(printed, true, StandardCharsets.UTF_8),
            new PrintStream(said, true, StandardCharsets.UTF_8),
            false);
    return Main.run(args.toArray(String[]::new), terminal);
  }

  private String said() {
    return said.toString(StandardCharsets.UTF_8);
  }

  private List<Map<String, Object>> lines() throws IOException {
    var lines = new ArrayList<Map<String, Object>>();
    for (String line : Files.readAllLines(out)) {
      lines.add(JSON.std.mapFrom(line));
    }
    return lines;
  }
}
