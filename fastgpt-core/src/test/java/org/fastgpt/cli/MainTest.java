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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.fastgpt.Fixtures;
import org.fastgpt.model.Homes;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MainTest {

  private static final String TURING =
      "Alan Turing theorized that computers would one day become very powerful, but even he could"
          + " not imagine";
  private static final String TINY = Fixtures.TINY_SHAKESPEARE.toString();

  private static final List<String> PHASES =
      List.of("jvm", "arguments", "load", "tokenizer", "kernels", "prefill", "decode", "other");
  private static final String[] TIMINGS =
      Stream.concat(PHASES.stream(), Stream.of("first_token", "total")).toArray(String[]::new);

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private String in = "";

  /** The file is what fastGPT itself printed on the same weights; times and two words differ. */
  @Test
  void generatePrintsWhatFastGptPrints() throws IOException {
    String expected =
        Files.readString(Fixtures.DATA.resolve("golden/fastgpt/fastgpt-output.txt"))
            .replace(" (currently slow)", "");
    String actual = runMerged("-m", TINY, TURING, "-n", "20");
    assertThat(withoutTimes(actual)).isEqualTo(withoutTimes(expected));
    assertThat(actual).contains("   198    65   316    82    84   514    11   296   307   267");
  }

  private static List<String> withoutTimes(String text) {
    return text.lines().map(line -> line.replaceFirst("Time: .*", "Time: ...")).toList();
  }

  @Test
  void textGoesToStandardOutputAndAllElseToStandardError() {
    assertThat(run("generate", "-m", TINY, TURING, "-n", "20")).isZero();
    assertThat(out()).isEqualTo("\nbutsures, and in the bawds of the\nshis\n");
    assertThat(err()).contains("Model parameters:", "n_vocab =  1024", "Output tokens:");
  }

  @Test
  void quietPrintsOnlyTheText() {
    assertThat(run("-m", TINY, "-q", TURING, "-n", "20")).isZero();
    assertThat(out()).isEqualTo("\nbutsures, and in the bawds of the\nshis\n");
    assertThat(err()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"--no-cache", "--kernels=scalar", "--kernels=vector", "-t1", "-t2"})
  void waysToRunDoNotChangeTheText(String option) {
    assertThat(run("-m", TINY, "-q", TURING, "-n", "20", option)).isZero();
    assertThat(out()).isEqualTo("\nbutsures, and in the bawds of the\nshis\n");
  }

  @Test
  void promptComesFromAFileOrFromStandardInput(@TempDir Path folder) throws IOException {
    Path file = Files.writeString(folder.resolve("prompt.txt"), TURING + "\n");
    assertThat(run("-m", TINY, "-q", "-f", file.toString())).isZero();
    in = TURING + "\n";
    assertThat(run("-m", TINY, "-q")).isZero();
    assertThat(run("-m", TINY, "-q", "-p", TURING)).isZero();
    String text = "\nbutsures, and in the bawds of the\nshis\n";
    assertThat(out()).isEqualTo(text + text + text);
  }

  @Test
  void idsGoInAndOut() {
    Map<String, Object> golden =
        Fixtures.objects(Fixtures.golden("synthetic-awkward"), "greedy").getFirst();
    String prompt = PromptOptions.join(Fixtures.ids(golden, "prompt_ids"));
    assertThat(run("-m", "synthetic-awkward", "--ids", "-q", "-n", "16", prompt)).isZero();
    assertThat(out()).isEqualTo(PromptOptions.join(Fixtures.ids(golden, "new_ids")) + "\n");
  }

  @Test
  void jsonIsOneObject() throws IOException {
    assertThat(run("-m", TINY, "--json", TURING, "-n", "20")).isZero();
    Map<String, Object> json = JSON.std.mapFrom(out());
    assertThat(json)
        .containsEntry("model", "tiny-shakespeare")
        .containsEntry("prompt", TURING)
        .containsEntry("text", "\nbutsures, and in the bawds of the\nshis")
        .containsEntry("stop", "length");
    assertThat(Fixtures.ids(json, "new_ids")).hasSize(20).startsWith(198, 65, 316);
    assertThat(err()).isEmpty();
  }

  @Test
  void timingsAreATableWhosePhasesAddUp() {
    assertThat(run("-m", TINY, "-q", "--timings", TURING, "-n", "20")).isZero();
    assertThat(out()).isEqualTo("\nbutsures, and in the bawds of the\nshis\n");
    var rows = new LinkedHashMap<String, String[]>();
    err().lines().skip(2).map(line -> line.split(" +", -1)).forEach(row -> rows.put(row[0], row));
    assertThat(rows).containsOnlyKeys(TIMINGS);
    double sum = 0;
    for (String phase : PHASES) {
      sum += Double.parseDouble(rows.get(phase)[1]);
    }
    double half = 0.005; // of the last place, for each number
    assertThat(Double.parseDouble(rows.get("total")[1]))
        .isCloseTo(sum, within(half * TIMINGS.length));
    assertThat(rows.get("prefill")[2]).isEqualTo("35"); // the tokens of the prompt
    assertThat(rows.get("decode")[2]).isEqualTo("19"); // the first one came out of the prefill
  }

  @Test
  void timingsAreInTheJsonObject() throws IOException {
    assertThat(run("-m", TINY, "--json", "--timings", TURING, "-n", "20")).isZero();
    Map<?, ?> timings = (Map<?, ?>) JSON.std.mapFrom(out()).get("timings");
    assertThat(timings.keySet()).isEqualTo(Set.of(TIMINGS));
    double sum = 0;
    for (String phase : PHASES) {
      sum += millis(timings, phase);
    }
    assertThat(millis(timings, "total")).isCloseTo(sum, within(1e-6));
    assertThat(millis(timings, "first_token")).isLessThanOrEqualTo(millis(timings, "total"));
    assertThat(err()).isEmpty();
  }

  private static double millis(Map<?, ?> timings, String name) {
    return (Double) ((Map<?, ?>) timings.get(name)).get("ms");
  }

  @Test
  void withoutTimingsNothingIsSaidOfThem() {
    assertThat(run("-m", TINY, "--json", TURING)).isZero();
    assertThat(run("-m", TINY, TURING)).isZero();
    assertThat(out()).doesNotContain("timings");
    assertThat(err()).doesNotContain("Timings");
  }

  @Test
  void anEmptyPromptStartsFromEndOfText() {
    assertThat(run("-m", TINY, "--json", "", "-n", "2")).isZero();
    assertThat(out()).contains("\"prompt_ids\":[1023]");
    run("-m", TINY, "", "-n", "2");
    assertThat(err()).contains("The prompt is empty: starting from end-of-text.");
  }

  @Test
  void generationMayFillTheContextAndSaysWhenItIsFull() {
    String prompt = "5 ".repeat(250);
    assertThat(run("-m", TINY, "--ids", "-n", "6", prompt)).isZero();
    assertThat(out().split(" ")).hasSize(6);
    assertThat(err()).doesNotContain("Stopped");
    run("-m", TINY, "--ids", "-n", "7", prompt);
    assertThat(err()).contains("Stopped: the context is full, n_ctx = 256.");
    run("-m", TINY, "--json", "--ids", "-n", "-1", prompt);
    assertThat(out()).contains("\"stop\":\"context_full\"");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "-m nowhere x | no model 'nowhere'",
        "--ids 5,1024 | token 1024 is outside the vocabulary [0, 1024)",
        "--ids five | 'five' is not a token id: ids are whole numbers, separated by spaces",
        "-n -2 x | -n -2: a number of tokens expected, or -1",
        "-n many x | Invalid value for option",
        "-t -1 x | threads -1 is not in [0, 1024]",
        "--kernels gpu x | kernels 'gpu' are unknown; there are: auto, scalar, vector, openblas,"
            + " accelerate",
        "--gelu erf x | gelu 'erf' is unknown; there are: tanh, fast_tanh",
        "--engine torch x | engine 'torch' is unknown; on the class path: core",
        "-f nowhere.txt | nowhere.txt: no such file",
        "--frob x | Unknown option: '--frob'",
        "-m synthetic-small x | the model has no vocabulary",
        "info nowhere | no model 'nowhere'",
        "decode 5000 | token 5000 is outside the vocabulary [0, 1024)",
      })
  void badInputIsOneLineAndExitCode2(String arguments, String message) {
    var all = new ArrayList<>(Arrays.asList(arguments.split(" ")));
    if (!arguments.startsWith("info") && !all.contains("-m")) {
      all.addAll(List.of("-m", TINY));
    }
    if (!arguments.startsWith("info") && !arguments.startsWith("decode")) {
      all.add("-q");
    }
    assertThat(run(all.toArray(String[]::new))).isEqualTo(2);
    assertThat(err()).startsWith("fastgpt: ").contains(message).doesNotContain("\tat ");
    assertThat(err().lines()).hasSize(1);
    assertThat(out()).isEmpty();
  }

  @Test
  void aPromptThatFillsTheContextIsRefused() {
    assertThat(run("-m", TINY, "-q", "--ids", "5 ".repeat(256))).isEqualTo(2);
    assertThat(err())
        .isEqualTo(
            "fastgpt: the prompt of 256 tokens leaves no room for a new one: n_ctx = 256; shorten"
                + " it\n");
  }

  @Test
  void withoutAModelTheEmbeddedOneRunsAndSaysSo(@TempDir Path home) {
    try (var _ = new Homes(home)) {
      assertThat(run(TURING, "-n", "20")).isZero();
    }
    assertThat(out()).isEqualTo("\nbutsures, and in the bawds of the\nshis\n");
    assertThat(err()).contains("No GPT-2 is installed in " + home, "fastgpt download 124M");
  }

  @Test
  void encodeAndDecodeAreInverse() {
    assertThat(run("encode", "-m", TINY, "Příliš žluťoučký kůň 😀")).isZero();
    String ids = out().strip();
    out.reset();
    assertThat(run("decode", "-m", TINY, ids)).isZero();
    assertThat(out()).isEqualTo("Příliš žluťoučký kůň 😀\n");
  }

  @Test
  void endOfTextIsATokenOnlyWhereAskedFor() {
    run("encode", "-m", TINY, "--special", "<|endoftext|>");
    assertThat(out()).isEqualTo("1023\n");
    out.reset();
    run("encode", "-m", TINY, "<|endoftext|>");
    assertThat(out().split(" ")).hasSizeGreaterThan(5);
  }

  @Test
  void modelsAndInfoTellWhatIsThere() {
    assertThat(run("models")).isZero();
    assertThat(out()).contains("tiny-shakespeare");
    assertThat(run("info", TINY)).isZero();
    assertThat(out()).contains("957,184", "52 tensors, F32 3,828,736 bytes", "1024 tokens");
  }

  @ParameterizedTest
  @CsvSource({
    "pytorch_model.bin, pytorch_model.bin, config.json, HuggingFace, '60,288'",
    "legacy.bin, pytorch_model.bin, config.json, HuggingFace, '60,288'",
    "mingpt.pt, model.pt, n_head, minGPT, '93,056'",
    "nanogpt.pt, ckpt.pt, nothing, nanoGPT, '61,792'",
    "char/ckpt.pt, ckpt.pt, nothing, nanoGPT, '4,992'"
  })
  void infoTellsWhatAPyTorchCheckpointIs(
      String fixture,
      String name,
      String beside,
      String format,
      String parameters,
      @TempDir Path folder)
      throws IOException {
    Path formats = Fixtures.DATA.resolve("formats");
    Files.copy(formats.resolve("pt").resolve(fixture), folder.resolve(name));
    if (beside.equals("config.json")) {
      Files.copy(formats.resolve(beside), folder.resolve(beside));
    } else if (beside.equals("n_head")) {
      Files.writeString(folder.resolve("config.json"), "{\"model\": {\"n_head\": 4}}");
    }
    assertThat(run("info", folder.toString())).isZero();
    assertThat(out().replaceAll(" +", " "))
        .contains("\nformat " + format + "\n", "\nparameters " + parameters + "\n");
    assertThat(out().contains("\nnote ")).isEqualTo(format.equals("nanoGPT"));
  }

  @Test
  void generateSaysThatNanoGptsGeluIsAnother() {
    Path model = Fixtures.DATA.resolve("formats/pt/char");
    assertThat(run("-m", model.toString(), "kůň 🐱\nThe", "-n", "20")).isZero();
    assertThat(out()).isEqualTo("vvižitiwžiňiživvvi.i\n");
    assertThat(err()).contains("GELU");
    assertThat(run("-m", model.toString(), "The end?")).isEqualTo(2);
    assertThat(err()).contains("\"?\" (U+003F) is not among the 41 characters");
  }

  @Test
  void modelsOfHuggingFacesCacheAreListedWithTheirPlace(@TempDir Path home) throws IOException {
    Path model = home.resolve("hub").resolve("models--someone--own");
    String revision = "0".repeat(40);
    Path snapshot = Files.createDirectories(model.resolve("snapshots").resolve(revision));
    Files.createDirectory(model.resolve("refs"));
    Files.writeString(model.resolve("refs").resolve("main"), revision);
    for (String file : List.of("config.json", "model.safetensors")) {
      Files.copy(Fixtures.TINY_SHAKESPEARE.resolve(file), snapshot.resolve(file));
    }
    try (var _ = new Homes(home)) {
      assertThat(run("models")).isZero();
      assertThat(run("info", "someone/own")).isZero();
    }
    assertThat(out().lines().map(line -> line.replaceAll(" +", " ")))
        .contains("someone/own " + snapshot, "model someone/own", "parameters 957,184");
  }

  @Test
  void infoVerifiesWhereAskedTo() {
    Path openAi = Fixtures.DATA.resolve("formats").resolve("openai");
    assertThat(run("info", openAi.toString())).isZero();
    assertThat(out()).doesNotContain("verified", "sha256");
    assertThat(run("info", "--verify", openAi.toString())).isZero();
    assertThat(out().lines().map(line -> line.replaceAll(" +", " ")))
        .contains(
            "checksums 28 tensors as the files say",
            "verified not known: there are checksums for OpenAI's GPT-2 124M only",
            "weights_sha256 dd8fec95c4d9a0000b47526ddd88786059fac6e8ba63e3d18fb4b939073c629f");
  }

  /** Whether the kernels are compiled from the start on: wherever a model is about to run. */
  @Test
  void anOptionOrATextMeansThatAModelWillRun() {
    assertThat(Main.generates()).isTrue();
    assertThat(Main.generates("-m", "gpt2")).isTrue();
    assertThat(Main.generates("--ids", "1 2")).isTrue();
    assertThat(Main.generates("The dog")).isTrue();
    assertThat(Main.generates("generate", "The dog")).isTrue();
    assertThat(Main.generates("chat")).isTrue();
    assertThat(Main.generates("--help")).isFalse();
    assertThat(Main.generates("create-model")).isFalse();
  }

  @Test
  void helpEndsWithExamples() {
    assertThat(run("--help")).isZero();
    assertThat(out()).contains("Examples:").contains("fastgpt encode");
  }

  private int run(String... args) {
    return Main.run(args, terminal(out, err));
  }

  /** Both streams as a terminal shows them. */
  private String runMerged(String... args) {
    assertThat(Main.run(args, terminal(out, out))).isZero();
    return out();
  }

  private Terminal terminal(ByteArrayOutputStream first, ByteArrayOutputStream second) {
    return new Terminal(
        new ByteArrayInputStream(in.getBytes(StandardCharsets.UTF_8)),
        new PrintStream(first, false, StandardCharsets.UTF_8),
        new PrintStream(second, false, StandardCharsets.UTF_8),
        false);
  }

  private String out() {
    return out.toString(StandardCharsets.UTF_8).replace("\r\n", "\n");
  }

  private String err() {
    return err.toString(StandardCharsets.UTF_8).replace("\r\n", "\n");
  }
}
