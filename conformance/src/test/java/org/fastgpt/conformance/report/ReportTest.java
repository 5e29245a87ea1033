package org.fastgpt.conformance.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.jr.ob.JSON;
import java.awt.GraphicsEnvironment;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.fastgpt.conformance.Findings;
import org.fastgpt.conformance.Findings.Mutant;
import org.fastgpt.conformance.Rule;
import org.fastgpt.conformance.Verdict;
import org.fastgpt.conformance.Verdict.Outcome;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ReportTest {
  /** Stays after the test, to be looked at in a browser. */
  private static final Path PREVIEW = Path.of("target", "report-preview");

  private static final Findings FINDINGS = Examples.findings();
  private static String page;
  private static String markdown;
  private static String json;

  @BeforeAll
  static void write() throws IOException {
    Report.write(FINDINGS, PREVIEW);
    page = Files.readString(PREVIEW.resolve("index.html"));
    markdown = Files.readString(PREVIEW.resolve("report.md"));
    json = Files.readString(PREVIEW.resolve("report.json"));
  }

  @ParameterizedTest
  @EnumSource
  void showsEveryOutcomeInAllThree(Outcome outcome) {
    assertThat(page)
        .contains(Text.symbol(outcome) + (outcome == Outcome.TIE ? "2" : "") + "<span class=sr>");
    assertThat(markdown).contains(Text.symbol(outcome) + " " + Text.words(outcome));
    assertThat(json).contains("\"outcome\" : \"" + outcome + "\"");
    assertThat(Report.console(FINDINGS)).contains(Text.letter(outcome) + " " + Text.words(outcome));
  }

  @Test
  void escapesForeignText() {
    assertThat(page)
        .doesNotContain("<script", "<b>everybody", "<python>", "\u202E", "\u0007")
        .contains(
            "&lt;script&gt;alert(&#39;x&#39;)",
            "{{matrix}}",
            "⟨U+202E⟩back",
            "⟨U+D800⟩",
            "␇",
            "␉tab",
            "👩‍💻");
  }

  @Test
  void aCodeSpanOfMarkdownHoldsAnything() {
    assertThat(Text.code("a|b\n`c`")).isEqualTo("`` a|b↵ `c` ``");
    assertThat(Text.cell("a|b")).isEqualTo("`a\\|b`");
    assertThat(Text.code("``")).isEqualTo("``` `` ```");
    assertThat(Text.code("")).isEmpty();
    assertThat(markdown).doesNotContain("\u202E", "\u0007");
  }

  @Test
  void thePageNeedsNothingElse() {
    assertThat(page).doesNotContain("http:", "https:", "@import", "src=", "url(//", "<script");
    assertThat(page).doesNotContainPattern("href=\"[^#]");
  }

  private static boolean canDrawText() {
    try {
      return GraphicsEnvironment.getLocalGraphicsEnvironment().getAllFonts().length > 0;
    } catch (RuntimeException | LinkageError | InternalError e) {
      return false; // as AWT fails without fontconfig
    }
  }

  @Test
  void everyChartIsInThePagesColoursWithIdsOfItsOwn() {
    assumeTrue(
        canDrawText(),
        "this JDK finds no fonts, so that the page has no charts: install fontconfig and a font");
    assertThat(page).contains("<svg").doesNotContain("rgb(", "No chart");
    List<String> ids =
        Pattern.compile("\\bid=\"([^\"]+)\"").matcher(page).results().map(m -> m.group(1)).toList();
    assertThat(ids).doesNotHaveDuplicates();
  }

  @Test
  void faultsCarryTheirDetailAndDivergence() {
    for (String report : List.of(page, markdown)) {
      assertThat(report)
          .contains("logit -31.25 found, -33.5 expected", "h.3.attn.softmax at position 3");
    }
  }

  @Test
  void aBrokenEngineThatNoRuleCaughtIsShownLoudly() {
    assertThat(page).contains("NOT CAUGHT", "that no rule caught");
    assertThat(markdown).contains("**NOT CAUGHT**");
    assertThat(Report.console(FINDINGS)).contains("NOT CAUGHT by any rule: eps");
  }

  @Test
  void jsonHoldsEveryVerdict() throws IOException {
    Map<String, Object> root = JSON.std.mapFrom(json);
    assertThat(root)
        .containsOnlyKeys(
            "headline", "counts", "environment", "rules", "verdicts", "evidence", "mutants");
    var verdicts = (List<?>) root.get("verdicts");
    assertThat(verdicts).hasSameSizeAs(FINDINGS.verdicts());
    for (int i = 0; i < verdicts.size(); i++) {
      Verdict v = FINDINGS.verdicts().get(i);
      var map = (Map<?, ?>) verdicts.get(i);
      assertThat(map.keySet()).as("keys, also of what was not measured").hasSize(8);
      assertThat(map.get("rule")).isEqualTo(v.rule().name());
      assertThat(map.get("engine")).isEqualTo(v.engine());
      assertThat(map.get("model")).isEqualTo(v.model());
      assertThat(map.get("outcome")).isEqualTo(v.outcome().name());
      assertThat(map.get("measured")).isEqualTo(Double.isNaN(v.measured()) ? null : v.measured());
      assertThat(map.get("ties")).isEqualTo(v.ties());
    }
    assertThat((List<?>) root.get("evidence")).hasSameSizeAs(FINDINGS.evidence());
  }

  @Test
  void theConsoleFitsATerminal() {
    String console = Report.console(FINDINGS);
    assertThat(console.lines()).hasSizeBetween(12, 21);
    assertThat(console.lines()).allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(100));
    assertThat(console.lines().filter(l -> l.startsWith("djl trace")).findFirst().orElseThrow())
        .as("ties of one model of four")
        .endsWith("p  p  p  p  p  p  p  p  p  t  p  p  p  -  p  p  p");
  }

  @Test
  void theWorstOutcomeOfAnyModelWinsAndNothingUnseenPasses() {
    var overview = new Overview(of(Outcome.PASS, Outcome.FAULT, Outcome.TIE));
    assertThat(overview.worst("e", Rule.C01).orElseThrow().outcome()).isEqualTo(Outcome.FAULT);
    var unseen = new Overview(of(Outcome.PASS, Outcome.NOT_OBSERVED));
    assertThat(unseen.worst("e", Rule.C01).orElseThrow().outcome()).isEqualTo(Outcome.NOT_OBSERVED);
    assertThat(unseen.worst("e", Rule.C02)).isEmpty();
  }

  private static Findings of(Outcome... outcomes) {
    var verdicts = new ArrayList<Verdict>();
    for (Outcome o : outcomes) {
      verdicts.add(
          new Verdict(Rule.C01, "e", "m" + verdicts.size(), o, Double.NaN, Double.NaN, 0, ""));
    }
    return new Findings(verdicts, List.of(), List.of(), Map.of());
  }

  @Test
  void writesEmptyFindingsAndDoesNotCallThemGood(@TempDir Path folder) throws IOException {
    Report.write(new Findings(List.of(), List.of(), List.of(), Map.of()), folder);
    assertThat(Files.readString(folder.resolve("index.html")))
        .contains("Nothing was checked", "<header class=\"bad\">");
  }

  @Test
  void anEarlierReportStaysWholeIfWritingFails(@TempDir Path folder) throws IOException {
    // A folder in the page's place: no file can take its name.
    Files.createDirectories(folder.resolve("index.html/full"));
    Files.writeString(folder.resolve("report.md"), "earlier");
    assertThatThrownBy(() -> Report.write(FINDINGS, folder))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining(folder.toString());
    assertThat(folder.resolve("report.md")).hasContent("earlier");

    var bad =
        new Findings(FINDINGS.verdicts(), List.of(), List.of(new Mutant("", "", null)), Map.of());
    assertThatThrownBy(() -> Report.write(bad, folder)).isInstanceOf(NullPointerException.class);
    assertThat(folder.resolve("report.md")).hasContent("earlier");
    try (var files = Files.list(folder)) {
      assertThat(files).hasSize(2);
    }
  }

  @Test
  void numbersAreShort() {
    assertThat(Text.number(1.234e-6)).isEqualTo("1.2e-6");
    assertThat(Text.number(0.12345)).isEqualTo("0.123");
    assertThat(Text.number(0)).isEqualTo("0");
    assertThat(Text.number(3e20)).isEqualTo("3.0e20");
    assertThat(Text.number(Double.NaN)).isEqualTo("–");
    assertThat(Text.number(Double.POSITIVE_INFINITY)).isEqualTo("∞");
  }
}
