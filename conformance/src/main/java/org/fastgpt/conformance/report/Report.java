package org.fastgpt.conformance.report;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.fastgpt.conformance.Divergence;
import org.fastgpt.conformance.Evidence;
import org.fastgpt.conformance.Findings;
import org.fastgpt.conformance.GreedyRun;
import org.fastgpt.conformance.Rule;
import org.fastgpt.conformance.Verdict;
import org.fastgpt.conformance.Verdict.Outcome;

/** Shows what a run of the suite found: a page, Markdown, JSON, and a matrix for the terminal. */
public final class Report {
  private Report() {}

  private static final int WIDTH = 100;
  private static final int FAULT_LINES = 5;

  /** Writes index.html, report.md and report.json, or none of them. */
  public static void write(Findings findings, Path folder) {
    var overview = new Overview(findings);
    var contents = new LinkedHashMap<String, String>();
    contents.put("index.html", Page.of(overview));
    contents.put("report.md", Markdown.of(overview));
    try {
      contents.put("report.json", json(overview));
      Files.createDirectories(folder);
      writeAll(contents, folder);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write the report to " + folder, e);
    }
  }

  /**
   * Writes files to a folder that is there: all of them are complete on the disk before the first
   * takes its name; if that fails, what was there before stays.
   *
   * @param contents text by file name
   */
  public static void writeAll(Map<String, String> contents, Path folder) throws IOException {
    var parts = new LinkedHashMap<Path, Path>();
    try {
      for (var file : contents.entrySet()) {
        Path part = folder.resolve("." + file.getKey() + ".part");
        parts.put(part, folder.resolve(file.getKey()));
        // Not writeString, which refuses half a surrogate pair: a bad text must not cost a report.
        Files.write(part, file.getValue().getBytes(StandardCharsets.UTF_8));
      }
      for (var part : parts.entrySet()) {
        Files.move(part.getKey(), part.getValue(), StandardCopyOption.ATOMIC_MOVE);
      }
    } finally {
      for (Path part : parts.keySet()) {
        Files.deleteIfExists(part);
      }
    }
  }

  /** The matrix, engines x rules, of each the worst over the models; about 20 lines. */
  public static String console(Findings findings) {
    var overview = new Overview(findings);
    int columns = 3 * Rule.values().length;
    int longest = overview.engines.stream().mapToInt(String::length).max().orElse(0);
    int width = Math.min(longest, WIDTH - columns);
    var out = new StringBuilder();
    out.append(Text.cut(overview.headline() + ".", WIDTH)).append('\n');
    out.append(Text.cut(overview.size(), WIDTH)).append('\n');
    out.append(Text.cut(overview.counts(), WIDTH)).append('\n');
    out.append(" ".repeat(width));
    for (Rule rule : Rule.values()) {
      out.append(' ').append(rule.name(), 1, 3);
    }
    out.append('\n');
    for (String engine : overview.engines) {
      String name = Text.cut(engine, width);
      out.append(name).append(" ".repeat(width - name.length()));
      for (Rule rule : Rule.values()) {
        out.append("  ")
            .append(overview.worst(engine, rule).map(v -> Text.letter(v.outcome())).orElse(' '));
      }
      out.append('\n');
    }
    out.append(
        Stream.of(Outcome.values())
            .map(o -> Text.letter(o) + " " + Text.words(o))
            .collect(Collectors.joining(", ")));
    out.append("; the worst over the models\n");
    Stream.concat(
            overview.all(Outcome.FAULT).stream()
                .map(
                    v ->
                        "FAULT %s %s, %s: %s"
                            .formatted(v.rule(), v.engine(), v.model(), v.detail())),
            overview.uncaught().stream()
                .map(m -> "NOT CAUGHT by any rule: " + m.name() + ", " + m.what()))
        .limit(FAULT_LINES)
        .forEach(line -> out.append(Text.cut(line, WIDTH)).append('\n'));
    int more = overview.all(Outcome.FAULT).size() + overview.uncaught().size() - FAULT_LINES;
    return more > 0 ? out.append("and ").append(more).append(" more\n").toString() : out.toString();
  }

  private static String json(Overview overview) throws IOException {
    Findings f = overview.findings;
    var root = new LinkedHashMap<String, Object>();
    root.put("headline", overview.headline());
    root.put("counts", overview.size() + ": " + overview.counts());
    root.put("environment", f.environment());
    root.put("rules", Stream.of(Rule.values()).map(Report::rule).toList());
    root.put("verdicts", f.verdicts().stream().map(Report::verdict).toList());
    root.put("evidence", f.evidence().stream().map(Report::evidence).toList());
    root.put(
        "mutants",
        f.mutants().stream()
            .map(m -> map("name", m.name(), "what", m.what(), "caughtBy", names(m.caughtBy())))
            .toList());
    return JSON.std
            .with(JSON.Feature.PRETTY_PRINT_OUTPUT, JSON.Feature.WRITE_NULL_PROPERTIES)
            .asString(root)
        + "\n";
  }

  private static Map<String, Object> rule(Rule rule) {
    return map(
        "rule",
        rule.name(),
        "title",
        rule.title(),
        "promise",
        rule.promise().map(Enum::name).orElse(null));
  }

  private static Map<String, Object> verdict(Verdict v) {
    return map(
        "rule",
        v.rule().name(),
        "engine",
        v.engine(),
        "model",
        v.model(),
        "outcome",
        v.outcome().name(),
        "measured",
        finite(v.measured()),
        "bound",
        finite(v.bound()),
        "ties",
        v.ties(),
        "detail",
        v.detail());
  }

  private static Map<String, Object> evidence(Evidence e) {
    return map(
        "engine",
        e.engine(),
        "model",
        e.model(),
        "ulpHistogram",
        e.ulpHistogram(),
        "errorByActivation",
        finite(e.errorByActivation()),
        "boundByActivation",
        finite(e.boundByActivation()),
        "divergence",
        e.divergence().map(Report::divergence).orElse(null),
        "greedy",
        e.greedy().stream().map(Report::greedy).toList());
  }

  private static Map<String, Object> divergence(Divergence d) {
    return map(
        "activation",
        d.activation(),
        "position",
        d.position(),
        "errorIn",
        finite(d.errorIn()),
        "error",
        finite(d.error()),
        "bound",
        finite(d.bound()));
  }

  private static Map<String, Object> greedy(GreedyRun run) {
    return map(
        "prompt",
        run.prompt(),
        "expected",
        run.expected(),
        "actual",
        run.actual(),
        "split",
        run.split(),
        "margins",
        finite(run.margins()),
        "errors",
        finite(run.errors()),
        "expectedText",
        run.expectedText(),
        "actualText",
        run.actualText());
  }

  private static List<String> names(List<Rule> rules) {
    return rules.stream().map(Rule::name).toList();
  }

  /** JSON knows no NaN: null is "not measured", a string is infinite. */
  private static Object finite(double x) {
    return Double.isNaN(x) ? null : Double.isInfinite(x) ? Text.number(x) : (Object) x;
  }

  private static Object[] finite(double[] xs) {
    var out = new Object[xs.length];
    for (int i = 0; i < xs.length; i++) {
      out[i] = finite(xs[i]);
    }
    return out;
  }

  private static Map<String, Object> finite(Map<String, Double> xs) {
    var out = new LinkedHashMap<String, Object>();
    xs.forEach((name, x) -> out.put(name, finite(x.doubleValue())));
    return out;
  }

  /** Keys and values in turn, in that order. */
  private static Map<String, Object> map(Object... entries) {
    var out = new LinkedHashMap<String, Object>();
    for (int i = 0; i < entries.length; i += 2) {
      out.put((String) entries[i], entries[i + 1]);
    }
    return out;
  }
}
