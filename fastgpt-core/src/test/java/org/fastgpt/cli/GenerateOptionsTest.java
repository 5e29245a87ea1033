package org.fastgpt.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.fastgpt.Fixtures;
import org.fastgpt.GptConfig;
import org.fastgpt.Tolerances;
import org.fastgpt.sampling.Sampler;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Sampling, searches and ends, as a user asks for them. */
class GenerateOptionsTest {

  private static final String TINY = Fixtures.TINY_SHAKESPEARE.toString();
  private static final String PROMPT = "ROMEO:\n";

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  /** Written down once: this text must come out on every machine, and in later versions. */
  @Test
  void aSeedIsAText() {
    assertThat(text("--seed", "1", "-n", "30")).isEqualTo(SEED_1);
    assertThat(text("-s", "1", "-n", "30", "--kernels", "scalar", "-t", "1")).isEqualTo(SEED_1);
    assertThat(text("-s1", "-n", "30", "--no-cache")).isEqualTo(SEED_1);
    assertThat(text("-s1", "-n", "30", "--draft", "prompt-lookup")).isEqualTo(SEED_1);
    assertThat(text("--seed", "2", "-n", "30")).isNotEqualTo(SEED_1);
  }

  private static final String SEED_1 =
      "O precquit ourself.\n\nCAMILLO:\nLet good lord, your city shall believe\nAnd";

  @ParameterizedTest
  @CsvSource({
    "--temperature 0.7, --temp 0.7",
    "--top-k 5, --top_k=5",
    "--top-p 0.5, --top_p 0.5",
    "--min-p 0.2, --min_p 0.2",
    "--typical 0.3, --typical_p 0.3",
    "--repeat-penalty 1.5 --seed 1, --repetition_penalty 1.5 --do-sample"
  })
  void bothNamesOfAnOptionDoTheSame(String one, String other) {
    String[] seed = one.contains("--seed") ? new String[0] : new String[] {"--seed", "1"};
    String first = text(concat(one.split(" "), seed));
    assertThat(text(concat(other.split(" "), "--seed", "1"))).isEqualTo(first).isNotEqualTo(text());
    assertThat(text("--seed", "1")).isNotEqualTo(first);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--temp 0",
        "--temp 0 --top-k 40 --top-p 0.9",
        "--top-k 1",
        "--top-p 0",
        "--min-p 1",
        "--num-beams 1",
        "--penalty-alpha 0 --top-k 4",
        "--draft prompt-lookup",
        "--draft=off",
        "--repeat-penalty 1 --frequency-penalty 0"
      })
  void theseAreGreedy(String options) {
    assertThat(text(options.split(" "))).isEqualTo(text());
  }

  @Test
  void aDrawnSeedIsSaidAndGivesTheSameTextAgain() {
    String drawn = text("--top-k", "50", "-n", "40");
    assertThat(err()).matches("Seed: \\d+\n");
    String seed = err().strip().replace("Seed: ", "");
    assertThat(text("--top-k", "50", "-n", "40", "--seed", seed)).isEqualTo(drawn);
    assertThat(err()).isEmpty();
    text("--seed", "-1");
    assertThat(err()).matches("Seed: \\d+\n");
  }

  @Test
  void endsBeforeAStopString() throws IOException {
    String whole = text("-n", "60");
    String stop = whole.substring(17, 21);
    assertThat(text("-n", "60", "--stop", stop, "-r", "never comes"))
        .isEqualTo(whole.substring(0, whole.indexOf(stop)));
    run("-m", TINY, "--json", PROMPT, "-n", "60", "--reverse-prompt", stop);
    Map<String, Object> json = JSON.std.mapFrom(out());
    assertThat(json)
        .containsEntry("stop", "stop_string")
        .containsEntry("text", whole.substring(0, whole.indexOf(stop)));
    run("-m", TINY, PROMPT, "-n", "60", "--stop", stop);
    assertThat(err()).contains("Stopped: a stop string.");
  }

  @Test
  void endsBeforeAStopToken() {
    List<String> all = List.of(ids("-n", "20").split(" "));
    String stop = all.get(7);
    assertThat(ids("-n", "20", "--stop-token", "1000," + stop))
        .isEqualTo(String.join(" ", all.subList(0, all.indexOf(stop))));
  }

  @Test
  void badWordsAndBiasesKeepTokensAway() {
    List<String> all = List.of(ids("-n", "20").split(" "));
    assertThat(ids("-n", "20", "--logit-bias", all.getFirst() + "=-inf"))
        .doesNotStartWith(all.getFirst() + " ");
    assertThat(ids("-n", "20", "-l", "7+100").split(" ")).containsOnly("7");
    assertThat(ids("-n", "20", "--bad-words-ids", all.get(0) + " " + all.get(1)))
        .startsWith(all.get(0) + " ")
        .doesNotStartWith(all.get(0) + " " + all.get(1) + " ");
    String word = List.of(text("-n", "40").split("\\s+")).get(1);
    assertThat(text("-n", "40", "--bad-words", word).split("\\s+")).doesNotContain(word);
  }

  @Test
  void noPhraseComesTwice() {
    List<String> all = List.of(ids("-n", "60", "--no-repeat-ngram-size", "2").split(" "));
    var pairs = new ArrayList<String>();
    for (int i = 1; i < all.size(); i++) {
      pairs.add(all.get(i - 1) + " " + all.get(i));
    }
    assertThat(pairs).doesNotHaveDuplicates();
  }

  /** HuggingFace's log-sum-exp of each step, in float64. */
  @Test
  void logProbabilitiesAreHuggingFaces() throws IOException {
    Map<String, Object> golden =
        Fixtures.objects(Fixtures.golden("tiny-shakespeare"), "greedy").get(1);
    run("-m", TINY, "--json", (String) golden.get("prompt"), "-n", "60", "--top-logprobs", "5");
    Map<String, Object> json = JSON.std.mapFrom(out());
    List<Map<String, Object>> steps = Fixtures.objects(json, "logprobs");
    List<Map<String, Object>> expected = Fixtures.objects(golden, "steps");
    assertThat(steps).hasSameSizeAs(expected);
    double bound = 2 * 20 * Tolerances.logits(GptConfig.gpt2(1024, 256, 128, 4, 4));
    for (int i = 0; i < steps.size(); i++) {
      double logsumexp = ((Number) expected.get(i).get("logsumexp")).doubleValue();
      List<Map<String, Object>> top = Fixtures.objects(steps.get(i), "top");
      assertThat(steps.get(i)).containsEntry("id", expected.get(i).get("id"));
      for (int k = 0; k < 5; k++) {
        assertThat(top.get(k)).containsEntry("id", Fixtures.ids(expected.get(i), "top_ids")[k]);
        assertThat(((Number) top.get(k).get("logprob")).doubleValue())
            .isCloseTo(
                Fixtures.doubles(expected.get(i), "top_logits")[k] - logsumexp, within(bound));
      }
    }
  }

  @Test
  void logProbabilitiesAreShownBesideTheText() {
    String plain = text("-n", "3");
    assertThat(text("-n", "3", "--top-logprobs", "2")).isEqualTo(plain);
    assertThat(err().lines())
        .hasSize(3)
        .allMatch(l -> l.matches(" *\\d+ '.*' -\\d\\.\\d{4}  \\|.*"));
  }

  @Test
  void beamSearchPrintsTheBestTextsAndTheirScores() throws IOException {
    Map<String, Object> golden =
        Fixtures.objects(Fixtures.golden("tiny-shakespeare"), "beam_search").get(1);
    run(
        concat(
            "-m " + TINY + " --json --num-beams 4 --num-return-sequences 2 -n 24",
            "--early-stopping=true",
            (String) golden.get("prompt")));
    List<Map<String, Object>> found = Fixtures.objects(JSON.std.mapFrom(out()), "sequences");
    List<?> sequences = (List<?>) golden.get("sequences");
    for (int i = 0; i < 2; i++) {
      assertThat(found.get(i)).containsEntry("new_ids", sequences.get(i));
      assertThat(((Number) found.get(i).get("score")).doubleValue())
          .isCloseTo(Fixtures.doubles(golden, "scores")[i], within(1e-4));
    }
    String both = text("--num-beams", "4", "--num-return-sequences", "2", "-n", "5");
    assertThat(both).contains("\n");
  }

  @ParameterizedTest
  @ValueSource(strings = {"--kernels=vector", "--kernels=scalar"})
  void severalTextsAreThoseOfTheirSeeds(String kernels) throws IOException {
    String[] options =
        concat("-m " + TINY + " --json -n 24 --temp 0.9 --repeat-penalty 1.1", kernels, PROMPT);
    String several = "--num-return-sequences 10 --seed 5 --stop :";
    assertThat(run(concat(options, several.split(" ")))).as(err()).isZero();
    Map<String, Object> json = JSON.std.mapFrom(out());
    assertThat(json).containsEntry("seed", 5).doesNotContainKey("text");
    List<Map<String, Object>> found = Fixtures.objects(json, "sequences");
    assertThat(found).hasSize(10);
    assertThat(found.stream().map(s -> s.get("text")).distinct()).hasSizeGreaterThan(8);
    assertThat(found).extracting(s -> s.get("stop")).contains("length", "stop_string");
    for (int i = 0; i < 10; i++) {
      long seed = Sampler.seed(5, i);
      run(concat(options, "--stop", ":", "--seed", seed + ""));
      Map<String, Object> single = JSON.std.mapFrom(out());
      for (String key : List.of("seed", "new_ids", "text", "stop")) {
        assertThat(found.get(i)).containsEntry(key, single.get(key));
      }
    }
  }

  /** A full context slides in each text by itself; a prompt may fill it before. */
  @ParameterizedTest
  @ValueSource(ints = {3, 250, 255, 300})
  void severalTextsSlideAndShowWhatTheModelThought(int prompt) throws IOException {
    String ids = "858" + " 25 198".repeat(prompt / 2) + (prompt % 2 == 0 ? "" : " 11");
    String[] options =
        concat("-m " + TINY + " --json --ids -n 270 --temp 0.9", "--on-overflow", "truncate");
    String[] watched = concat(options, "--top-logprobs", "2", ids);
    assertThat(run(concat(watched, "--seed", "5", "--num-return-sequences", "3"))).isZero();
    List<Map<String, Object>> found = Fixtures.objects(JSON.std.mapFrom(out()), "sequences");
    assertThat(found).hasSize(3);
    for (int i = 0; i < 3; i++) {
      assertThat(run(concat(watched, "--seed", Sampler.seed(5, i) + ""))).isZero();
      Map<String, Object> single = JSON.std.mapFrom(out());
      for (String key : List.of("new_ids", "left_out", "logprobs")) {
        assertThat(found.get(i)).containsEntry(key, single.get(key));
      }
    }
  }

  @Test
  void severalTextsSayWhatTheModelThoughtBesideThem() {
    String options = "--temp 0.9 -s 5 -n 2 --top-logprobs 1 --num-return-sequences 2 -m " + TINY;
    assertThat(run(concat(options, "-q", PROMPT))).isZero();
    assertThat(out().lines()).hasSizeGreaterThanOrEqualTo(2);
    assertThat(err().lines()).hasSize(4);
  }

  /** As those of a beam search: a line for each. */
  @Test
  void severalTextsAreALineEach() {
    String[] options = {"--top-k", "50", "-n", "5", "--num-return-sequences", "3"};
    String lines = ids(options);
    assertThat(err()).matches("Seed: \\d+\n");
    String seed = err().strip().replace("Seed: ", "");
    assertThat(lines.lines()).hasSize(3).allMatch(line -> line.matches("\\d+( \\d+){4}"));
    assertThat(ids(concat(options, "--seed", seed))).isEqualTo(lines);
    assertThat(ids("--top-k", "50", "-n", "5", "--seed", seed))
        .isEqualTo(lines.lines().findFirst().orElseThrow());
    assertThat(run(concat("--top-k 50 -n 5 --num-return-sequences 2 -s1 -m " + TINY, PROMPT)))
        .isZero();
    assertThat(err()).contains("Seed: 1\n", "Seed: " + Sampler.seed(1, 1) + "\n");
  }

  @Test
  void penaltiesOfTheLastTokensOnly() {
    String[] penalty = {"-n", "40", "--repeat-penalty", "1.8"};
    String all = text(penalty);
    assertThat(text(concat(penalty, "--repeat-last-n", "-1"))).isEqualTo(all);
    assertThat(text(concat(penalty, "--repeat_last_n", "1000"))).isEqualTo(all);
    assertThat(text(concat(penalty, "--repeat-last-n", "0"))).isEqualTo(text("-n", "40"));
    assertThat(text(concat(penalty, "--repeat-last-n", "4"))).isNotIn(all, text("-n", "40"));
  }

  @Test
  void aContextThatOverflowsIsTruncatedIfAskedFor() throws IOException {
    String prompt = "5 ".repeat(300);
    assertThat(run("-m", TINY, "-q", "--ids", "-n", "10", prompt, "--on-overflow", "truncate"))
        .isZero();
    String truncated = out();
    assertThat(err()).isEqualTo("The context was full: its oldest 54 tokens were left out.\n");
    run("-m", TINY, "-q", "--ids", "-n", "10", "5 ".repeat(246));
    assertThat(out()).isEqualTo(truncated);
    run("-m", TINY, "--json", "--ids", "-n", "300", "5", "--on-overflow=truncate", "--ignore-eos");
    Map<String, Object> json = JSON.std.mapFrom(out());
    assertThat(Fixtures.ids(json, "new_ids")).hasSize(300);
    assertThat(json).containsEntry("stop", "length").containsKey("left_out");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--temp -1 | temperature -1: a number ≥ 0",
        "--temp hot | Invalid value for option '--temperature'",
        "--top-k -5 | top-k -5: a number ≥ 0",
        "--top-p 1.5 | top-p 1.5: a number in [0, 1]",
        "--min-p 2 | min-p 2: a number in [0, 1]",
        "--typical 0 | typical-p 0: a number in (0, 1]",
        "--typical 0.9 --temp 0 | leave one out",
        "--seed -7 | seed -7: a whole number ≥ 0 expected, or -1",
        "--repeat-penalty 0 | repetition penalty 0: a number > 0",
        "--presence-penalty NaN | presence penalty NaN: a number expected",
        "--repeat-last-n -2 | repeat-last-n -2: a number ≥ 0, or -1 for all",
        "--no-repeat-ngram-size -1 | no-repeat n-gram size -1: a number ≥ 0",
        "--min-new-tokens -1 | min new tokens -1: a number ≥ 0",
        "--logit-bias five | --logit-bias five: expected ID=NUMBER",
        "--logit-bias 5=x | --logit-bias 5=x: expected ID=NUMBER",
        "--logit-bias 99999999999=1 | expected ID=NUMBER",
        "--logit-bias 5000=1 | token 5000 is outside the vocabulary [0, 1024)",
        "--bad-words-ids 5000 | token 5000 is outside the vocabulary [0, 1024)",
        "--num-beams 0 | number of beams 0: a number in [1, 1024]",
        "--num-beams 4 --temp 0.8 | --num-beams and --temperature do not go together: leave one"
            + " out",
        "--num-beams 4 --seed 1 | --num-beams and --seed do not go together",
        "--num-beams 4 --stop x | --num-beams and --stop do not go together",
        "--num-beams 4 --no-cache | --num-beams and --no-cache do not go together",
        "--num-beams 4 --draft prompt-lookup | --draft and --num-beams do not go together",
        "--num-beams 4 --top-logprobs 2 | --num-beams and --top-logprobs do not go together",
        "--num-beams 2 --num-return-sequences 3 | --num-return-sequences 3: a number in [1,"
            + " --num-beams]",
        "--num-return-sequences 2 | --num-return-sequences needs --num-beams, or sampling",
        "--num-return-sequences 2 --temp 0 | needs --num-beams, or sampling",
        "--num-return-sequences 0 --temp 1 | --num-return-sequences 0: a number in [1, 1024]",
        "--num-return-sequences 1025 --temp 1 | a number in [1, 1024] expected",
        "--num-return-sequences 2 --temp 1 --no-cache | --num-return-sequences and --no-cache do"
            + " not go together",
        "--num-beams 2 --top-logprobs 2 | --num-beams and --top-logprobs do not go together",
        "--num-return-sequences 2 --temp 1 --draft prompt-lookup | --draft and"
            + " --num-return-sequences do not go together",
        "--num-beams 2 --on-overflow truncate -n 5 | do not go together",
        "--num-return-sequences 2 --penalty-alpha 0.6 --top-k 4 | --num-return-sequences and"
            + " --penalty-alpha do not go together",
        "--num-beams 2 --early-stopping soon | --early-stopping soon: true, false or never",
        "--length-penalty 2 | --length-penalty is for beam search: it needs --num-beams",
        "--penalty-alpha 0.6 | --penalty-alpha needs --top-k",
        "--penalty-alpha 0.6 --top-k 4 --temp 1 | --penalty-alpha and --temperature do not go"
            + " together",
        "--penalty-alpha 2 --top-k 4 | penalty alpha 2: a number in [0, 1]",
        "--draft guess | --draft guess: prompt-lookup or off expected",
        "--draft prompt-lookup --draft-max 0 | --draft-max 0: a number ≥ 1",
        "--draft prompt-lookup --no-cache | --draft and --no-cache do not go together",
        "--top-logprobs 2000 | top log-probs 2000: a number in [0, 1024]",
        "--on-overflow shift | --on-overflow shift: error or truncate expected",
        "--on-overflow truncate -n -1 | has no end: give a number of tokens",
        "--ids --stop x 5 | --ids and --stop do not go together",
        "-r= | a stop string is empty",
        "--stop-token 5000 | token 5000 is outside the vocabulary [0, 1024)",
      })
  void badInputIsOneLineAndExitCode2(String options, String message) {
    String[] all = concat("-q -m " + TINY, options.split(" "));
    assertThat(run(options.contains("--ids ") ? all : concat(all, PROMPT))).isEqualTo(2);
    assertThat(err()).startsWith("fastgpt: ").contains(message).doesNotContain("\tat ");
    assertThat(err().lines()).hasSize(1);
    assertThat(out()).isEmpty();
  }

  /** The text alone; what was said beside it is in err. */
  private String text(String... options) {
    assertThat(run(concat(concat("-q -m " + TINY, PROMPT), options))).as(err()).isZero();
    return out().replaceFirst("\n\\z", "");
  }

  private String ids(String... options) {
    assertThat(run(concat(concat("-q --ids -m " + TINY, "858 25 198"), options)))
        .as(err())
        .isZero();
    return out().strip();
  }

  private static String[] concat(String words, String... more) {
    return concat(words.split(" "), more);
  }

  private static String[] concat(String[] some, String... more) {
    var all = new ArrayList<>(Arrays.asList(some));
    all.addAll(Arrays.asList(more));
    return all.toArray(String[]::new);
  }

  private int run(String... args) {
    out.reset();
    err.reset();
    var terminal =
        new Terminal(
            new ByteArrayInputStream(new byte[0]),
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
