package org.fastgpt.cli;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.fastgpt.inspect.Inspection;
import org.fastgpt.inspect.Inspection.Expectation;
import org.fastgpt.inspect.Inspection.Head;
import org.fastgpt.inspect.Inspection.Layer;
import org.fastgpt.inspect.Inspection.Reading;
import org.fastgpt.sampling.LogProbabilities.Likely;

/** An inspection as text: tables of fixed columns, positions from 0 going down. */
final class InspectTables {

  private static final int TOKEN = 16;
  private static final int LENS_TOKEN = 10;

  /** Of the lens beside each other, in some 120 columns; the others come in further tables. */
  private static final int LAYERS = 5;

  /** Up to so many tokens a map has numbers, with more a shade for each weight. */
  private static final int NUMBERS = 32;

  private static final String SHADES = " ░▒▓█";

  private final Inspection inspection;
  private final TokenText tokens;
  private final Ink ink;
  private final StringBuilder out = new StringBuilder();

  private InspectTables(Inspection inspection, TokenText tokens, Ink ink) {
    this.inspection = inspection;
    this.tokens = tokens;
    this.ink = ink;
  }

  /** All that the inspection has. */
  static String of(Inspection inspection, TokenText tokens, Ink ink) {
    var tables = new InspectTables(inspection, tokens, ink);
    tables.expectations();
    for (int from = 0; from < inspection.lens().size(); from += LAYERS) {
      int to = Math.min(from + LAYERS, inspection.lens().size());
      tables.lens(inspection.lens().subList(from, to));
    }
    inspection.attention().forEach(tables::attention);
    return tables.out.toString();
  }

  private void expectations() {
    String[] heads = {"pos", "id", "log p", "p", "rank", "bits", "token"};
    line("%5s %6s %9s %9s %6s %6s  %-" + TOKEN + "s  likeliest", (Object[]) heads);
    int n = inspection.ids().length;
    for (int t = 0; t < n; t++) {
      row(t, tokens.of(inspection.ids()[t], TOKEN), inspection.of(t));
    }
    row(n, Columns.padded("(next)", TOKEN), inspection.of(n));
  }

  private void row(int t, String token, Optional<Expectation> expected) {
    boolean came = t < inspection.ids().length;
    boolean scored = came && expected.isPresent();
    double log = expected.map(Expectation::logProbability).orElse(Double.NaN);
    line(
        "%5d %6s %9s %9s %6s %6s  %s  %s",
        t,
        came ? inspection.ids()[t] : "-",
        scored ? format("%.4f", log) : "-",
        scored ? percent(log) : "-",
        scored ? expected.get().rank() : "-",
        expected.map(e -> format("%.2f", e.entropyBits())).orElse("-"),
        scored ? ink.likely(Math.exp(log), token) : token,
        expected.map(e -> likeliest(e, tokens)).orElse(""));
  }

  static String likeliest(Expectation expected, TokenText tokens) {
    var line = new StringBuilder();
    for (Likely likely : expected.top()) {
      line.append(tokens.of(likely.id()))
          .append(' ')
          .append(percent(likely.logProbability()))
          .append("  ");
    }
    return line.toString().stripTrailing();
  }

  /**
   * Some layers beside each other: the likeliest token, its probability, and the place of the token
   * that came.
   */
  private void lens(List<Layer> layers) {
    out.append(System.lineSeparator());
    var head = new StringBuilder(format("%5s  %-" + TOKEN + "s", "pos", "lens after"));
    for (Layer layer : layers) {
      head.append(format("  %-" + LENS_TOKEN + "s%5s%6s", layer.name(), "p", "#"));
    }
    line("%s", head.toString());
    for (int t = 0; t < inspection.ids().length; t++) {
      var row = new StringBuilder(format("%5d  %s", t, tokens.of(inspection.ids()[t], TOKEN)));
      for (Layer layer : layers) {
        row.append("  ").append(reading(layer.readings().get(t)));
      }
      line("%s", row.toString());
    }
  }

  private String reading(Reading reading) {
    double p = Math.exp(reading.top().logProbability());
    String token = tokens.of(reading.top().id(), LENS_TOKEN);
    String coloured = ink.likely(p, token);
    return (reading.rank() == 1 ? ink.bold(coloured) : coloured)
        + format("%4.0f%%%6s", 100 * p, reading.rank() == 0 ? "-" : reading.rank());
  }

  /** A head's weights, row by row: where each token looks. */
  private void attention(Head head, float[][] weights) {
    out.append(System.lineSeparator());
    int n = weights.length;
    boolean numbers = n <= NUMBERS;
    var top = new StringBuilder("attention " + head);
    if (numbers) {
      top.append(", percent").append(" ".repeat(TOKEN + 7 - top.length()));
      for (int s = 0; s < n; s++) {
        top.append(format("%4d", s));
      }
    }
    line("%s", top.toString());
    for (int t = 0; t < n; t++) {
      var row = new StringBuilder(format("%5d  %s", t, tokens.of(inspection.ids()[t], TOKEN)));
      for (float p : weights[t]) {
        String cell = numbers ? format("%4.0f", 100 * p) : shade(p);
        row.append(ink.shade(p, cell));
      }
      line("%s", row.toString());
    }
  }

  private static String shade(float p) {
    return SHADES.substring(Math.round(p * 4), Math.round(p * 4) + 1);
  }

  /** Of a natural logarithm, in three digits. */
  static String percent(double logProbability) {
    return format("%.3g%%", 100 * Math.exp(logProbability));
  }

  /** The same in any country. */
  @SuppressWarnings("AnnotateFormatMethod") // the annotation would be one more dependency
  static String format(String format, Object... values) {
    return String.format(Locale.ROOT, format, values);
  }

  private void line(String format, Object... values) {
    out.append(format(format, values).stripTrailing()).append(System.lineSeparator());
  }
}
