package org.fastgpt.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.PrintStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.EngineProvider;
import org.fastgpt.FakeEngine;
import org.fastgpt.Fixtures;
import org.fastgpt.inspect.Inspection;
import org.fastgpt.inspect.Inspection.Expectation;
import org.fastgpt.inspect.Inspection.Head;
import org.fastgpt.inspect.Inspection.Layer;
import org.fastgpt.inspect.Inspection.Reading;
import org.fastgpt.model.Model;
import org.fastgpt.sampling.LogProbabilities.Likely;
import org.fastgpt.tokenizer.Tokenizer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The command inspect; its page has a test of its own. */
class InspectCommandTest {

  private static final String TINY = Fixtures.TINY_SHAKESPEARE.toString();

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private boolean interactive;

  @Test
  void eachTokenHasARow() {
    assertThat(inspect("--top", "2", "ROMEO:\nMy lord")).isZero();
    assertThat(out().lines())
        .containsExactly(
            "  pos     id     log p         p   rank   bits  token             likeliest",
            "    0    858         -         -      -      -  \"ROMEO\"",
            "    1     25   -0.0022     99.8%      1   0.04  \":\"               \":\" 99.8%  \".\""
                + " 0.0295%",
            "    2    198   -0.0065     99.4%      1   0.10  \"\\n"
                + "\"              \"\\n"
                + "\" 99.4%  \"'\" 0.101%",
            "    3    536   -4.3305     1.32%     27   5.73  \"My\"              \"I\" 9.61%  \"O\""
                + " 5.44%",
            "    4    451   -1.6792     18.7%      1   5.96  \" lord\"           \" lord\" 18.7% "
                + " \" gra\" 6.20%",
            "    5      -         -         -      -   2.44  (next)            \",\" 68.1%  \"s\""
                + " 9.44%",
            "",
            "5 tokens; mean log p -1.5046, perplexity 4.5023.");
    assertThat(err()).isEmpty();
  }

  /** The figures of score are held to HuggingFace's by ScoresTest. */
  @Test
  void figuresAreThoseOfScore() throws IOException {
    String text = "My lord, the engine is ready";
    Map<String, Object> inspected = json(text);
    out.reset();
    assertThat(run("score", "-q", "-m", TINY, text)).isZero();
    Map<String, Object> scored = JSON.std.mapFrom(out());
    assertThat(inspected)
        .containsAllEntriesOf(
            Map.of(
                "ids", scored.get("ids"),
                "tokens", scored.get("tokens"),
                "logprobs", scored.get("logprobs"),
                "ranks", scored.get("ranks")));
    assertThat(inspected).containsEntry("model", "tiny-shakespeare").containsKey("next");
    assertThat(inspected).doesNotContainKeys("lens", "attentions");
    List<?> top = (List<?>) inspected.get("top");
    assertThat(top).hasSameSizeAs((List<?>) scored.get("ids")).first().isNull();
    assertThat((List<?>) top.get(1)).hasSize(5);
  }

  @Test
  void greedyContinuationsAreInspectedToo() throws IOException {
    Map<String, Object> golden =
        Fixtures.objects(Fixtures.golden("tiny-shakespeare"), "greedy").getFirst();
    Map<String, Object> object = json((String) golden.get("prompt"), "-n", "20");
    int[] ids = Fixtures.ids(object, "ids");
    int[] prompt = Fixtures.ids(golden, "prompt_ids");
    int[] expected = Arrays.copyOf(Fixtures.ids(golden, "new_ids"), 20);
    assertThat(object).containsEntry("prompt_tokens", prompt.length);
    assertThat(Arrays.copyOfRange(ids, prompt.length, ids.length)).isEqualTo(expected);
    List<?> ranks = (List<?>) object.get("ranks");
    assertThat(ranks.subList(prompt.length, ids.length)).allMatch(rank -> rank.equals(1));
    assertThat(inspect("-n", "2", "ROMEO:")).isZero();
    assertThat(out()).contains("4 tokens, the last 2 by the model itself; mean log p");
  }

  @Test
  void endOfTextMayComeFirst() throws IOException {
    Map<String, Object> object = json("--bos", "ROMEO:");
    assertThat(Fixtures.ids(object, "ids")).startsWith(1023, 858);
    assertThat(((List<?>) object.get("logprobs")).get(1)).isNotNull();
    assertThat(Fixtures.ids(json("--bos", ""), "ids")).containsExactly(1023);
  }

  @Test
  void theLensIsAGridOfSomeLayersAtATime() {
    assertThat(inspect("--top", "0", "--lens", "-m", "synthetic-small", "--ids", "5 17 80"))
        .isZero();
    List<String> lines = out().lines().toList();
    assertThat(lines.get(6)).startsWith("  pos  lens after        embd      ").contains("  h.3");
    assertThat(lines.get(10).stripTrailing()).isEmpty();
    assertThat(lines.get(11)).matches(" {2}pos {2}lens after +h\\.4 +p +# {2}h\\.5 +p +#");
    assertThat(lines.get(12)).matches(" {4}0 {2}#5 +#\\d+ +\\d+% +\\d+ {2}#\\d+ +\\d+% +\\d+");
    assertThat(lines.get(14)).as("nothing comes after the last").endsWith("%     -");
  }

  @Test
  void theLensOfJsonEndsWithTheModelsOwnWords() throws IOException {
    Map<String, Object> object = json("--lens", "My lord, the");
    List<Map<String, Object>> lens = Fixtures.objects(object, "lens");
    assertThat(lens)
        .extracting(l -> l.get("name"))
        .containsExactly("embd", "h.0", "h.1", "h.2", "h.3");
    Map<String, Object> last = lens.getLast();
    List<?> logProbabilities = (List<?>) object.get("logprobs");
    List<?> next = (List<?>) last.get("next_logprobs");
    int n = logProbabilities.size();
    assertThat(next.subList(0, n - 1)).isEqualTo(logProbabilities.subList(1, n));
    assertThat(next.get(n - 1)).isNull();
    List<?> likeliest = (List<?>) Fixtures.object(object, "next").get("top");
    Map<?, ?> first = (Map<?, ?>) likeliest.getFirst();
    assertThat(Fixtures.ids(last, "top_ids")[n - 1]).isEqualTo(first.get("id"));
    assertThat(((List<?>) last.get("top_tokens")).getLast()).isEqualTo(first.get("token"));
  }

  @Test
  void attentionIsPrintedInPercent() {
    assertThat(inspect("--top", "0", "--attention", "0.1", "ROMEO:\nMy lord")).isZero();
    assertThat(out().lines().skip(8).limit(6))
        .containsExactly(
            "attention 0.1, percent    0   1   2   3   4",
            "    0  \"ROMEO\"          100",
            "    1  \":\"               56  44",
            "    2  \"\\n\"              38  29  34",
            "    3  \"My\"              34  23  17  26",
            "    4  \" lord\"           12  26  15  38  10");
  }

  @Test
  void attentionOfALongTextIsShaded() {
    assertThat(inspect("--attention", "1.0", "--ids", "5 ".repeat(33))).isZero();
    assertThat(out())
        .contains("attention 1.0" + System.lineSeparator() + "    0  \"&\"             █");
  }

  @Test
  void attentionOfALayerIsThatOfItsHeads() throws IOException {
    Map<String, Object> object = json("--attention", "2,0.1", "My lord, the");
    List<Map<String, Object>> maps = Fixtures.objects(object, "attentions");
    assertThat(maps)
        .extracting(m -> m.get("layer") + "." + m.get("head"))
        .containsExactly("0.1", "2.0", "2.1", "2.2", "2.3");
    for (Map<String, Object> map : maps) {
      List<?> rows = (List<?>) map.get("weights");
      assertThat(rows).hasSize(4);
      for (int t = 0; t < rows.size(); t++) {
        List<?> row = (List<?>) rows.get(t);
        assertThat(row).hasSize(t + 1);
        double sum =
            row.stream().collect(Collectors.summingDouble(p -> ((Number) p).doubleValue()));
        assertThat(sum).isCloseTo(1, within(1e-6));
      }
    }
  }

  @Test
  void jsonGoesToAFileToo(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("fox.json");
    Files.writeString(file, "what was there before");
    assertThat(run("inspect", "-m", TINY, "--json", file.toString(), "ROMEO:")).isZero();
    assertThat(out()).contains("\"ROMEO\"", "mean log p");
    assertThat(err()).isEqualTo("Wrote " + file + ".\n");
    assertThat(JSON.std.mapFrom(Files.readString(file))).isEqualTo(json("ROMEO:"));
    assertThat(folder.toFile().list()).containsExactly("fox.json");
  }

  @Test
  void coloursAreForATerminalWhoseUserDoesNotRefuseThem() {
    assertThat(Ink.of(terminal(), Map.of()).coloured()).isFalse();
    interactive = true;
    assertThat(Ink.of(terminal(), Map.of()).coloured()).isTrue();
    assertThat(Ink.of(terminal(), Map.of("NO_COLOR", "")).coloured()).isTrue();
    assertThat(Ink.of(terminal(), Map.of("NO_COLOR", "1")).coloured()).isFalse();
    assertThat(Ink.of(terminal(), Map.of("TERM", "dumb")).coloured()).isFalse();
    var ink = new Ink(true);
    assertThat(ink.likely(0.5, "x")).isEqualTo("\u001b[32mx\u001b[0m");
    assertThat(ink.likely(0.05, "x")).isEqualTo("\u001b[33mx\u001b[0m");
    assertThat(ink.likely(0.04, "x")).isEqualTo("\u001b[31mx\u001b[0m");
    assertThat(ink.shade(0, "x")).isEqualTo("\u001b[48;5;232;38;5;255mx\u001b[0m");
    assertThat(ink.shade(1, "x")).isEqualTo("\u001b[48;5;255;38;5;232mx\u001b[0m");
    assertThat(new Ink(false).shade(1, "x")).isEqualTo("x");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "20 74 68 65 | ` the`",
        "0A 0D 09 00 1B | \\n\\r\\t\\u{0}\\u{1B}",
        "5C 22 | \\\\\"",
        "E4 BD | \\xE4\\xBD",
        "61 A0 C3 A9 | a\\xA0é",
        "F0 9F 98 80 FF | 😀\\xFF",
        "E2 80 AE C2 A0 | \\u{202E}\\u{A0}", // turns the direction; a space that is none
        "E2 9D A4 EF B8 8F | ❤\\u{FE0F}", // the heart as an emoji, which is wider
        "EF BF BD | \uFFFD",
      })
  void tokensAreShownWithoutBeingObeyed(String bytes, String shown) {
    byte[] utf8 = new byte[(bytes.length() + 1) / 3];
    for (int i = 0; i < utf8.length; i++) {
      utf8[i] = (byte) Integer.parseInt(bytes.substring(3 * i, 3 * i + 2), 16);
    }
    assertThat(TokenText.visible(utf8)).isEqualTo(shown);
  }

  /** By the widths of Unicode's EastAsianWidth.txt; what stands to the right stays in line. */
  @Test
  void wideCharactersAndMarksTakeTheirColumns() {
    int[] characters = "aé你😀✅\u0301".codePoints().toArray();
    var tokens = new TokenText(Optional.of(Tokenizer.ofCharacters(characters)));
    int[] ids = {0, 1, 2, 3, 4, 5};
    var expectation = new Expectation(-1, 1, 2, List.of(new Likely(2, -1)));
    List<Reading> readings =
        IntStream.of(ids).mapToObj(id -> new Reading(new Likely(id, -1), -1, 1)).toList();
    var maps = new TreeMap<Head, float[][]>();
    maps.put(
        new Head(0, 0), IntStream.of(ids).mapToObj(t -> new float[t + 1]).toArray(float[][]::new));
    var inspection =
        new Inspection(
            ids, Collections.nCopies(6, expectation), List.of(new Layer("embd", readings)), maps);
    assertThat(InspectTables.of(inspection, tokens, new Ink(false)).lines())
        .contains(
            "    0      0         -         -      -      -  \"a\"",
            "    1      1   -1.0000     36.8%      1   2.00  \"é\"               \"你\" 36.8%",
            "    2      2   -1.0000     36.8%      1   2.00  \"你\"              \"你\" 36.8%",
            "    3      3   -1.0000     36.8%      1   2.00  \"😀\"              \"你\" 36.8%",
            "    5      5   -1.0000     36.8%      1   2.00  \"\u0301\"                \"你\" 36.8%",
            "    1  \"é\"               \"é\"         37%     1",
            "    4  \"✅\"              \"✅\"        37%     1",
            "    1  \"é\"                0   0",
            "    2  \"你\"               0   0   0");
  }

  @ParameterizedTest
  @CsvSource({
    "abc, 3",
    "你好, 4",
    "ｆｕ, 4", // full width
    "ﾊﾝ, 2", // half width
    "한글, 4",
    "\u1112\u1161\u11ab, 2", // the same in parts
    "e\u0301\u0302, 1",
    "\u20dd, 0", // a circle round the one before
    "か\u3099, 2",
    "😀✅⌚, 6",
    "🇩🇪, 2",
    "🌡☎, 2", // no emoji unless asked for
    "𠀀, 2",
    "█▓…, 3",
    "'', 0"
  })
  void columnsAreThoseOfUnicode(String text, int width) {
    assertThat(Columns.width(text)).isEqualTo(width);
  }

  @ParameterizedTest
  @CsvSource({
    "abc, 3, abc",
    "abcd, 3, ab…",
    "你好, 4, 你好",
    "你好吗, 5, 你好…",
    "你好吗, 4, 你…", // half of one is none
    "ae\u0301\u0302bc, 3, ae\u0301\u0302…",
    "😀😀, 1, …"
  })
  void aTextIsCutBetweenItsCharacters(String text, int width, String cut) {
    assertThat(Columns.cut(text, width)).isEqualTo(cut);
    assertThat(Columns.width(Columns.padded(cut, width))).isEqualTo(width);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "-n -2 x | -n -2: a number of tokens expected, or -1",
        "--top -1 x | --top -1: a number in [0, 100] expected",
        "--top 101 x | --top 101: a number in [0, 100] expected",
        "--attention 4 x | --attention 4: layer 4 is not in [0, 3]",
        "--attention 0.4 x | --attention 0.4: head 4 is not in [0, 3]",
        "--attention one x | --attention one: LAYER or LAYER.HEAD expected",
        "--attention 0.1.2 x | --attention 0.1.2: LAYER or LAYER.HEAD expected",
        "--ids 5,1024 | token 1024 is outside the vocabulary [0, 1024)",
        "--html nowhere/page.html x | nowhere/page.html: no such folder",
        "--ids | no tokens to process: at least one is needed",
        "-m synthetic-small x | the model has no vocabulary",
        "-f nowhere.txt | nowhere.txt: no such file",
      })
  void badInputIsOneLineAndExitCode2(String arguments, String message) {
    assertThat(inspect(arguments.split(" "))).isEqualTo(2);
    assertThat(err()).startsWith("fastgpt: ").contains(message).doesNotContain("\tat ");
    assertThat(err().lines()).hasSize(1);
    assertThat(out()).isEmpty();
  }

  @Test
  void aTextLongerThanTheContextIsRefused() {
    assertThat(inspect("--ids", "5 ".repeat(256))).isZero();
    assertThat(inspect("--ids", "5 ".repeat(257))).isEqualTo(2);
    assertThat(err())
        .isEqualTo(
            "fastgpt: the text of 257 tokens is too long to be seen at once: n_ctx = 256; shorten"
                + " it\n");
  }

  /** Of an engine without activations there are figures; what else is asked for is refused. */
  @Test
  void anEngineThatShowsNothingSaysSo(@TempDir Path folder) throws IOException {
    try (var _ = blind(folder)) {
      assertThat(inspect("--engine", "blind", "ROMEO:")).isZero();
      assertThat(inspect("--engine", "blind", "--lens", "--attention", "0", "ROMEO:")).isEqualTo(2);
      assertThat(err())
          .isEqualTo(
              "fastgpt: engine fake does not show activations such as h.0 (--lens),"
                  + " h.0.attn.softmax (--attention); --engine core does\n");
      err.reset();
      Path page = folder.resolve("page.html");
      assertThat(
              run("inspect", "-m", TINY, "--engine", "blind", "--html", page.toString(), "ROMEO:"))
          .isZero();
      String why = "Engine fake does not show what the page would have here.";
      assertThat(err()).isEqualTo("Wrote " + page + ".\n" + why + "\n");
      assertThat(Files.readString(page)).contains("<p>" + why + "</p>");
    }
  }

  /** By an engine that shows no maps: what is refused for that is not refused for its size. */
  @ParameterizedTest
  @CsvSource({
    "5792, 0, false",
    "5793, 0, true",
    "4000, 1792, false",
    "1, 5792, true",
    "1, -1, true"
  })
  void aPageThatWouldBeTooLargeIsRefusedBeforeAnythingIsComputed(
      int tokens, int n, boolean refused, @TempDir Path folder) throws IOException {
    String[] args = {
      "--engine=blind",
      "--attention=0",
      "-n" + n,
      "--ids",
      "5 ".repeat(tokens),
      "--html=" + folder.resolve("page.html")
    };
    try (var _ = blind(folder)) {
      assertThat(inspect(args)).isEqualTo(2);
      assertThat(err().lines()).hasSize(1);
      if (refused) {
        long length = n < 0 ? Blind.N_CTX : tokens + n;
        assertThat(err())
            .isEqualTo(
                "fastgpt: --html: the attention of 1 head over "
                    + length
                    + " tokens has "
                    + length * (length + 1) / 2
                    + " weights, and a page at most 16777216: name fewer heads with --attention"
                    + " LAYER.HEAD, shorten the text, or write --json instead\n");
      } else {
        assertThat(err()).contains("does not show activations");
      }
      assertThat(Blind.engine.processed() == 0).isEqualTo(refused);
    }
    assertThat(folder.resolve("page.html")).doesNotExist();
  }

  /** Until it is closed, there is an engine "blind". */
  private static Closeable blind(Path folder) throws IOException {
    Path services = Files.createDirectories(folder.resolve("META-INF/services"));
    Files.writeString(services.resolve(EngineProvider.class.getName()), Blind.class.getName());
    ClassLoader before = Thread.currentThread().getContextClassLoader();
    var with = new URLClassLoader(new URL[] {folder.toUri().toURL()}, before);
    Thread.currentThread().setContextClassLoader(with);
    return () -> {
      Thread.currentThread().setContextClassLoader(before);
      with.close();
    };
  }

  /** Has logits and nothing else. */
  public static final class Blind implements EngineProvider {
    private static final int N_CTX = 8192;
    private static FakeEngine engine; // the last one

    @Override
    public String name() {
      return "blind";
    }

    @Override
    public Engine open(Model model, EngineOptions options) {
      engine = new FakeEngine(model.config().nVocab(), N_CTX, 2);
      return engine;
    }
  }

  /** The object that the command prints. */
  private Map<String, Object> json(String... args) throws IOException {
    var all = new ArrayList<>(List.of("--json", "-"));
    all.addAll(Arrays.asList(args));
    out.reset();
    assertThat(inspect(all.toArray(String[]::new))).as(err()).isZero();
    assertThat(out().lines()).hasSize(1);
    return JSON.std.mapFrom(out());
  }

  private int inspect(String... args) {
    var all = new ArrayList<>(List.of("inspect", "-q"));
    if (!Arrays.asList(args).contains("-m")) {
      all.addAll(List.of("-m", TINY));
    }
    all.addAll(Arrays.asList(args));
    return run(all.toArray(String[]::new));
  }

  private int run(String... args) {
    return Main.run(args, terminal());
  }

  private Terminal terminal() {
    return new Terminal(
        new ByteArrayInputStream(new byte[0]),
        new PrintStream(out, false, StandardCharsets.UTF_8),
        new PrintStream(err, false, StandardCharsets.UTF_8),
        interactive);
  }

  private String out() {
    return out.toString(StandardCharsets.UTF_8).replace("\r\n", "\n");
  }

  private String err() {
    return err.toString(StandardCharsets.UTF_8).replace("\r\n", "\n");
  }
}
