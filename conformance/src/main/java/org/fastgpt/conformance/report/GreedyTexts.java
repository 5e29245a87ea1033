package org.fastgpt.conformance.report;

import java.util.Locale;
import java.util.stream.Collectors;
import org.fastgpt.conformance.GreedyRun;
import org.fastgpt.conformance.report.Overview.Prompt;

/** The greedy texts side by side, with the margin of every choice, and the place of any split. */
final class GreedyTexts {
  private static final int PROMPT_IDS = 24;

  private final Overview overview;

  GreedyTexts(Overview overview) {
    this.overview = overview;
  }

  String html() {
    var out = new StringBuilder();
    for (Prompt p : overview.prompts()) {
      out.append(
          "<details class=greedy%s><summary><b>%s</b>, prompt of %s, %s: %s</summary>"
              .formatted(
                  p.splits().isEmpty() ? "" : " open",
                  Text.html(p.model()),
                  Text.count(p.expected().prompt().length, "id"),
                  Text.count(p.expected().expected().length, "step"),
                  p.splits().isEmpty()
                      ? "all the same"
                      : Text.count(p.splits().size(), "engine") + " split"));
      out.append(prompt(p.expected().prompt()));
      out.append(strip(p));
      out.append("<div class=pair>");
      out.append(
          "<div><h4>expected%s</h4><pre>%s</pre></div>"
              .formatted(same(p), marked(text(p.expected(), true), text(p.expected(), true))));
      for (String engine : p.splits()) {
        GreedyRun run = p.byEngine().get(engine);
        out.append(
            "<div><h4>%s</h4><pre>%s</pre>%s</div>"
                .formatted(
                    Text.html(engine), marked(text(run, false), text(run, true)), splits(run)));
      }
      out.append("</div></details>");
    }
    return out.isEmpty() ? "<p>No rule asked for greedy texts.</p>" : out.toString();
  }

  private static String same(Prompt p) {
    return p.same().isEmpty()
        ? ""
        : "<small>, and the same by "
            + p.same().stream().map(Text::html).collect(Collectors.joining(", "))
            + "</small>";
  }

  private static String prompt(int[] ids) {
    String all = Text.ids(ids, Integer.MAX_VALUE);
    return ids.length <= PROMPT_IDS
        ? "<p class=ids>prompt ids: %s</p>".formatted(all)
        : "<details><summary class=ids>prompt ids: %s</summary><p class=ids>%s</p></details>"
            .formatted(Text.ids(ids, PROMPT_IDS), all);
  }

  private static String text(GreedyRun run, boolean expected) {
    String text = expected ? run.expectedText() : run.actualText();
    return text == null
        ? Text.ids(expected ? run.expected() : run.actual(), Integer.MAX_VALUE)
        : text;
  }

  /** The text, its part between what it shares with the other's start and end marked. */
  private static String marked(String text, String other) {
    int[] a = text.codePoints().toArray();
    int[] b = other.codePoints().toArray();
    int shorter = Math.min(a.length, b.length);
    int start = 0;
    while (start < shorter && a[start] == b[start]) {
      start++;
    }
    int end = 0;
    while (end < shorter - start && a[a.length - 1 - end] == b[b.length - 1 - end]) {
      end++;
    }
    if (start == a.length && start == b.length) {
      return Text.htmlLines(text);
    }
    return Text.htmlLines(new String(a, 0, start))
        + "<mark>"
        + Text.htmlLines(new String(a, start, a.length - start - end))
        + "</mark>"
        + Text.htmlLines(new String(a, a.length - end, end));
  }

  private static String splits(GreedyRun run) {
    var out = new StringBuilder("<ul class=splits>");
    for (int i = 0; i < run.expected().length; i++) {
      if (i >= run.actual().length) {
        return out + "<li>nothing from step " + i + " on</ul>";
      }
      if (run.actual()[i] != run.expected()[i]) {
        out.append(
            "<li>step %d: %d expected, %d chosen; margin %s, error %s"
                .formatted(
                    i,
                    run.expected()[i],
                    run.actual()[i],
                    Markdown.at(run.margins(), i),
                    Markdown.at(run.errors(), i)));
      }
    }
    return out.append("</ul>").toString();
  }

  /** Every step with its id, a bar for its margin and one for the largest error of any engine. */
  private static String strip(Prompt p) {
    double[] margins = p.expected().margins();
    var errors = new double[margins.length];
    var split = new boolean[margins.length];
    for (GreedyRun run : p.byEngine().values()) {
      for (int i = 0; i < margins.length; i++) {
        errors[i] = Math.max(errors[i], i < run.errors().length ? run.errors()[i] : 0);
        split[i] |= i >= run.actual().length || run.actual()[i] != run.expected()[i];
      }
    }
    var out = new StringBuilder("<ol class=strip>");
    for (int i = 0; i < margins.length; i++) {
      out.append(
          "<li%s style=\"--m:%s;--e:%s\" title=\"step %d: id %d, margin %s, largest error %s\">%s%d"
              .formatted(
                  split[i] ? " class=split" : "",
                  height(margins[i]),
                  height(errors[i]),
                  i,
                  p.expected().expected()[i],
                  Text.number(margins[i]),
                  Text.number(errors[i]),
                  split[i] ? "≠ " : "",
                  p.expected().expected()[i]));
    }
    return out.append("</ol>").toString();
  }

  /** On a logarithmic scale, from 1e-7 at the bottom to 100 at the top. */
  private static String height(double x) {
    double part = x > 0 ? (Math.log10(x) + 7) / 9 : 0;
    return String.format(Locale.ROOT, "%.0f%%", 100 * Math.clamp(part, 0, 1));
  }
}
