package org.fastgpt.conformance.report;

import static org.fastgpt.conformance.report.Text.html;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.fastgpt.conformance.Evidence;
import org.fastgpt.conformance.Findings.Mutant;
import org.fastgpt.conformance.Rule;
import org.fastgpt.conformance.Verdict;
import org.fastgpt.conformance.Verdict.Outcome;

/** The report as one page that needs nothing else. Its frame and style are in page.html. */
final class Page {
  private static final Pattern SLOT = Pattern.compile("\\{\\{(\\w+)}}");

  private final Overview overview;
  private final Charts charts = new Charts();

  private Page(Overview overview) {
    this.overview = overview;
  }

  static String of(Overview overview) {
    var page = new Page(overview);
    boolean bad =
        !overview.all(Outcome.FAULT).isEmpty()
            || !overview.uncaught().isEmpty()
            || overview.findings.verdicts().isEmpty();
    var slots =
        Map.of(
            "state", bad ? "bad" : "good",
            "headline", html(overview.headline()),
            "counts", html(overview.size() + ": " + overview.counts()),
            "matrix", page.matrix(),
            "faults", page.faults(),
            "greedy", new GreedyTexts(overview).html(),
            "errors", page.errors(),
            "measured", page.measured(),
            "mutants", page.mutants(),
            "environment", page.environment());
    // One pass: what is filled in is never searched for slots.
    return SLOT.matcher(template())
        .replaceAll(slot -> Matcher.quoteReplacement(slots.get(slot.group(1))));
  }

  private static String template() {
    try (InputStream in = Page.class.getResourceAsStream("page.html")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private String matrix() {
    var out = new StringBuilder("<ul class=legend>");
    for (Outcome o : Outcome.values()) {
      out.append("<li>%s %s</li>".formatted(badge(o, 0), Text.words(o)));
    }
    out.append("<li>blank: no verdict</li></ul>");
    for (String model : overview.models) {
      out.append(
          "<h3>%s</h3><div class=scroll tabindex=0><table class=matrix>".formatted(html(model)));
      out.append("<thead><tr><th scope=col>engine</th>");
      for (Rule rule : Rule.values()) {
        out.append("<th scope=col title=\"%s\">%s</th>".formatted(html(rule.title()), rule.name()));
      }
      out.append("</tr></thead><tbody>");
      for (String engine : overview.engines) {
        out.append("<tr><th scope=row>%s</th>".formatted(html(engine)));
        for (Rule rule : Rule.values()) {
          out.append(
              overview
                  .verdict(engine, model, rule)
                  .map(v -> "<td>" + badge(v) + "</td>")
                  .orElse("<td title=\"no verdict\"></td>"));
        }
        out.append("</tr>");
      }
      out.append("</tbody></table></div>");
    }
    out.append("<details><summary>What the rules say</summary><dl class=rules>");
    for (Rule rule : Rule.values()) {
      String only = rule.promise().map(p -> " (binds engines that promise " + p + ")").orElse("");
      out.append("<dt>%s</dt><dd>%s</dd>".formatted(rule.name(), html(rule.title() + only)));
    }
    return out.append("</dl></details>").append(reasons()).toString();
  }

  private static String badge(Verdict v) {
    String measured = Text.measured(v);
    String title =
        "%s %s: %s".formatted(v.rule(), v.rule().title(), Text.words(v.outcome()))
            + (v.ties() > 0 ? "; " + Text.count(v.ties(), "tie") : "")
            + (v.detail().isEmpty() ? "" : "; " + v.detail())
            + (measured.isEmpty() ? "" : "; " + measured);
    return badge(v.outcome(), v.ties(), " title=\"" + html(title) + "\"");
  }

  private static String badge(Outcome outcome, int ties) {
    return badge(outcome, ties, "");
  }

  private static String badge(Outcome outcome, int ties, String title) {
    return "<span class=\"badge %s\"%s>%s%s<span class=sr> %s</span></span>"
        .formatted(
            outcome.name().toLowerCase(Locale.ROOT).replace('_', '-'),
            title,
            Text.symbol(outcome),
            ties > 0 ? Integer.toString(ties) : "",
            Text.words(outcome));
  }

  /** Why rules gave neither pass nor fault, and what the ties were. */
  private String reasons() {
    record Reason(Outcome outcome, Rule rule, String detail) {}
    var reasons = new LinkedHashMap<Reason, TreeSet<String>>();
    for (Verdict v : overview.findings.verdicts()) {
      if (v.outcome() != Outcome.PASS && v.outcome() != Outcome.FAULT) {
        reasons
            .computeIfAbsent(new Reason(v.outcome(), v.rule(), v.detail()), r -> new TreeSet<>())
            .add(v.engine() + " on " + v.model());
      }
    }
    if (reasons.isEmpty()) {
      return "";
    }
    var out =
        new StringBuilder(
            "<details><summary>Neither pass nor fault, and why</summary>"
                + "<div class=scroll tabindex=0><table><thead><tr><th>outcome<th>rule<th>why<th>of"
                + "</tr></thead><tbody>");
    reasons.forEach(
        (reason, of) ->
            out.append(
                "<tr><td>%s&nbsp;%s<td>%s<td>%s<td>%s</tr>"
                    .formatted(
                        badge(reason.outcome(), 0),
                        Text.words(reason.outcome()),
                        reason.rule(),
                        html(reason.detail()),
                        html(String.join(", ", of)))));
    return out.append("</tbody></table></div></details>").toString();
  }

  private String faults() {
    var out = new StringBuilder();
    for (String engine : overview.engines) {
      for (String model : overview.models) {
        List<Verdict> faults =
            overview.all(Outcome.FAULT).stream()
                .filter(v -> v.engine().equals(engine) && v.model().equals(model))
                .toList();
        var divergence = overview.evidence(engine, model).flatMap(Evidence::divergence);
        if (faults.isEmpty() && divergence.isEmpty()) {
          continue;
        }
        out.append(
            "<article class=fault><h3>%s on %s</h3><ul>".formatted(html(engine), html(model)));
        for (Verdict v : faults) {
          out.append(
              "<li>%s <b>%s</b> %s<br><code>%s</code><br><small>%s</small></li>"
                  .formatted(
                      badge(v.outcome(), 0),
                      v.rule(),
                      html(v.rule().title()),
                      html(v.detail()),
                      Text.measured(v)));
        }
        out.append("</ul>");
        divergence.ifPresent(
            d -> out.append("<p class=divergence>%s</p>".formatted(html(d.toString()))));
        out.append("</article>");
      }
    }
    return out.isEmpty() ? "<p>None.</p>" : out.toString();
  }

  private String errors() {
    var out = new StringBuilder();
    for (String model : overview.measuredModels()) {
      List<Evidence> engines = overview.evidence(model);
      out.append("<h3>%s</h3>".formatted(html(model)));
      out.append("<h4>Error growth by block</h4>");
      String growth = chart(() -> charts.growth(engines));
      out.append(
          growth.isEmpty()
              ? "<p>No engine showed its activations.</p>"
              : "<figure class=scroll tabindex=0>"
                  + growth
                  + "<figcaption>Largest error of each block's output h.N, relative to the tensor's"
                  + " largest element, on a logarithmic scale; dashed, the bound that rounding"
                  + " explains. Errors of zero are not drawn.</figcaption></figure>");
      out.append("<h4>Errors of the logits, in ulp of the row's largest</h4><div class=multiples>");
      for (Evidence e : engines) {
        out.append(
            ("<figure><figcaption><b>%s</b><br>%s logits; half %s, largest %s"
                    + " ulp</figcaption>%s</figure>")
                .formatted(
                    html(e.engine()),
                    logits(e),
                    within(e, 0.5),
                    within(e, 1),
                    chart(() -> charts.ulp(e))));
      }
      out.append("</div>");
    }
    return out.isEmpty() ? "<p>Nothing was measured.</p>" : out.toString();
  }

  /** Without fonts AWT fails in several ways; the report is worth writing all the same. */
  private static String chart(Supplier<String> draw) {
    try {
      return draw.get();
    } catch (RuntimeException | LinkageError | InternalError e) {
      return "<p>No chart could be drawn: %s. Does this JDK find fonts?</p>"
          .formatted(html(e.toString()));
    }
  }

  static String logits(Evidence e) {
    return Long.toString(Arrays.stream(e.ulpHistogram()).sum());
  }

  /** The edge, in ulp, within which that share of the errors lies. */
  static String within(Evidence e, double share) {
    long total = Arrays.stream(e.ulpHistogram()).sum();
    if (total == 0) {
      return "–";
    }
    long seen = 0;
    int bin = -1;
    while (seen < share * total) {
      seen += e.ulpHistogram()[++bin];
    }
    return bin < Evidence.BINS - 1
        ? "≤ " + Charts.ulps(bin - 4)
        : "> " + Charts.ulps(Evidence.BINS - 6);
  }

  private String measured() {
    var out = new StringBuilder();
    for (Rule rule : Rule.values()) {
      List<Verdict> rows =
          overview.findings.verdicts().stream()
              .filter(v -> v.rule() == rule && !Text.measured(v).isEmpty())
              .toList();
      if (rows.isEmpty()) {
        continue;
      }
      boolean fault = rows.stream().anyMatch(v -> v.outcome() == Outcome.FAULT);
      double most = rows.stream().mapToDouble(Page::ratio).filter(r -> r >= 0).max().orElse(0);
      out.append(
          "<details%s><summary><b>%s</b> %s <small>at most %s of the bound</small></summary>"
              .formatted(fault ? " open" : "", rule, html(rule.title()), percent(most)));
      out.append("<div class=scroll tabindex=0><table class=measured><thead><tr><th>engine");
      overview.models.forEach(m -> out.append("<th>").append(html(m)));
      out.append("</tr></thead><tbody>");
      for (String engine : rows.stream().map(Verdict::engine).distinct().toList()) {
        out.append("<tr><th scope=row>").append(html(engine));
        for (String model : overview.models) {
          out.append(
              rows.stream()
                  .filter(v -> v.engine().equals(engine) && v.model().equals(model))
                  .findFirst()
                  .map(Page::measuredCell)
                  .orElse("<td>"));
        }
        out.append("</tr>");
      }
      out.append("</tbody></table></div></details>");
    }
    return out.isEmpty() ? "<p>No rule measured anything.</p>" : out.toString();
  }

  private static String measuredCell(Verdict v) {
    double ratio = ratio(v);
    return "<td title=\"%s\">%s <b>%s</b> of %s<small> %s</small><i class=bar><i class=\"%s\" style=\"width:%d%%\"></i></i>"
        .formatted(
            html(v.detail()),
            badge(v.outcome(), v.ties()),
            Text.number(v.measured()),
            Text.number(v.bound()),
            percent(ratio),
            v.outcome() == Outcome.FAULT ? "over" : "under",
            Math.round(100 * Math.min(1, Double.isNaN(ratio) ? 0 : ratio)));
  }

  /** Measured by bound; 0 of 0 is 0, NaN where one is missing. */
  private static double ratio(Verdict v) {
    return v.measured() == 0 ? 0 * v.bound() : v.measured() / v.bound();
  }

  private static String percent(double ratio) {
    return Double.isNaN(ratio)
        ? "–"
        : ratio < 10 ? Math.round(100 * ratio) + "%" : Text.number(ratio) + " times";
  }

  private String mutants() {
    if (overview.findings.mutants().isEmpty()) {
      return "<p>Not tried in this run.</p>";
    }
    var out = new StringBuilder();
    if (!overview.uncaught().isEmpty()) {
      out.append(
          "<p class=alarm>✗ No rule caught %s: a gap in the rules.</p>"
              .formatted(
                  overview.uncaught().stream()
                      .map(m -> html(m.name()))
                      .collect(Collectors.joining(", "))));
    }
    out.append(
        "<div class=scroll tabindex=0><table><thead><tr><th>engine<th>broken in it<th>caught by"
            + "</tr></thead><tbody>");
    for (Mutant m : overview.findings.mutants()) {
      String rules =
          m.caughtBy().stream()
              .map(r -> "<span class=rule title=\"%s\">%s</span>".formatted(html(r.title()), r))
              .collect(Collectors.joining(" "));
      out.append(
          "<tr%s><th scope=row>%s<td>%s<td>%s</tr>"
              .formatted(
                  rules.isEmpty() ? " class=uncaught" : "",
                  html(m.name()),
                  html(m.what()),
                  rules.isEmpty() ? "<b>✗ NOT CAUGHT</b>" : rules));
    }
    return out.append("</tbody></table></div>").toString();
  }

  private String environment() {
    var out = new StringBuilder("<div class=scroll tabindex=0><table class=environment><tbody>");
    overview
        .findings
        .environment()
        .forEach(
            (name, value) ->
                out.append("<tr><th scope=row>%s<td>%s</tr>".formatted(html(name), html(value))));
    return out.append("</tbody></table></div>").toString();
  }
}
