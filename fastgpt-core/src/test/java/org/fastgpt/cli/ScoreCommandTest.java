package org.fastgpt.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The commands score and perplexity. */
class ScoreCommandTest {

  private static final String TINY = Fixtures.TINY_SHAKESPEARE.toString();
  private static final Map<String, Object> GOLDEN = Fixtures.golden("tiny-shakespeare");

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private String in = "";

  @Test
  void aTextGivesOneObject() throws IOException {
    Map<String, Object> object = score("ROMEO:");
    List<Double> logProbabilities = doubles(object, "logprobs");
    int n = Fixtures.ids(object, "ids").length;
    assertThat(String.join("", strings(object))).isEqualTo("ROMEO:");
    assertThat(logProbabilities).hasSize(n).startsWith((Double) null);
    assertThat((List<?>) object.get("ranks")).hasSize(n);
    assertThat(object).containsEntry("scored_tokens", n - 1).doesNotContainKey("is_greedy");
    double sum = logProbabilities.stream().skip(1).mapToDouble(x -> x).sum();
    assertThat((double) object.get("sum")).isEqualTo(sum);
    assertThat((double) object.get("mean")).isEqualTo(sum / (n - 1));
    assertThat(err()).isEmpty();
  }

  @Test
  void endOfTextBeforeItGivesTheFirstTokenAScoreToo() throws IOException {
    Map<String, Object> object = score("--bos", "ROMEO:");
    assertThat(doubles(object, "logprobs")).doesNotContainNull();
    assertThat(strings(object)).doesNotContain("<|endoftext|>");
    in = "{\"context\": \"\", \"continuation\": \"ROMEO:\"}";
    assertThat(score("--jsonl").get("sum")).isEqualTo(object.get("sum"));
  }

  @Test
  void textComesFromAFileOrFromStandardInputToo(@TempDir Path folder) throws IOException {
    Path file = Files.writeString(folder.resolve("text.txt"), "ROMEO:\n");
    in = "ROMEO:\n";
    Map<String, Object> object = score("ROMEO:");
    assertThat(score("-f", file.toString())).isEqualTo(object);
    assertThat(score()).isEqualTo(object);
  }

  @Test
  void idsStandForText() throws IOException {
    Map<String, Object> object = score("ROMEO:\nMy lord");
    String ids = PromptOptions.join(Fixtures.ids(object, "ids"));
    assertThat(score("--ids", ids)).isEqualTo(object);
    assertThat(run("score", "-q", "-m", "synthetic-awkward", "--ids", "1 2 3")).isZero();
    assertThat(out()).contains("\"ids\":[1,2,3],\"logprobs\":[null,");
    String[] parts = ids.split(" ", 3);
    in =
        "{\"context\": \"%s %s\", \"continuation\": \"%s\"}"
            .formatted(parts[0], parts[1], parts[2]);
    List<Double> logProbabilities = doubles(object, "logprobs");
    assertThat(doubles(score("--ids", "--jsonl"), "logprobs"))
        .isEqualTo(logProbabilities.subList(2, logProbabilities.size()));
  }

  /** What HuggingFace's generate continued greedily. */
  @Test
  void continuationsSayWhetherTheyAreGreedy() throws IOException {
    Map<String, Object> golden = Fixtures.objects(GOLDEN, "greedy").getFirst();
    String prompt = (String) golden.get("prompt");
    int[] first =
        Arrays.copyOf(Fixtures.ids(golden, "new_ids"), 2); // "\nb": no white space ends it
    in = request(prompt, "\nb");
    Map<String, Object> object = score("--jsonl");
    assertThat(Fixtures.ids(object, "ids")).isEqualTo(first);
    assertThat(object).containsEntry("is_greedy", true).containsEntry("ranks", List.of(1, 1));
    in = request(prompt, "\nB");
    assertThat(score("--jsonl")).containsEntry("is_greedy", false);
  }

  @Test
  void whiteSpaceAtTheEndOfAContextIsTheContinuations() throws IOException {
    in = request("My lord, the", " engine");
    Map<String, Object> object = score("--jsonl");
    assertThat(String.join("", strings(object))).isEqualTo(" engine");
    in = request("My lord, the ", "engine");
    assertThat(score("--jsonl")).isEqualTo(object);
    in = request("  ", "engine");
    assertThat(String.join("", strings(score("--jsonl")))).isEqualTo("  engine");
  }

  /** "the" is one token of "the", but not where it is cut in two. */
  @Test
  void noTokenReachesFromTheContextIntoTheContinuation() throws IOException {
    assertThat(strings(score("the"))).doesNotContain("th");
    in = request("th", "e");
    assertThat(strings(score("--jsonl"))).containsExactly("e");
  }

  @Test
  void aContinuationIsTheDifferenceOfTwoTexts() throws IOException {
    double all = (double) score("My lord, the engine is ready").get("sum");
    double context = (double) score("My lord, the").get("sum");
    in = request("My lord, the", " engine is ready");
    assertThat((double) score("--jsonl").get("sum")).isCloseTo(all - context, within(1e-10));
  }

  @Test
  void badLinesAreNamedAndTheRestIsDone() {
    in =
        String.join(
            "\n",
            "{\"text\": \"ROMEO:\"}",
            "{\"text\": \"ROMEO:\"",
            "[1]",
            "",
            "{\"text\": 5}",
            "{\"context\": \"My\", \"continuation\": \"\"}",
            "{\"text\": \"a\", \"text\": \"b\"}",
            "{\"text\": \"a\"} {}",
            "{\"context\": \"a\", \"contination\": \"b\\u001b[31m\"}",
            "{\"text\": \"" + "lord ".repeat(300) + "\"}",
            "{\"text\": \"My lord\", \"source\": \"mine\"}");
    assertThat(run("score", "-q", "-m", TINY, "--jsonl")).isEqualTo(1);
    assertThat(out().lines())
        .satisfiesExactly(
            first -> assertThat(first).startsWith("{\"line\":1,"),
            last -> assertThat(last).startsWith("{\"line\":11,"));
    assertThat(err().lines())
        .satisfiesExactly(
            e ->
                assertThat(e)
                    .startsWith("fastgpt: line 2: not valid JSON at column 18: Unexpected end")
                    .endsWith("close marker for Object"),
            e -> assertThat(e).isEqualTo("fastgpt: line 3: a JSON object expected, [ found"),
            e -> assertThat(e).startsWith("fastgpt: line 5: ").contains("{text=5} found"),
            e -> assertThat(e).startsWith("fastgpt: line 6: an empty continuation"),
            e -> assertThat(e).startsWith("fastgpt: line 7: ").contains("Duplicate field 'text'"),
            e -> assertThat(e).startsWith("fastgpt: line 8: ").contains("more found after it"),
            e -> assertThat(e).startsWith("fastgpt: line 9: ").contains("b?[31m"),
            e -> assertThat(e).startsWith("fastgpt: line 10: ").contains("n_ctx = 256"));
  }

  @Test
  void aWindowReadsWhatIsTooLong() throws IOException {
    String text = (String) Fixtures.object(GOLDEN, "perplexity").get("text");
    Map<String, Object> object = score("--window", "256", "--stride", "256", text);
    assertThat(object).containsEntry("scored_tokens", 4990);
    List<Double> logProbabilities = doubles(object, "logprobs");
    assertThat(logProbabilities.get(255)).isNotNull();
    assertThat(logProbabilities.get(256)).isNull();
  }

  @ParameterizedTest
  @CsvSource({"256, 25.9179", "128, 25.0759", "64, 25.1877"})
  void perplexityIsHuggingFaces(int stride, String perplexity, @TempDir Path folder)
      throws IOException {
    String file = heldOut(folder);
    assertThat(run("perplexity", "-m", TINY, "--stride", "" + stride, file)).isZero();
    assertThat(out())
        .contains("tokens          5010\n")
        .contains("window          256\n")
        .contains("stride          " + stride + "\n")
        .contains("perplexity      " + perplexity + "\n");
    assertThat(err().lines()).hasSize(9); // the tenth is the result
    assertThat(err()).contains("50% of 5010 tokens: perplexity 2");
  }

  @Test
  void perplexityTellsItsRecipe(@TempDir Path folder) throws IOException {
    String file = heldOut(folder);
    assertThat(run("perplexity", "-q", "--json", "-m", TINY, file)).isZero();
    Map<String, Object> object = JSON.std.mapFrom(out());
    assertThat(object)
        .containsEntry("model", "tiny-shakespeare")
        .containsEntry("file", file)
        .containsEntry("window", 256)
        .containsEntry("stride", 128)
        .containsEntry("scored_tokens", 5009);
    double nats = (double) object.get("nats_per_token");
    assertThat(Math.exp(nats)).isCloseTo((double) object.get("perplexity"), within(1e-10));
    assertThat((double) object.get("bits_per_token")).isCloseTo(nats / Math.log(2), within(1e-12));
    assertThat(err()).isEmpty();
    out.reset();
    in = Files.readString(Path.of(file));
    assertThat(run("perplexity", "-q", "-m", TINY, "-")).isZero();
    assertThat(out())
        .contains("all tokens but the first, of each later one the new ones, its last 128\n");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "score --window 300 x | window 300 is too large: at most n_ctx + 1 = 257",
        "score --jsonl --window 300 | window 300 is too large: at most n_ctx + 1 = 257",
        "score --stride 300 x | stride 300 is not in [1, 256]",
        "score --window 1 x | window 1: at least 2 tokens expected",
        "score -m synthetic-small x | the model has no vocabulary",
        "score --ids 5,1024 | token 1024 is outside the vocabulary [0, 1024)",
        "score -f nowhere.txt | nowhere.txt: no such file",
        "perplexity nowhere.txt | nowhere.txt: no such file",
        "perplexity | Missing required parameter: 'FILE'",
        "perplexity - | -: at least 2 tokens expected, 0 found",
      })
  void badInputIsOneLineAndExitCode2(String arguments, String message) {
    var all = new ArrayList<>(Arrays.asList(arguments.split(" ")));
    if (!all.contains("-m")) {
      all.addAll(List.of("-m", TINY));
    }
    all.add("-q");
    assertThat(run(all.toArray(String[]::new))).isEqualTo(2);
    assertThat(err()).startsWith("fastgpt: ").contains(message).doesNotContain("\tat ");
    assertThat(err().lines()).hasSize(1);
    assertThat(out()).isEmpty();
  }

  @Test
  void aTextLongerThanTheContextIsRefused() {
    assertThat(run("score", "-q", "-m", TINY, "--ids", "5 ".repeat(257))).isZero();
    assertThat(run("score", "-q", "-m", TINY, "--ids", "5 ".repeat(258))).isEqualTo(2);
    assertThat(err())
        .isEqualTo(
            "fastgpt: the text of 258 tokens is too long to be seen at once: n_ctx = 256; shorten"
                + " it, or use --window\n");
  }

  @Test
  void anEmptyTextHasNoScores() throws IOException {
    assertThat(score(""))
        .containsEntry("scored_tokens", 0)
        .containsEntry("sum", 0.0)
        .containsEntry("mean", null);
  }

  private static String heldOut(Path folder) throws IOException {
    String text = (String) Fixtures.object(GOLDEN, "perplexity").get("text");
    return Files.writeString(folder.resolve("held-out.txt"), text).toString();
  }

  private static String request(String context, String continuation) throws IOException {
    return JSON.std.asString(Map.of("context", context, "continuation", continuation));
  }

  /** The one object that the command prints. */
  private Map<String, Object> score(String... args) throws IOException {
    var all = new ArrayList<>(List.of("score", "-q", "-m", TINY));
    all.addAll(Arrays.asList(args));
    out.reset();
    assertThat(run(all.toArray(String[]::new))).as(err()).isZero();
    Map<String, Object> object = JSON.std.mapFrom(out());
    object.remove("line");
    return object;
  }

  private static List<Double> doubles(Map<String, Object> object, String key) {
    return ((List<?>) object.get(key)).stream().map(Double.class::cast).toList();
  }

  private static List<String> strings(Map<String, Object> object) {
    return ((List<?>) object.get("tokens")).stream().map(String.class::cast).toList();
  }

  private int run(String... args) {
    var terminal =
        new Terminal(
            new ByteArrayInputStream(in.getBytes(StandardCharsets.UTF_8)),
            new PrintStream(out, false, StandardCharsets.UTF_8),
            new PrintStream(err, false, StandardCharsets.UTF_8),
            false);
    return Main.run(args, terminal);
  }

  private String out() {
    return out.toString(StandardCharsets.UTF_8).replace("\r\n", "\n");
  }

  private String err() {
    return err.toString(StandardCharsets.UTF_8).replace("\r\n", "\n");
  }
}
