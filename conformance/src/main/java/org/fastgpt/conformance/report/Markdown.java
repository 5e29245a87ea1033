package org.fastgpt.conformance.report;

import static org.fastgpt.conformance.report.Text.cell;
import static org.fastgpt.conformance.report.Text.code;

import java.util.Optional;
import java.util.stream.Collectors;
import org.fastgpt.conformance.Evidence;
import org.fastgpt.conformance.Findings.Mutant;
import org.fastgpt.conformance.GreedyRun;
import org.fastgpt.conformance.Rule;
import org.fastgpt.conformance.Verdict;
import org.fastgpt.conformance.Verdict.Outcome;

/** The report as a comment on a pull request: what went wrong first, the bulk folded away. */
final class Markdown {
  private final Overview overview;
  private final StringBuilder out = new StringBuilder();

  private Markdown(Overview overview) {
    this.overview = overview;
  }

  static String of(Overview overview) {
    var page = new Markdown(overview);
    page.line("# Conformance: " + overview.headline());
    page.line("");
    page.line(overview.size() + ": " + overview.counts() + ".");
    page.faults();
    page.matrices();
    page.ties();
    page.greedy();
    page.measured();
    page.errors();
    page.mutants();
    page.environment();
    return page.out.toString();
  }

  private void faults() {
    if (overview.all(Outcome.FAULT).isEmpty()) {
      return;
    }
    line("\n## Faults\n");
    for (Verdict v : overview.all(Outcome.FAULT)) {
      line(
          "- **%s** %s on %s: %s".formatted(v.rule(), code(v.engine()), code(v.model()), facts(v)));
      overview
          .evidence(v.engine(), v.model())
          .flatMap(Evidence::divergence)
          .ifPresent(d -> line("  - " + code(d.toString())));
    }
  }

  private static String facts(Verdict v) {
    String measured = Text.measured(v);
    return code(v.detail()) + (measured.isEmpty() ? "" : " (" + measured + ")");
  }

  private void matrices() {
    for (String model : overview.models) {
      line("\n## " + code(model) + "\n");
      var head = new StringBuilder("| engine |");
      for (Rule rule : Rule.values()) {
        head.append(' ').append(rule).append(" |");
      }
      line(head.toString());
      line("|---|" + ":-:|".repeat(Rule.values().length));
      for (String engine : overview.engines) {
        var row = new StringBuilder("| " + cell(engine) + " |");
        for (Rule rule : Rule.values()) {
          row.append(' ').append(mark(overview.verdict(engine, model, rule))).append(" |");
        }
        line(row.toString());
      }
    }
    line("");
    var legend = new StringBuilder();
    for (Outcome outcome : Outcome.values()) {
      legend.append(Text.symbol(outcome)).append(' ').append(Text.words(outcome)).append(" · ");
    }
    line(legend + "blank: no verdict");
  }

  private static String mark(Optional<Verdict> verdict) {
    return verdict
        .map(
            v -> {
              String ties = v.ties() > 0 ? Integer.toString(v.ties()) : "";
              String text = Text.symbol(v.outcome()) + ties;
              return v.outcome() == Outcome.FAULT ? "**" + text + "**" : text;
            })
        .orElse("");
  }

  private void ties() {
    if (overview.all(Outcome.TIE).isEmpty()) {
      return;
    }
    line("\n## Numerical ties\n");
    for (Verdict v : overview.all(Outcome.TIE)) {
      line(
          "- %s %s on %s, %s: %s"
              .formatted(
                  v.rule(),
                  code(v.engine()),
                  code(v.model()),
                  Text.count(v.ties(), "tie"),
                  facts(v)));
    }
  }

  private void greedy() {
    if (overview.prompts().isEmpty()) {
      return;
    }
    open("Greedy texts");
    for (Overview.Prompt p : overview.prompts()) {
      line("- %s, prompt %s".formatted(code(p.model()), code(Text.ids(p.expected().prompt(), 12))));
      line("  - expected: " + code(text(p.expected(), true)));
      if (!p.same().isEmpty()) {
        line(
            "  - the same: " + p.same().stream().map(Text::code).collect(Collectors.joining(", ")));
      }
      for (String engine : p.splits()) {
        GreedyRun run = p.byEngine().get(engine);
        line(
            "  - %s splits at step %d (margin %s, error %s): %s"
                .formatted(
                    code(engine),
                    run.split(),
                    at(run.margins(), run.split()),
                    at(run.errors(), run.split()),
                    code(text(run, false))));
      }
    }
    close();
  }

  private static String text(GreedyRun run, boolean expected) {
    String text = expected ? run.expectedText() : run.actualText();
    return text == null ? Text.ids(expected ? run.expected() : run.actual(), 40) : text;
  }

  static String at(double[] values, int step) {
    return step < values.length ? Text.number(values[step]) : "–";
  }

  private void measured() {
    open("Measured beside bound");
    line("| rule | engine | model | outcome | measured | bound | detail |");
    line("|---|---|---|---|--:|--:|---|");
    for (Verdict v : overview.findings.verdicts()) {
      boolean ran = v.outcome() == Outcome.PASS && Text.measured(v).isEmpty();
      if (!ran) {
        line(
            "| %s | %s | %s | %s | %s | %s | %s |"
                .formatted(
                    v.rule(),
                    cell(v.engine()),
                    cell(v.model()),
                    Text.words(v.outcome()),
                    Text.number(v.measured()),
                    Text.number(v.bound()),
                    cell(v.detail())));
      }
    }
    close();
  }

  private void errors() {
    if (overview.findings.evidence().isEmpty()) {
      return;
    }
    open("Errors against double precision");
    line(
        "| engine | model | logits | half, ulp | largest, ulp | error of the last block | bound |");
    line("|---|---|--:|--:|--:|--:|--:|");
    for (Evidence e : overview.findings.evidence()) {
      String last = "";
      for (String name : e.errorByActivation().keySet()) {
        last = name.matches("h\\.\\d+") ? name : last;
      }
      line(
          "| %s | %s | %s | %s | %s | %s | %s |"
              .formatted(
                  cell(e.engine()),
                  cell(e.model()),
                  Page.logits(e),
                  Page.within(e, 0.5),
                  Page.within(e, 1),
                  Text.number(e.errorByActivation().getOrDefault(last, Double.NaN)),
                  Text.number(e.boundByActivation().getOrDefault(last, Double.NaN))));
    }
    close();
  }

  private void mutants() {
    if (overview.findings.mutants().isEmpty()) {
      return;
    }
    line("\n## Broken engines\n");
    line("| engine | broken in it | caught by |");
    line("|---|---|---|");
    for (Mutant m : overview.findings.mutants()) {
      String rules = m.caughtBy().stream().map(Rule::name).collect(Collectors.joining(", "));
      line(
          "| %s | %s | %s |"
              .formatted(
                  cell(m.name()), cell(m.what()), rules.isEmpty() ? "**NOT CAUGHT**" : rules));
    }
  }

  private void environment() {
    open("Environment");
    line("| | |");
    line("|---|---|");
    overview
        .findings
        .environment()
        .forEach((name, value) -> line("| " + cell(name) + " | " + cell(value) + " |"));
    close();
  }

  private void open(String title) {
    line("\n<details><summary>" + title + "</summary>\n");
  }

  private void close() {
    line("\n</details>");
  }

  private void line(String text) {
    out.append(text).append('\n');
  }
}
