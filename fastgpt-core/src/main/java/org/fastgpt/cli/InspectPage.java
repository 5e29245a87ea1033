package org.fastgpt.cli;

import static org.fastgpt.cli.InspectTables.format;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.fastgpt.inspect.Inspection;
import org.fastgpt.inspect.Inspection.Expectation;
import org.fastgpt.inspect.Inspection.Head;
import org.fastgpt.inspect.Inspection.Layer;
import org.fastgpt.inspect.Inspection.Reading;

/**
 * An inspection as one page that needs nothing else: its frame, style and script are in
 * inspect.html. It is XML too. A browser runs no script on it but its own, whatever the text says.
 */
final class InspectPage {

  private static final Pattern SLOT = Pattern.compile("\\{\\{(\\w+)}}");

  /** Surprise that is shown in full colour: one in some four thousand. */
  private static final int MOST_BITS = 12;

  private final Inspection inspection;
  private final TokenText tokens;
  private final int promptTokens;

  private InspectPage(Inspection inspection, TokenText tokens, int promptTokens) {
    this.inspection = inspection;
    this.tokens = tokens;
    this.promptTokens = promptTokens;
  }

  /**
   * The page.
   *
   * @param promptTokens how many tokens are not the model's own
   * @param missing why there is no logit lens, or no attention
   */
  static String of(
      Inspection inspection,
      TokenText tokens,
      int promptTokens,
      String title,
      String summary,
      String missing) {
    var page = new InspectPage(inspection, tokens, promptTokens);
    String template = template();
    boolean own = promptTokens < inspection.ids().length;
    var slots =
        Map.of(
            "scriptHash", scriptHash(template),
            "title", html(title),
            "summary", html(summary),
            "mostBits", Integer.toString(MOST_BITS),
            "own", own ? "Underlined: the model's own." : "",
            "tokens", page.text(),
            "numbers", page.numbers(),
            "lens", inspection.lens().isEmpty() ? absent(missing) : page.lens(),
            "attention", inspection.attention().isEmpty() ? absent(missing) : page.attention());
    // One pass: what is filled in is never searched for slots.
    return SLOT.matcher(template)
        .replaceAll(slot -> Matcher.quoteReplacement(slots.get(slot.group(1))));
  }

  private static String template() {
    try (InputStream in = InspectPage.class.getResourceAsStream("inspect.html")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** By which the page's policy allows its script, and no other. */
  private static String scriptHash(String template) {
    int from = template.indexOf("<script>") + "<script>".length();
    String script = template.substring(from, template.indexOf("</script>"));
    try {
      byte[] hash =
          MessageDigest.getInstance("SHA-256").digest(script.getBytes(StandardCharsets.UTF_8));
      return "sha256-" + Base64.getEncoder().encodeToString(hash);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("each Java has SHA-256", e);
    }
  }

  private static String absent(String why) {
    return "<p>" + html(why) + "</p>";
  }

  private String text() {
    var out = new StringBuilder();
    for (int t = 0; t < inspection.ids().length; t++) {
      int id = inspection.ids()[t];
      out.append(
          format(
              "<span%s data-token=\"%s\" title=\"%s\"%s>%s</span>",
              t < promptTokens ? "" : " class=\"own\"",
              html(tokens.of(id)),
              html(details(t)),
              surprise(inspection.of(t)),
              html(tokens.bare(id))));
      out.append(tokens.bare(id).endsWith("\\n") ? "\n" : "");
    }
    return out.toString();
  }

  private String details(int t) {
    String token = t + " " + tokens.of(inspection.ids()[t]) + ", id " + inspection.ids()[t];
    return inspection
        .of(t)
        .map(
            e ->
                format(
                    "%s%nlog p %.4f, p %s, rank %d, entropy %.2f bits%nlikeliest: %s",
                    token,
                    e.logProbability(),
                    InspectTables.percent(e.logProbability()),
                    e.rank(),
                    e.entropyBits(),
                    likeliest(e)))
        .orElse(token + ": nothing comes before it");
  }

  private String likeliest(Expectation expected) {
    return InspectTables.likeliest(expected, tokens);
  }

  private static String surprise(Optional<Expectation> expected) {
    return expected.map(e -> share(-e.logProbability() / Math.log(2) / MOST_BITS)).orElse(share(0));
  }

  /** How strong a colour is. */
  private static String share(double x) {
    return format(" style=\"--s: %d%%\"", Math.round(100 * Math.clamp(x, 0, 1)));
  }

  private String numbers() {
    var out =
        new StringBuilder(
            "<table class=\"numbers\"><thead><tr><th>pos</th><th>id</th><th>log p</th><th>p</th>"
                + "<th>rank</th><th>bits</th><th>token</th><th>likeliest</th></tr></thead><tbody>");
    int n = inspection.ids().length;
    for (int t = 0; t < n; t++) {
      Optional<Expectation> expected = inspection.of(t);
      String log = expected.map(e -> format("%.4f", e.logProbability())).orElse("");
      out.append(
          format(
              "<tr><td>%d</td><td>%d</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td>",
              t,
              inspection.ids()[t],
              log,
              expected.map(e -> InspectTables.percent(e.logProbability())).orElse(""),
              expected.map(e -> Integer.toString(e.rank())).orElse(""),
              bits(expected)));
      out.append(
          format(
              "<td%s>%s</td><td>%s</td></tr>",
              surprise(expected),
              html(tokens.of(inspection.ids()[t])),
              html(expected.map(this::likeliest).orElse(""))));
    }
    Expectation next = inspection.expectations().getLast();
    return out.append(
            format(
                "<tr><td>%d</td><td></td><td></td><td></td><td></td><td>%s</td><td>(next)</td>"
                    + "<td>%s</td></tr>",
                n, bits(Optional.of(next)), html(likeliest(next))))
        .append("</tbody></table>")
        .toString();
  }

  private static String bits(Optional<Expectation> expected) {
    return expected.map(e -> format("%.2f", e.entropyBits())).orElse("");
  }

  /** A column for each position, a row for each block: as it is computed, from above. */
  private String lens() {
    var out =
        new StringBuilder(
            "<p><small>The residual stream at each position, at its beginning and after each block,"
                + " read as if it were the last: the likeliest next token, the bluer the likelier."
                + " Underlined: the token that came.</small></p><div class=\"scroll\""
                + " tabindex=\"0\"><table class=\"lens\"><thead><tr><th></th>");
    for (int id : inspection.ids()) {
      out.append("<th>").append(html(tokens.of(id))).append("</th>");
    }
    out.append("</tr></thead><tbody>");
    for (Layer layer : inspection.lens()) {
      out.append("<tr><th>").append(html(layer.name())).append("</th>");
      List<Reading> readings = layer.readings();
      for (int t = 0; t < readings.size(); t++) {
        out.append(cell(layer.name(), t, readings.get(t)));
      }
      out.append("</tr>");
    }
    return out.append("</tbody></table></div>").toString();
  }

  private String cell(String layer, int t, Reading reading) {
    String top = tokens.of(reading.top().id());
    String title =
        format(
            "%s at %d %s%nlikeliest next: %s %s",
            layer,
            t,
            tokens.of(inspection.ids()[t]),
            top,
            InspectTables.percent(reading.top().logProbability()));
    if (reading.rank() > 0) {
      title +=
          format(
              "%ncame: %s, rank %d, %s",
              tokens.of(inspection.ids()[t + 1]),
              reading.rank(),
              InspectTables.percent(reading.logProbability()));
    }
    return format(
        "<td title=\"%s\"%s%s>%s</td>",
        html(title),
        reading.rank() == 1 ? " class=\"hit\"" : "",
        share(Math.exp(reading.top().logProbability())),
        html(top));
  }

  private String attention() {
    var out =
        new StringBuilder(
            "<p><small>Each head's weights: a row is a token that looks, a column one that it sees,"
                + " both from the text's beginning on. Choose a head; then tap a token, or the map,"
                + " to see where it looks.</small></p><noscript><p>The maps need the page's script:"
                + " 'fastgpt inspect --attention' prints them.</p></noscript><div"
                + " class=\"look\"><figure><canvas></canvas><figcaption"
                + " id=\"head\"></figcaption></figure><div class=\"tokens"
                + " by-weight\"></div></div>");
    int layer = -1;
    for (Map.Entry<Head, float[][]> map : inspection.attention().entrySet()) {
      Head head = map.getKey();
      if (head.layer() != layer) {
        out.append(layer < 0 ? "" : "</div>")
            .append(format("<h3>h.%d</h3><div class=\"heads\">", head.layer()));
        layer = head.layer();
      }
      out.append(
          format(
              "<button title=\"layer %d, head %d\""
                  + " data-weights=\"%s\"><canvas></canvas>%s</button>",
              head.layer(), head.head(), base64(map.getValue()), head));
    }
    return out.append("</div>").toString();
  }

  /** The rows one after the other, a byte for each weight: 255ths. */
  private static String base64(float[][] weights) {
    int n = weights.length;
    byte[] bytes = new byte[n * (n + 1) / 2];
    int at = 0;
    for (float[] row : weights) {
      for (float p : row) {
        bytes[at++] = (byte) Math.round(255 * Math.clamp(p, 0f, 1f));
      }
    }
    return Base64.getEncoder().encodeToString(bytes);
  }

  /** For an element or a quoted attribute; the ends of lines stay in both. */
  private static String html(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;")
        .replace("'", "&#39;")
        .replace("\r", "")
        .replace("\n", "&#10;");
  }
}
