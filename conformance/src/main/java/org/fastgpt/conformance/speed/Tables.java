package org.fastgpt.conformance.speed;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;

/** The results as tables. A case that is wrong, or did not run, has its reason and no figure. */
final class Tables {
  private static final String NOT_KNOWN = "not known";
  private static final String NONE = "-";

  private final Results results;
  private final Task task;

  private Tables(Results results) {
    this.results = results;
    this.task = results.task();
  }

  static List<Table> of(Results results) {
    var tables = new Tables(results);
    var all = new ArrayList<Table>();
    if (results.cases().stream().anyMatch(c -> !c.entrant().isProgram())) {
      all.add(tables.generation());
    }
    all.add(tables.wholeProcess());
    if (results.cases().stream().anyMatch(c -> !c.entrant().isProgram())) {
      all.add(tables.firstOfAProcess());
      all.add(tables.warm());
      all.add(tables.summary());
      all.add(tables.ratios());
    }
    return all;
  }

  /** A column: its name, and what a case has in it. */
  private record Column(String name, Function<Case, String> cell) {}

  /** As in fastGPT's README: engines down, cores across, with a cache and then without. */
  private Table generation() {
    return byCores(
        "Generating %d tokens after %d, first run of a process, without loading, s"
            .formatted(task.tokens(), task.prompt().length),
        c -> !c.entrant().isProgram(),
        Run.GENERATE);
  }

  private Table wholeProcess() {
    return byCores(
        "Total run: the whole process as a user starts it, with loading, s", _ -> true, Run.WHOLE);
  }

  private Table byCores(String title, Predicate<Case> which, String figure) {
    var header = new ArrayList<>(List.of(""));
    results.threads().forEach(n -> header.add(n + (n == 1 ? " core" : " cores")));
    var names = new LinkedHashSet<String>();
    results.cases().stream().filter(which).forEach(c -> names.add(c.name()));
    var rows = new ArrayList<List<String>>();
    for (String name : names) {
      var row = new ArrayList<>(List.of(name));
      for (Case c : results.cases()) {
        if (c.name().equals(name)) {
          row.add(Optional.ofNullable(results.problems().get(c)).orElse(show(c, figure, 1, 3)));
        }
      }
      // The same reason for any number of threads is given once.
      boolean once = row.size() > 2 && row.stream().skip(1).distinct().count() == 1;
      rows.add(once && !row.get(1).equals(NONE) ? List.of(name, row.get(1)) : row);
    }
    return new Table(title, header, rows);
  }

  private Table firstOfAProcess() {
    int n = task.prompt().length;
    return byCase(
        "First generation of a process",
        List.of(
            new Column("open s", c -> show(c, Run.OPEN, 1, 3)),
            new Column("to first token s", c -> show(c, Run.FIRST_TOKEN, 1, 3)),
            new Column("prefill s", c -> show(c, Run.PREFILL, 1, 3)),
            new Column("tok/s", c -> medianRate(c, Run.PREFILL, n)),
            new Column("decode ms/token", c -> show(c, Run.DECODE, 1e3, 2)),
            new Column("tok/s", c -> medianRate(c, Run.DECODE, 1)),
            new Column("peak MB", this::peak),
            new Column("note", c -> results.notes().getOrDefault(c, ""))));
  }

  private Table warm() {
    int n = task.prompt().length;
    return byCase(
        "Warm: median of several generations later in the process; a decode step reads "
            + megabytes(task.weightBytesPerStep())
            + " of weights",
        c -> !c.entrant().isProgram() && c.cached(),
        List.of(
            new Column("generate s", c -> show(c, Run.WARM_GENERATE, 1, 3)),
            new Column("prefill s", c -> show(c, Run.WARM_PREFILL, 1, 3)),
            new Column("tok/s", c -> medianRate(c, Run.WARM_PREFILL, n)),
            new Column("decode ms/token", c -> show(c, Run.WARM_DECODE, 1e3, 2)),
            new Column("tok/s", c -> medianRate(c, Run.WARM_DECODE, 1)),
            new Column(
                "streaming read GB/s",
                c -> results.read(c.threads()).map(f -> f.map(b -> b / 1e9).show(1)).orElse(NONE)),
            new Column(
                "decode's share of it",
                c -> results.shareOfRead(c).map(Tables::percent).orElse(NONE))));
  }

  private static String percent(double share) {
    return Math.round(100 * share) + "%";
  }

  private Table summary() {
    var columns = new ArrayList<Column>();
    columns.add(new Column("generate " + task.tokens() + " s", c -> show(c, Run.GENERATE, 1, 3)));
    columns.add(new Column("whole process s", c -> show(c, Run.WHOLE, 1, 3)));
    if (task.longTokens() > 0) {
      String name = task.longTokens() + " tokens tok/s";
      columns.add(new Column(name, c -> rate(c, Run.LONG_DECODE, 1)));
    }
    for (int length : task.prefillLengths()) {
      String name = "prefill " + length + " tok/s";
      columns.add(new Column(name, c -> rate(c, Run.prefill(length), length)));
    }
    columns.add(new Column("peak MB", this::peak));
    return byCase("Summary", _ -> true, columns);
  }

  private Table ratios() {
    return byCase(
        "As a multiple of core's (above 1x: takes longer, or more)",
        List.of(
            ratio("whole process", Run.WHOLE),
            ratio("to first token", Run.FIRST_TOKEN),
            ratio("generate", Run.GENERATE),
            ratio("prefill", Run.PREFILL),
            ratio("decode", Run.DECODE),
            ratio("warm decode", Run.WARM_DECODE),
            ratio("memory", Run.PEAK)));
  }

  private Column ratio(String name, String figure) {
    return new Column(
        name,
        c ->
            results
                .ratioToCore(c, figure)
                .map(ratio -> String.format(Locale.ROOT, "%.2fx", ratio))
                .orElse(NONE));
  }

  private Table byCase(String title, List<Column> columns) {
    return byCase(title, c -> !c.entrant().isProgram(), columns);
  }

  private Table byCase(String title, Predicate<Case> which, List<Column> columns) {
    var header = new ArrayList<>(List.of("", "threads"));
    columns.forEach(column -> header.add(column.name));
    var rows = new ArrayList<List<String>>();
    for (Case c : results.cases()) {
      if (which.test(c)) {
        var row = new ArrayList<>(List.of(c.name(), Integer.toString(c.threads())));
        if (results.problems().containsKey(c)) {
          row.add(results.problems().get(c));
        } else {
          columns.forEach(column -> row.add(column.cell.apply(c)));
        }
        rows.add(row);
      }
    }
    return new Table(title, header, rows);
  }

  private String show(Case c, String figure, double unit, int decimals) {
    return results.figure(c, figure).map(f -> f.map(x -> x * unit).show(decimals)).orElse(NONE);
  }

  /** Tokens per second, of a time for {@code tokens} of them. */
  private String rate(Case c, String figure, int tokens) {
    return results
        .figure(c, figure)
        .map(f -> f.map(s -> tokens / s))
        .map(Tables::rate)
        .orElse(NONE);
  }

  /** The same beside the time itself, which shows the spread. */
  private String medianRate(Case c, String figure, int tokens) {
    return results.figure(c, figure).map(f -> rate(Figure.of(tokens / f.median()))).orElse(NONE);
  }

  private static String rate(Figure perSecond) {
    return perSecond.show(perSecond.median() < 100 ? 1 : 0);
  }

  private String peak(Case c) {
    return results.figure(c, Run.PEAK).map(f -> f.map(b -> b / 1e6).show(0)).orElse(NOT_KNOWN);
  }

  private static String megabytes(long bytes) {
    return String.format(Locale.ROOT, "%.1f MB", bytes / 1e6);
  }
}
