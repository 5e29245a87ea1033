package org.fastgpt.conformance.speed;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.Collectors;
import org.fastgpt.conformance.report.BarChart;
import org.fastgpt.conformance.report.Report;
import org.fastgpt.conformance.report.Text;

/** Shows the results: tables for a terminal; speed.md, speed.json, speed.csv and speed.svg. */
public final class SpeedReport {
  private final Results results;
  private final Task task;
  private final Map<String, String> environment;

  /**
   * A report.
   *
   * @param environment on what, when and by which command it was measured
   */
  public SpeedReport(Results results, Map<String, String> environment) {
    this.results = results;
    this.task = results.task();
    this.environment = environment;
  }

  /** The tables, aligned by blanks. */
  public String console() {
    return headline()
        + "\n\n"
        + Tables.of(results).stream().map(Table::text).collect(Collectors.joining("\n"));
  }

  private String headline() {
    return "%s, prompt of %d tokens, %d new ones; ids by %s; %s in turn, median (min-max)"
        .formatted(
            task.modelName(),
            task.prompt().length,
            task.tokens(),
            results.idsBy(),
            results.rounds() == 1 ? "1 round" : results.rounds() + " rounds");
  }

  /** Writes all four files, or none. */
  public void write(Path folder) {
    var contents = new LinkedHashMap<String, String>();
    contents.put("speed.md", markdown());
    contents.put("speed.csv", csv());
    contents.put("speed.svg", svg());
    try {
      contents.put("speed.json", json());
      Files.createDirectories(folder);
      Report.writeAll(contents, folder);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write the results to " + folder, e);
    }
  }

  private String markdown() {
    var out = new StringBuilder("# Speed: " + Text.visible(task.modelName(), " ") + "\n\n");
    out.append(Text.visible(headline(), " ")).append(".\n\n![](speed.svg)\n\n");
    Tables.of(results).forEach(table -> out.append(table.markdown()).append('\n'));
    out.append("## Measured on\n\n| | |\n|---|---|\n");
    environment.forEach(
        (name, value) -> out.append("| " + Text.cell(name) + " | " + Text.cell(value) + " |\n"));
    return out.toString();
  }

  /** A line for each figure, in the unit in which it was measured; one for a case without any. */
  private String csv() {
    var out = new StringBuilder("engine,threads,cache,figure,median,min,max,runs,note\r\n");
    for (int n : results.threads()) {
      results.read(n).ifPresent(f -> out.append(csv("streaming read", n, "", Run.READ, f, "")));
    }
    for (Case c : results.cases()) {
      String cache = c.entrant().isProgram() ? "" : c.cached() ? "yes" : "no";
      String problem = results.problems().get(c);
      if (problem != null) {
        out.append(line(c.entrant().name(), c.threads(), cache, "", "", "", "", "", problem));
      }
      String note = results.notes().getOrDefault(c, "");
      for (String name : figures(c)) {
        Figure figure = results.figure(c, name).orElseThrow();
        out.append(csv(c.entrant().name(), c.threads(), cache, name, figure, note));
      }
    }
    return out.toString();
  }

  private static String csv(String who, int n, String cache, String name, Figure f, String note) {
    return line(who, n, cache, name, f.median(), f.min(), f.max(), f.runs(), note);
  }

  private static String line(Object... cells) {
    var line = new ArrayList<String>();
    for (Object cell : cells) {
      String text = String.valueOf(cell);
      line.add(text.matches("[^\",\\r\\n]*") ? text : "\"" + text.replace("\"", "\"\"") + "\"");
    }
    return String.join(",", line) + "\r\n";
  }

  private Set<String> figures(Case c) {
    return results.runs().stream()
        .filter(run -> c.equals(run.of()))
        .flatMap(run -> run.values().keySet().stream())
        .collect(Collectors.toCollection(TreeSet::new));
  }

  private String json() throws IOException {
    var root = new LinkedHashMap<String, Object>();
    root.put("environment", environment);
    root.put("model", task.modelName());
    task.text().ifPresent(text -> root.put("prompt", text));
    root.put("prompt_ids", task.prompt());
    root.put("new_ids", results.ids());
    root.put("ids_by", results.idsBy());
    root.put("long_tokens", task.longTokens());
    root.put("prompt_lengths", task.prefillLengths());
    root.put("weight_bytes_per_step", task.weightBytesPerStep());
    root.put("rounds", results.rounds());
    root.put("cases", results.cases().stream().map(this::json).toList());
    root.put("runs", results.runs().stream().map(SpeedReport::json).toList());
    return JSON.std
            .with(JSON.Feature.PRETTY_PRINT_OUTPUT, JSON.Feature.WRITE_NULL_PROPERTIES)
            .asString(root)
        + "\n";
  }

  private Map<String, Object> json(Case c) {
    var object = new LinkedHashMap<String, Object>();
    object.put("engine", c.entrant().name());
    object.put("threads", c.threads());
    object.put("cached", c.cached());
    object.put("whole_process", results.commands().get(c));
    Optional.ofNullable(results.problems().get(c)).ifPresent(p -> object.put("problem", p));
    Optional.ofNullable(results.notes().get(c)).ifPresent(note -> object.put("note", note));
    results.shareOfRead(c).ifPresent(share -> object.put("share_of_streaming_read", share));
    return object;
  }

  private static Map<String, Object> json(Run run) {
    var object = new LinkedHashMap<String, Object>();
    object.put("round", run.round());
    object.put("engine", run.of() == null ? "streaming read" : run.of().entrant().name());
    object.put("threads", run.threads());
    if (run.of() != null) {
      object.put("cached", run.of().cached());
    }
    object.put("process", run.kind().name().toLowerCase(Locale.ROOT));
    object.putAll(run.values());
    return object;
  }

  /** Of those that have a time. */
  private String svg() {
    var panels = new ArrayList<BarChart.Panel>();
    panels.add(panel("whole process, s", Run.WHOLE, x -> x));
    if (results.cases().stream().anyMatch(c -> results.figure(c, Run.GENERATE).isPresent())) {
      panels.add(panel("first prefill, tokens/s", Run.PREFILL, s -> task.prompt().length / s));
      panels.add(panel("first decode, tokens/s", Run.DECODE, s -> 1 / s));
    }
    return BarChart.svg(
        "Speed of engines on " + task.modelName() + ": medians, and every run as a dot", panels);
  }

  private BarChart.Panel panel(String title, String name, DoubleUnaryOperator unit) {
    var panel = new BarChart.Panel(title);
    for (Case c : results.cases()) {
      if (!results.problems().containsKey(c)) {
        List<Double> values =
            results.runs().stream()
                .filter(run -> c.equals(run.of()) && run.values().containsKey(name))
                .map(run -> unit.applyAsDouble(run.values().get(name)))
                .toList();
        double median = results.figure(c, name).map(f -> f.map(unit).median()).orElse(0.0);
        panel.put(c.name(), Case.threads(c.threads()), median, values);
      }
    }
    return panel;
  }
}
