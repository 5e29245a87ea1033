package org.fastgpt.conformance.speed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.fastgpt.GptConfig;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tables and files of made-up times. */
class SpeedReportTest {
  private static final GptConfig CONFIG = GptConfig.gpt2(50257, 1024, 768, 12, 12);
  private static final Task TASK =
      new Task("/m", "made-up", CONFIG, Optional.of("a <b>"), new int[19], 20, 200, List.of(512));

  private static final Entrant CORE = Entrant.engine("core");
  private static final Entrant OTHER = new Entrant("other", "x", Map.of(), List.of(), List.of());
  private static final Entrant WRONG = new Entrant("wrong", "y", Map.of(), List.of(), List.of());
  private static final Entrant PROGRAM = Entrant.program("a, \"b\"", "run {threads}");
  private static final Results RESULTS = results();

  @TempDir private static Path folder;
  private static String console;
  private static String markdown;
  private static String csv;
  private static Map<String, Object> json;

  private static Results results() {
    var cases = new ArrayList<Case>();
    var runs = new ArrayList<Run>();
    for (int threads : new int[] {1, 2}) {
      for (Entrant entrant : List.of(CORE, OTHER, WRONG, PROGRAM)) {
        var c = new Case(entrant, threads, true);
        cases.add(c);
        for (int round = 1; round <= 3 && !entrant.equals(WRONG); round++) {
          // Medians: 1 s of core with one thread, 2 s of the other, half of it with two.
          double scale = (entrant.equals(OTHER) ? 2.0 : 1.0) / threads * (0.8 + 0.1 * round);
          runs.add(new Run(round, c, threads, Run.Kind.WHOLE, Map.of(Run.WHOLE, scale)));
          if (!entrant.isProgram()) {
            runs.add(new Run(round, c, threads, Run.Kind.PHASES, phases(scale)));
          }
        }
      }
      runs.add(new Run(1, null, threads, Run.Kind.READ, Map.of(Run.READ, 20e9)));
    }
    var problems =
        Map.of(
            cases.get(2), "wrong ids at token 3",
            cases.get(6), "wrong ids at token 3");
    Map<Case, String> notes = Map.of(cases.get(3), "output not checked");
    return new Results(
        TASK,
        new int[] {7, 8},
        "golden data",
        3,
        List.of(1, 2),
        cases,
        runs,
        problems,
        notes,
        Map.of());
  }

  private static Map<String, Double> phases(double scale) {
    return Map.of(
        Run.GENERATE,
        0.5 * scale,
        Run.PREFILL,
        0.1 * scale,
        Run.DECODE,
        0.05 * scale,
        Run.WARM_DECODE,
        0.04 * scale,
        Run.LONG_DECODE,
        0.04 * scale,
        Run.prefill(512),
        2 * scale);
  }

  @BeforeAll
  static void write() throws Exception {
    var report = new SpeedReport(RESULTS, Map.of("date", "today"));
    console = report.console();
    report.write(folder);
    markdown = Files.readString(folder.resolve("speed.md"));
    csv = Files.readString(folder.resolve("speed.csv"));
    json = JSON.std.mapFrom(Files.readString(folder.resolve("speed.json")));
  }

  @Test
  void fastGptsTableHasEnginesDownAndCoresAcross() {
    assertThat(console)
        .contains(
            """
            Total run: the whole process as a user starts it, with loading, s

                                 1 core              2 cores
            core    1.000 (0.900-1.100)  0.500 (0.450-0.550)
            other   2.000 (1.800-2.200)  1.000 (0.900-1.100)
            wrong   wrong ids at token 3
            a, "b"  1.000 (0.900-1.100)  0.500 (0.450-0.550)
            """);
  }

  @Test
  void theSummaryHasAColumnForEachLength() {
    assertThat(markdown)
        .contains(
            "| | threads | generate 20 s | whole process s | 200 tokens tok/s | prefill 512 tok/s |"
                + " peak MB |",
            "| `core` | 1 | 0.500 (0.450-0.550) | 1.000 (0.900-1.100) | 25.0 (22.7-27.8) |"
                + " 256 (233-284) | not known |",
            "| `wrong` | 1 | wrong ids at token 3 | | | | |");
  }

  @Test
  void ratiosAreToCoreWithTheSameNumberOfThreads() {
    assertThat(lines(markdown, "| `other` | "))
        .contains("2.00x | - | 2.00x | 2.00x | 2.00x | 2.00x");
    assertThat(RESULTS.ratioToCore(new Case(OTHER, 2, true), Run.WHOLE).orElseThrow())
        .isCloseTo(2, within(1e-12));
  }

  /** 124,439,808 parameters less wpe, 4 bytes each, in 40 ms, of 20 GB/s. */
  @Test
  void theShareOfTheStreamingReadCountsAllWeightsButWpe() {
    assertThat(TASK.weightBytesPerStep()).isEqualTo(494_613_504L);
    assertThat(RESULTS.shareOfRead(new Case(CORE, 1, true)).orElseThrow())
        .isCloseTo(0.4946 / 0.04 / 20, within(1e-4));
    assertThat(console).contains("62%");
  }

  @Test
  void whoIsWrongHasNoFigureAnywhere() {
    assertThat(lines(csv, "wrong,"))
        .isEqualTo("wrong,1,yes,,,,,,wrong ids at token 3\nwrong,2,yes,,,,,,wrong ids at token 3");
    assertThat(json.get("runs").toString()).doesNotContain("wrong");
  }

  @Test
  void csvAndMarkdownAreTheMediansOfTheRunsInJson() {
    double[] whole =
        ((List<?>) json.get("runs"))
            .stream()
                .map(run -> (Map<?, ?>) run)
                .filter(run -> "other".equals(run.get("engine")) && run.containsKey(Run.WHOLE))
                .filter(run -> ((Number) run.get("threads")).intValue() == 2)
                .mapToDouble(run -> ((Number) run.get(Run.WHOLE)).doubleValue())
                .toArray();
    Figure figure = Figure.of(whole);
    assertThat(lines(csv, "other,2,yes,whole_s,"))
        .isEqualTo(
            "other,2,yes,whole_s,%s,%s,%s,3,"
                .formatted(figure.median(), figure.min(), figure.max()));
    assertThat(lines(markdown, "| `other` | ")).contains(" | " + figure.show(3) + " |");
  }

  @Test
  void csvQuotesNames() {
    assertThat(csv).contains("\"a, \"\"b\"\"\",1,,whole_s,", ",output not checked\r\n");
  }

  @Test
  void thePlotIsXmlWithABarForEveryoneThatIsRight() throws Exception {
    String svg = Files.readString(folder.resolve("speed.svg"));
    var document =
        DocumentBuilderFactory.newInstance()
            .newDocumentBuilder()
            .parse(new ByteArrayInputStream(svg.getBytes(StandardCharsets.UTF_8)));
    assertThat(document.getDocumentElement().getNodeName()).isEqualTo("svg");
    assertThat(svg)
        .contains(">core<", ">other<", ">1 thread<", "prefers-color-scheme: dark")
        .doesNotContain(">wrong<", "rgb(1,");
    assertThat(Stream.of(svg.split(">2 threads<", -1))).hasSize(2); // one legend
  }

  @Test
  void writesNothingHalf() throws Exception {
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files.map(f -> f.getFileName().toString()))
          .containsExactlyInAnyOrder("speed.md", "speed.csv", "speed.json", "speed.svg");
    }
  }

  /** A program's last words are shown, and mean nothing in Markdown. */
  @Test
  void foreignTextIsNoMarkup() {
    var table = new Table("t", List.of("", "a", "b"), List.of(List.of("x|", "no <b> @all")));
    assertThat(table.markdown()).contains("| `x\\|` | `no <b> @all` | |");
  }

  private static String lines(String text, String start) {
    return String.join("\n", text.lines().filter(line -> line.startsWith(start)).toList());
  }
}
