package org.fastgpt.conformance.report;

import java.util.Locale;
import org.fastgpt.conformance.Verdict;
import org.fastgpt.conformance.Verdict.Outcome;

/** Numbers, outcomes and foreign texts in a form that can be shown. */
public final class Text {
  private Text() {}

  static String words(Outcome outcome) {
    return switch (outcome) {
      case PASS -> "pass";
      case TIE -> "tie";
      case FAULT -> "FAULT";
      case NOT_PROMISED -> "not promised";
      case NOT_OBSERVED -> "not observed";
      case NOT_APPLICABLE -> "not applicable";
    };
  }

  static String symbol(Outcome outcome) {
    return switch (outcome) {
      case PASS -> "✓";
      case TIE -> "≈";
      case FAULT -> "✗";
      case NOT_PROMISED -> "–";
      case NOT_OBSERVED -> "?";
      case NOT_APPLICABLE -> "·";
    };
  }

  /** One ASCII character, for a terminal of any character set. */
  static char letter(Outcome outcome) {
    return switch (outcome) {
      case PASS -> 'p';
      case TIE -> 't';
      case FAULT -> 'F';
      case NOT_PROMISED -> '-';
      case NOT_OBSERVED -> '?';
      case NOT_APPLICABLE -> '.';
    };
  }

  static String count(int n, String noun) {
    return n + " " + noun + (n == 1 ? "" : "s");
  }

  /** Two or three digits, the shorter of plain and scientific; a dash for what was not measured. */
  static String number(double x) {
    if (Double.isNaN(x)) {
      return "–";
    }
    if (Double.isInfinite(x)) {
      return x > 0 ? "∞" : "-∞";
    }
    double size = Math.abs(x);
    if (x == Math.rint(x) && size < 1e6) {
      return Long.toString((long) x);
    }
    return size >= 0.01 && size < 1e6
        ? String.format(Locale.ROOT, "%.3g", x)
        : String.format(Locale.ROOT, "%.1e", x)
            .replace("e-0", "e-")
            .replace("e+0", "e")
            .replace("e+", "e");
  }

  /** "measured 1.2e-6, bound 3.4e-6", or nothing where the rule measures nothing. */
  static String measured(Verdict v) {
    return Double.isNaN(v.measured()) && Double.isNaN(v.bound())
        ? ""
        : "measured " + number(v.measured()) + ", bound " + number(v.bound());
  }

  /** Ids, blank between; a long list is cut and says so. */
  static String ids(int[] ids, int limit) {
    var out = new StringBuilder();
    for (int i = 0; i < Math.min(limit, ids.length); i++) {
      out.append(i == 0 ? "" : " ").append(ids[i]);
    }
    return ids.length <= limit ? out.toString() : out + " … " + (ids.length - limit) + " more";
  }

  /**
   * The text with all that a screen would hide, obey or reorder made visible: controls, formats,
   * separators, halves of surrogate pairs. Line ends become a sign and the given string.
   */
  public static String visible(String text, String lineEnd) {
    var out = new StringBuilder();
    text.codePoints()
        .forEach(
            c -> {
              if (c == '\n') {
                out.append('↵').append(lineEnd);
              } else if (c < 0x20) {
                out.appendCodePoint(0x2400 + c);
              } else if (c != 0x200D && hidden(c)) { // 200D joins the parts of one emoji
                out.append(String.format(Locale.ROOT, "⟨U+%04X⟩", c));
              } else {
                out.appendCodePoint(c);
              }
            });
    return out.toString();
  }

  private static boolean hidden(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR,
          Character.PRIVATE_USE,
          Character.UNASSIGNED ->
          true;
      default -> false;
    };
  }

  /** For an element or a quoted attribute of a page. */
  static String html(String text) {
    return escape(visible(text, " "));
  }

  /** For an element that keeps line ends. */
  static String htmlLines(String text) {
    return escape(visible(text, "\n"));
  }

  private static String escape(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;")
        .replace("'", "&#39;");
  }

  /** A code span of Markdown: nothing in it is markup or calls a person. */
  public static String code(String text) {
    String shown = visible(text, " ");
    if (shown.isBlank()) {
      return shown.isEmpty() ? "" : "(blank)";
    }
    String fence = "`";
    while (shown.contains(fence)) {
      fence += "`";
    }
    return fence.length() == 1 ? fence + shown + fence : fence + " " + shown + " " + fence;
  }

  /** A code span within a table, where even there a bar needs its backslash. */
  public static String cell(String text) {
    return code(text).replace("|", "\\|");
  }

  /** Cut to a width, the end first. */
  public static String cut(String text, int width) {
    String line = visible(text, " ");
    return line.length() <= width ? line : line.substring(0, width - 3) + "...";
  }
}
