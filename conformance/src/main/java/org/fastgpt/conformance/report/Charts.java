package org.fastgpt.conformance.report;

import de.erichseifert.vectorgraphics2d.VectorGraphics2D;
import de.erichseifert.vectorgraphics2d.svg.SVGProcessor;
import de.erichseifert.vectorgraphics2d.util.PageSize;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.geom.Rectangle2D;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.text.FieldPosition;
import java.text.NumberFormat;
import java.text.ParsePosition;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.fastgpt.conformance.Evidence;
import org.jfree.chart.JFreeChart;
import org.jfree.chart.axis.NumberAxis;
import org.jfree.chart.axis.NumberTickUnit;
import org.jfree.chart.block.BlockBorder;
import org.jfree.chart.plot.Plot;
import org.jfree.chart.plot.XYPlot;
import org.jfree.chart.renderer.xy.StandardXYBarPainter;
import org.jfree.chart.renderer.xy.XYBarRenderer;
import org.jfree.chart.renderer.xy.XYItemRenderer;
import org.jfree.chart.renderer.xy.XYLineAndShapeRenderer;
import org.jfree.chart.ui.RectangleInsets;
import org.jfree.data.xy.DefaultXYDataset;
import org.jfree.data.xy.XYBarDataset;
import org.jfree.data.xy.XYDataset;

/**
 * The charts of the page as inline SVG. They are drawn in stand-in colours, which then become the
 * page's own (CSS variables), so that one drawing serves dark and light.
 */
final class Charts {
  /** Number of colours for engines that the page defines; further engines differ by dashes. */
  static final int COLOURS = 8;

  static final Color INK = new Color(1, 2, 1);
  static final Color GRID = new Color(1, 2, 2);
  private static final Color BOUND = new Color(1, 2, 3);
  private static final Map<String, String> VARIABLES =
      Map.of("rgb(1,2,1)", "var(--ink)", "rgb(1,2,2)", "var(--line)", "rgb(1,2,3)", "var(--fault)");

  /** The largest error shown is of the last bin but one. */
  private static final double[] BIN_EDGES = {-4, Evidence.BINS - 6};

  private int drawn;

  /** Errors in ulp of one engine: the share of logits per bin. */
  String ulp(Evidence e) {
    long[] counts = e.ulpHistogram();
    double total = 0;
    for (long n : counts) {
      total += n;
    }
    var bars = new double[2][counts.length];
    for (int i = 0; i < counts.length; i++) {
      bars[0][i] = i - 4.5; // a bin ends at 2^(i - 4) ulp, and is one power of two wide
      bars[1][i] = total == 0 ? 0 : 100 * counts[i] / total;
    }
    var data = new DefaultXYDataset();
    data.addSeries(e.engine(), bars);
    var renderer = new XYBarRenderer(0.1);
    renderer.setBarPainter(new StandardXYBarPainter());
    renderer.setShadowVisible(false);
    renderer.setSeriesPaint(0, series(0));
    NumberAxis x = axis(4, Charts::ulps);
    x.setRange(BIN_EDGES[0] - 1, BIN_EDGES[1] + 1);
    NumberAxis y = axis(25, v -> Math.round(v) + "%");
    y.setRange(0, 100);
    return svg(
        new XYBarDataset(data, 1),
        x,
        y,
        renderer,
        320,
        170,
        false,
        "Histogram of the errors of " + e.engine() + " in ulp");
  }

  /** "1/16", "1", "256": a power of two. */
  static String ulps(double log2) {
    int k = (int) Math.rint(log2);
    return k < 0 ? "1/" + (1 << -k) : Integer.toString(1 << k);
  }

  /** Relative error of the output of each block, of all engines on one model, and its bound. */
  String growth(List<Evidence> engines) {
    var data = new DefaultXYDataset();
    var renderer = new XYLineAndShapeRenderer();
    for (Evidence e : engines) {
      double[][] line = blocks(e.errorByActivation());
      if (line[0].length == 0) {
        continue;
      }
      int k = data.getSeriesCount();
      data.addSeries(e.engine(), line);
      renderer.setSeriesPaint(k, series(k % COLOURS));
      renderer.setSeriesStroke(k, k < COLOURS ? new BasicStroke(1.5f) : dashes(2f));
    }
    if (data.getSeriesCount() == 0) {
      return "";
    }
    double[][] bound =
        engines.stream()
            .map(e -> blocks(e.boundByActivation()))
            .filter(b -> b[0].length > 0)
            .findFirst()
            .orElse(new double[2][0]);
    if (bound[0].length > 0) {
      int k = data.getSeriesCount();
      data.addSeries("bound", bound);
      renderer.setSeriesPaint(k, BOUND);
      renderer.setSeriesStroke(k, dashes(6f));
      renderer.setSeriesShapesVisible(k, false);
    }
    NumberAxis x = axis(Math.max(1, data.getItemCount(0) / 12), v -> "h." + (int) Math.rint(v));
    x.setAutoRangeIncludesZero(false);
    NumberAxis y = axis(1, v -> "1e" + (int) Math.rint(v));
    y.setAutoRangeIncludesZero(false);
    y.setAutoRangeMinimumSize(2);
    return svg(
        data, x, y, renderer, 720, 340, true, "Relative error of each block's output, by engine");
  }

  /** Of the outputs of blocks {@code h.N} only: N, and log10 of the value where that exists. */
  private static double[][] blocks(Map<String, Double> byActivation) {
    double[][] points =
        byActivation.entrySet().stream()
            .filter(e -> e.getKey().matches("h\\.\\d+") && e.getValue() > 0)
            .map(
                e ->
                    new double[] {
                      Integer.parseInt(e.getKey().substring(2)), Math.log10(e.getValue())
                    })
            .toArray(double[][]::new);
    var columns = new double[2][points.length];
    for (int i = 0; i < points.length; i++) {
      columns[0][i] = points[i][0];
      columns[1][i] = points[i][1];
    }
    return columns;
  }

  private static BasicStroke dashes(float length) {
    return new BasicStroke(
        1.5f, BasicStroke.CAP_BUTT, BasicStroke.JOIN_ROUND, 1, new float[] {length, 4}, 0);
  }

  static Color series(int k) {
    return new Color(1, 3, k);
  }

  static NumberAxis axis(double tick, DoubleFunction<String> label) {
    var axis = new NumberAxis();
    axis.setTickUnit(new NumberTickUnit(tick));
    axis.setNumberFormatOverride(new Labels(label));
    axis.setTickLabelFont(new Font(Font.SANS_SERIF, Font.PLAIN, 11));
    axis.setTickLabelPaint(INK);
    axis.setTickMarkPaint(GRID);
    axis.setAxisLinePaint(GRID);
    return axis;
  }

  private String svg(
      XYDataset data,
      NumberAxis x,
      NumberAxis y,
      XYItemRenderer renderer,
      int width,
      int height,
      boolean legend,
      String label) {
    var plot = new XYPlot(data, x, y, renderer);
    plot.setBackgroundPaint(null);
    plot.setOutlinePaint(null);
    plot.setDomainGridlinesVisible(false);
    plot.setRangeGridlinePaint(GRID);
    return svg(plot, width, height, legend, label);
  }

  /** Draws any plot. */
  String svg(Plot plot, int width, int height, boolean legend, String label) {
    var chart = new JFreeChart(null, JFreeChart.DEFAULT_TITLE_FONT, plot, legend);
    chart.setBackgroundPaint(null);
    if (legend) {
      chart.getLegend().setBackgroundPaint(null);
      chart.getLegend().setFrame(BlockBorder.NONE);
      chart.getLegend().setItemPaint(INK);
      // Room for a reader's font that is wider than the one measured here.
      chart.getLegend().setItemLabelPadding(new RectangleInsets(2, 3, 2, 24));
      chart.getLegend().setItemFont(new Font(Font.SANS_SERIF, Font.PLAIN, 12));
    }
    var graphics = new VectorGraphics2D();
    chart.draw(graphics, new Rectangle2D.Double(0, 0, width, height));
    var bytes = new ByteArrayOutputStream();
    try {
      new SVGProcessor()
          .getDocument(graphics.getCommands(), new PageSize(0, 0, width, height))
          .writeTo(bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return inline(bytes.toString(StandardCharsets.UTF_8), width, height, label);
  }

  private static final Pattern ROOT = Pattern.compile("(?s)^.*?<svg[^>]*>");
  private static final Pattern TAG = Pattern.compile("<[^>]*>");
  private static final Pattern DECIMALS = Pattern.compile("(\\.\\d)\\d+");
  private static final Pattern CLIP = Pattern.compile("clip-?(\\d+)");
  private static final Pattern SERIES = Pattern.compile("rgb\\(1,3,(\\d+)\\)");

  /** Fit for a page: no names of fonts or spaces, ids of its own, the page's colours. */
  private String inline(String svg, int width, int height, String label) {
    String body = ROOT.matcher(svg).replaceFirst("");
    // Within tags only: the name of an engine may look like a number or a colour.
    body = TAG.matcher(body).replaceAll(tag -> Matcher.quoteReplacement(style(tag.group())));
    body = body.replaceAll(">\\s+<", "><");
    drawn++;
    return "<svg viewBox=\"0 0 %d %d\" style=\"max-width:%dpx;font-size:12px\" role=\"img\" aria-label=\"%s\">"
            .formatted(width, height, width, Text.html(label))
        + body.strip();
  }

  private String style(String tag) {
    String styled = tag.replaceAll("font-family:&quot;[^&]*&quot;;", "");
    styled = CLIP.matcher(styled).replaceAll("c" + drawn + "-$1");
    styled = DECIMALS.matcher(styled).replaceAll("$1");
    styled = SERIES.matcher(styled).replaceAll("var(--s$1)");
    for (var variable : VARIABLES.entrySet()) {
      styled = styled.replace(variable.getKey(), variable.getValue());
    }
    return styled;
  }

  /** Labels of an axis by a function of the value. */
  private static final class Labels extends NumberFormat {
    private static final long serialVersionUID = 1;
    private final transient DoubleFunction<String> label;

    Labels(DoubleFunction<String> label) {
      this.label = label;
    }

    @Override
    public StringBuffer format(double value, StringBuffer out, FieldPosition position) {
      return out.append(label.apply(value));
    }

    @Override
    public StringBuffer format(long value, StringBuffer out, FieldPosition position) {
      return format((double) value, out, position);
    }

    @Override
    public Number parse(String text, ParsePosition position) {
      throw new UnsupportedOperationException();
    }
  }
}
