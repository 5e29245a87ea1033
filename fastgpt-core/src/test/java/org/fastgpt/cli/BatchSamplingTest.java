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
import java.util.stream.Stream;
import org.fastgpt.Fixtures;
import org.fastgpt.sampling.Sampler;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Texts of a batch are drawn, and end, as those of generate. */
class BatchSamplingTest {

  private static final String TINY = Fixtures.TINY_SHAKESPEARE.toString();

  /** A line, and the options by which generate is to do the same; $S: the seed of the line. */
  private static final String[][] LINES = {
    {"'prompt': 'ROMEO:'", "--seed $S"},
    {"'prompt': 'ROMEO:', 'n': 33", "-n 33 --seed $S"},
    {"'prompt': 'ROMEO:', 'seed': 7", "--seed 7"},
    {"'prompt': 'ROMEO:', 'seed': 9007199254740991", "--seed 9007199254740991"},
    {"'prompt': 'ROMEO:', 'temperature': 0", "--temp 0"},
    {"'prompt': 'ROMEO:', 'do_sample': false", "--temp 0"},
    {"'prompt': 'ROMEO:', 'temperature': 1.4, 'top_k': 9, 'top_p': 0.9", "-s $S --temp 1.4"},
    {"'prompt': 'ROMEO:', 'min_p': 0.2, 'typical_p': 0.7, 'do_sample': true", "-s $S"},
    {"'prompt': 'ROMEO:', 'repetition_penalty': 1.5, 'repeat_last_n': 6", "-s $S"},
    {"'prompt': 'ROMEO:', 'presence_penalty': 1, 'frequency_penalty': 0.5", "-s $S"},
    {"'prompt': 'ROMEO:', 'no_repeat_ngram_size': 1, 'min_new_tokens': 9", "-s $S"},
    {"'prompt': 'ROMEO:', 'stop': 'e'", "-s $S --stop e"},
    {"'prompt': 'ROMEO:', 'stop_strings': ['and', 't'], 'n': 40", "-s $S -n40 -r and -r t"},
    {"'prompt': 'ROMEO:', 'stop': []", "-s $S"},
    {"'prompt': 'ROMEO:', 'n': 0, 'temperature': null", "-s $S -n0"},
  };

  private static final Map<String, String> NAMES =
      Map.of(
          "top_k", "--top-k",
          "top_p", "--top-p",
          "min_p", "--min-p",
          "typical_p", "--typical",
          "repetition_penalty", "--repeat-penalty",
          "repeat_last_n", "--repeat-last-n",
          "presence_penalty", "--presence-penalty",
          "frequency_penalty", "--frequency-penalty",
          "no_repeat_ngram_size", "--no-repeat-ngram-size",
          "min_new_tokens", "--min-new-tokens");

  private static final List<Map<String, Object>> GENERATED = new ArrayList<>();

  @TempDir private Path folder;
  private Path in;
  private Path out;
  private final ByteArrayOutputStream said = new ByteArrayOutputStream();

  @BeforeAll
  static void generate() throws IOException {
    for (int i = 0; i < LINES.length; i++) {
      GENERATED.add(generate(i, Sampler.seed(5, i)));
    }
  }

  @BeforeEach
  void writePrompts() throws IOException {
    out = folder.resolve("out.jsonl");
    in = folder.resolve("prompts.jsonl");
    Stream<String> lines = Arrays.stream(LINES).map(line -> json(line[0]));
    Files.writeString(in, String.join("\n\n", lines.toList()));
  }

  private static String json(String text) {
    return "{" + text.replace('\'', '"') + "}";
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"--batch-size=1", "--batch-size=2", "--batch-size=3", "--batch-size=8", "-t2"})
  void eachTextIsThatOfGenerateWithItsSeed(String option) throws IOException {
    assertThat(batch(option, "--temp", "0.9", "-n", "25", "--seed", "5")).as(said()).isZero();
    assertThat(said()).doesNotContain("Seed");
    List<Map<String, Object>> lines = lines(out);
    assertThat(lines).hasSize(LINES.length);
    for (int i = 0; i < LINES.length; i++) {
      Map<String, Object> expected = GENERATED.get(i);
      for (String key : List.of("prompt_ids", "seed", "new_ids", "text", "stop")) {
        assertThat(lines.get(i).get(key)).as("line %d, %s", i, key).isEqualTo(expected.get(key));
      }
    }
    assertThat(lines).extracting(line -> line.get("stop")).contains("stop_string", "length");
  }

  private static Map<String, Object> generate(int i, long seed) throws IOException {
    var args = new ArrayList<>(List.of("generate", "-m", TINY, "--json", "ROMEO:"));
    Map<String, Object> line = JSON.std.mapFrom(json(LINES[i][0]));
    NAMES.forEach(
        (name, option) -> {
          if (line.containsKey(name)) {
            args.addAll(List.of(option, line.get(name).toString()));
          }
        });
    String own = LINES[i][1].replace("$S", seed + "");
    args.addAll(List.of(own.split(" ")));
    if (!own.contains("--temp")) {
      args.addAll(List.of("--temp", "0.9"));
    }
    if (!own.contains("-n")) {
      args.addAll(List.of("-n", "25"));
    }
    return generate(args);
  }

  private static Map<String, Object> generate(List<String> args) throws IOException {
    var printed = new ByteArrayOutputStream();
    var said = new ByteArrayOutputStream();
    assertThat(run(args, printed, said)).as(said.toString(StandardCharsets.UTF_8)).isZero();
    return JSON.std.mapFrom(printed.toByteArray());
  }

  /** Of the first line, and of all that are alike but for their place. */
  @Test
  void optionsAreForLinesThatSayNothing() throws IOException {
    Files.writeString(in, "{\"prompt\": \"ROMEO:\"}\n".repeat(3));
    String options = "--top-k 20 --repeat-penalty 1.3 -n 30 --stop-token 11 --logit-bias 5=2 -s 1";
    assertThat(batch((options + " -r ou --ignore-eos").split(" "))).as(said()).isZero();
    List<Map<String, Object>> lines = lines(out);
    assertThat(lines).extracting(line -> line.get("new_ids")).doesNotHaveDuplicates();
    var args = new ArrayList<>(List.of("generate", "-m", TINY, "--json", "ROMEO:", "-r", "ou"));
    args.addAll(List.of((options + " --ignore-eos").split(" ")));
    Map<String, Object> expected = generate(args);
    for (String key : List.of("seed", "new_ids", "text", "stop")) {
      assertThat(lines.getFirst()).containsEntry(key, expected.get(key));
    }
  }

  @Test
  void linesMayBeDrawnWhereTheOptionsAreGreedy() throws IOException {
    Files.writeString(
        in,
        """
        {"prompt": "ROMEO:"}
        {"prompt": "ROMEO:", "temperature": 1}
        {"prompt": "ROMEO:", "seed": 3}
        """);
    assertThat(batch()).isZero();
    List<Map<String, Object>> lines = lines(out);
    long drawn = Long.parseLong(said().lines().findFirst().orElseThrow().replace("Seed: ", ""));
    assertThat(lines.get(0)).doesNotContainKey("seed");
    assertThat(lines.get(1)).containsEntry("seed", Sampler.seed(drawn, 1));
    assertThat(lines.get(2)).containsEntry("seed", 3);
    assertThat(said().lines().filter(line -> line.startsWith("Seed:"))).hasSize(1);
  }

  /** Also where the seed was drawn: the run that goes on takes the same one. */
  @ParameterizedTest
  @CsvSource({"--seed=5, 1", "--temp=1, 4", "--seed=-1, 14"})
  void whatGoesOnAfterAnInterruptIsTheSame(String option, int kept) throws IOException {
    Path part = interrupted(option, "--batch-size=3");
    String whole = Files.readString(part);
    String first = String.join("\n", whole.lines().limit(kept).toList());
    Files.writeString(part, first + "\n{\"cut");
    assertThat(batch(option, "--batch-size=2")).as(said()).isZero();
    assertThat(Files.readString(out)).isEqualTo(whole);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--temp=0.5",
        "--seed=6",
        "--top-k=4",
        "--repeat-penalty=2",
        "--repeat-last-n=4",
        "--stop=x",
        "--stop-token=4",
        "--bad-words=x",
        "--logit-bias=4=1",
        "--on-overflow=truncate",
        "--top-logprobs=0"
      })
  void doesNotGoOnWithOtherOptions(String option) throws IOException {
    Path part = interrupted("--seed=5");
    byte[] before = Files.readAllBytes(part);
    String[] options = option.startsWith("--seed") ? new String[0] : new String[] {"--seed=5"};
    var all = new ArrayList<>(Arrays.asList(options));
    all.add(option);
    assertThat(batch(all.toArray(String[]::new))).isEqualTo(2);
    assertThat(said()).contains(part + " was begun with other prompts").hasLineCount(1);
    assertThat(part).hasBinaryContent(before);
  }

  /** A run that cannot put its results where they belong leaves all as one that was stopped. */
  private Path interrupted(String... options) throws IOException {
    Files.createDirectories(out.resolve("in the way"));
    batch(options);
    Files.delete(out.resolve("in the way"));
    Files.delete(out);
    said.reset();
    Path part = folder.resolve("out.jsonl.part");
    assertThat(part).isRegularFile();
    return part;
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "\"temperature\": \"hot\" | 'temperature': a number expected, hot found",
        "\"temperature\": \"a\\nb\" | 'temperature': a number expected, a b found",
        "\"temperature\": -1 | temperature -1: a number ≥ 0",
        "\"temperature\": 1e999 | temperature Infinity: a number ≥ 0",
        "\"top_k\": 4.5 | 'top_k': a whole number expected, 4.5 found",
        "\"top_k\": 99999999999 | 'top_k': a whole number expected, 99999999999 found",
        "\"top_p\": [0.5] | 'top_p': a number expected, [0.5] found",
        "\"top_p\": 1.5 | top-p 1.5: a number in [0, 1]",
        "\"min_p\": true | 'min_p': a number expected, true found",
        "\"typical_p\": 0 | typical-p 0: a number in (0, 1]",
        "\"seed\": 1.5 | 'seed': a whole number expected, 1.5 found",
        "\"seed\": -7 | seed -7: a whole number ≥ 0",
        "\"seed\": 9223372036854775808 | 'seed': a number below 2^63 expected",
        "\"do_sample\": 1 | 'do_sample': true or false expected, 1 found",
        "\"do_sample\": false, \"top_k\": 4 | 'do_sample' is false, but the line has one of",
        "\"repetition_penalty\": 0 | repetition penalty 0: a number > 0",
        "\"repeat_last_n\": -2 | repeat-last-n -2: a number ≥ 0",
        "\"no_repeat_ngram_size\": -1 | no-repeat n-gram size -1: a number ≥ 0",
        "\"min_new_tokens\": \"3\" | 'min_new_tokens': a whole number expected, 3 found",
        "\"stop\": 5 | 'stop': a text, or a list of texts, expected, 5 found",
        "\"stop\": [\"a\", 5] | 'stop': a text, or a list of texts, expected, [a, 5] found",
        "\"stop\": \"\" | a stop string is empty",
        "\"stop\": \"a\", \"stop_strings\": \"b\" | 'stop' and 'stop_strings': only one expected",
        "\"top_logprobs\": -1 | top log-probs -1: a number in [0, 1024] expected",
        "\"top_logprobs\": true | 'top_logprobs': a whole number expected, true found",
        "\"logprobs\": true | 'logprobs' is nothing that a line can ask for",
        "\"on_overflow\": \"truncate\" | 'on_overflow' is nothing that a line can ask for",
        "\"num_beams\": 4 | 'num_beams' is nothing that a line can ask for",
        "\"max_tokens\": 4 | 'max_tokens' is nothing that a line can ask for",
      })
  void aLineWithABadValueIsSaidAndTheRestIsDone(String bad, String message) throws IOException {
    String good = "{\"prompt\": \"ROMEO:\", \"n\": 2}\n";
    Files.writeString(in, good + "{\"prompt\": \"ROMEO:\", " + bad + "}\n" + good);
    assertThat(batch("-q", "--seed", "5")).isEqualTo(1);
    List<Map<String, Object>> lines = lines(out);
    assertThat(lines).hasSize(3);
    assertThat((String) lines.get(1).get("error")).contains(message).hasLineCount(1);
    assertThat(lines.get(0)).containsEntry("seed", 5);
    assertThat(lines.get(2)).containsEntry("seed", Sampler.seed(5, 2));
    assertThat(said().lines()).hasSize(2);
  }

  /** Two tokens are allowed, and to some lines each only once. */
  @ParameterizedTest
  @CsvSource({"1, 0", "2, 0", "4, 0", "3, 2", "3, 6"})
  void aTextForWhichEveryTokenIsForbiddenIsSaidAndTheRestIsDone(int rows, int kept)
      throws IOException {
    Files.writeString(
        in,
        """
        {"prompt_ids": [1, 2], "n": 9}
        {"prompt_ids": [5, 7], "no_repeat_ngram_size": 1, "id": "at once"}
        {"prompt_ids": [1], "no_repeat_ngram_size": 1, "n": 2}
        {"prompt_ids": [7, 1, 1], "no_repeat_ngram_size": 1, "id": "later"}
        {"prompt_ids": [5], "n": 4}
        nonsense
        {"prompt_ids": [1, 2, 3, 4], "no_repeat_ngram_size": 1}
        """);
    var options = new ArrayList<>(List.of("-q", "--batch-size=" + rows));
    for (int id = 0; id < 1024; id++) {
      if (id != 5 && id != 7) {
        options.add("--logit-bias=" + id + "=-inf");
      }
    }
    String[] all = options.toArray(String[]::new);
    if (kept > 0) {
      Path part = interrupted(all);
      List<String> lines = Files.readAllLines(part).subList(0, kept);
      Files.writeString(part, String.join("\n", lines) + "\n");
    }
    assertThat(batch(all)).isEqualTo(1);
    List<Map<String, Object>> lines = lines(out);
    assertThat(lines).hasSize(7);
    String why =
        "every token is forbidden: fewer bad words, or a longer n-gram that must not repeat";
    for (int i : List.of(1, 3, 6)) {
      assertThat(lines.get(i))
          .containsEntry("line", i + 1)
          .containsEntry("error", why)
          .doesNotContainKey("new_ids");
      assertThat(said().contains("line " + (i + 1) + ": " + why)).isEqualTo(i >= kept);
    }
    assertThat(lines).extracting(line -> line.get("id")).contains("at once", "later");
    for (int i : List.of(0, 2, 4)) {
      assertThat((List<?>) lines.get(i).get("new_ids")).hasSize(List.of(9, 0, 2, 0, 4).get(i));
    }
    assertThat(said()).endsWith("fastgpt: 4 of 7 prompts not usable" + System.lineSeparator());
  }

  /** And leaves nothing behind that would be in the way of the right options. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--temp=-1 | temperature -1: a number ≥ 0",
        "--seed=-7 | seed -7: a whole number ≥ 0",
        "--repeat-penalty=0 | repetition penalty 0",
        "--logit-bias=5000=1 | token 5000 is outside the vocabulary",
        "--stop-token=5000 | token 5000 is outside the vocabulary",
        "--stop= | a stop string is empty",
        "--on-overflow=shift | --on-overflow shift: error or truncate expected",
        "--top-logprobs=1025 | top log-probs 1025: a number in [0, 1024] expected",
      })
  void refusesOptionsThatMakeNoSense(String option, String message) {
    assertThat(batch("-q", option)).isEqualTo(2);
    assertThat(said()).contains(message).hasLineCount(1);
    assertThat(folder).isDirectoryNotContaining("glob:**out*");
  }

  private int batch(String... options) {
    var all = new ArrayList<>(List.of("batch", "-m", TINY, "-f", in.toString()));
    all.addAll(List.of("-o", out.toString()));
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

  private static List<Map<String, Object>> lines(Path file) throws IOException {
    var lines = new ArrayList<Map<String, Object>>();
    for (String line : Files.readAllLines(file)) {
      lines.add(JSON.std.mapFrom(line));
    }
    return lines;
  }
}
