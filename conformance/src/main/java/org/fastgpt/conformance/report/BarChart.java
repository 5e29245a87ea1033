package org.fastgpt.conformance.report;

import java.awt.Font;
import java.awt.geom.Ellipse2D;
import java.util.List;
import org.jfree.chart.axis.CategoryAxis;
import org.jfree.chart.axis.NumberAxis;
import org.jfree.chart.plot.CategoryPlot;
import org.jfree.chart.plot.CombinedDomainCategoryPlot;
import org.jfree.chart.plot.DatasetRenderingOrder;
import org.jfree.chart.plot.PlotOrientation;
import org.jfree.chart.renderer.category.BarRenderer;
import org.jfree.chart.renderer.category.ScatterRenderer;
import org.jfree.chart.renderer.category.StandardBarPainter;
import org.jfree.data.category.DefaultCategoryDataset;
import org.jfree.data.statistics.DefaultMultiValueCategoryDataset;

/**
 * Horizontal bars in panels side by side, as an SVG file: a bar is a median, and every value that
 * it was made of is a dot on it.
 */
public final class BarChart {
  private BarChart() {}

  private static final int PANEL_WIDTH = 260;
  private static final int BAR_HEIGHT = 16;
  private static final int FRAME_HEIGHT = 90;
  private static final int CHARACTER_WIDTH = 7;
  private static final double ITEM_MARGIN = 0.1;

  /** The page's colours, as a file of its own has to bring them. */
  private static final String STYLE =
      """
      <style>
      :root { --ink: #1c2128; --line: #d5dae1; --fault: #b3151f;
        --s0: #1f5fb4; --s1: #b35900; --s2: #1d7d46; --s3: #8a3fb0;
        --s4: #00798c; --s5: #a3246b; --s6: #6b6b00; --s7: #57606a; }
      @media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --line: #3a434e; --fault: #ff7b7b;
        --s0: #6cb0ff; --s1: #ffa657; --s2: #6fd08c; --s3: #d2a8ff;
        --s4: #56d4dd; --s5: #ff8fc4; --s6: #d6d04a; --s7: #b1bac4; } }
      text { font-family: system-ui, "DejaVu Sans", sans-serif; }
      </style>
      """;

  /** One quantity: values by row, then by series. */
  public static final class Panel {
    private final String title;
    private final DefaultCategoryDataset bars = new DefaultCategoryDataset();
    private final DefaultMultiValueCategoryDataset dots = new DefaultMultiValueCategoryDataset();
    private double largest;

    public Panel(String title) {
      this.title = title;
    }

    /** A bar of some length, and dots on it; no dots: no bar. */
    public void put(String row, String series, double length, List<Double> values) {
      bars.addValue(values.isEmpty() ? null : length, series, row);
      dots.add(values, series, row);
      values.forEach(value -> largest = Math.max(largest, value));
    }
  }

  /**
   * Draws panels that all have the same rows, and the same series in each.
   *
   * @param label what it shows, in words
   */
  public static String svg(String label, List<Panel> panels) {
    var names = new CategoryAxis();
    names.setTickLabelFont(font());
    names.setTickLabelPaint(Charts.INK);
    names.setAxisLinePaint(Charts.GRID);
    names.setMaximumCategoryLabelWidthRatio(1);
    var all = new CombinedDomainCategoryPlot(names);
    all.setOrientation(PlotOrientation.HORIZONTAL);
    all.setBackgroundPaint(null);
    all.setOutlinePaint(null);
    all.setGap(24);
    panels.forEach(panel -> all.add(plot(panel, panel == panels.getFirst())));
    DefaultCategoryDataset bars = panels.getFirst().bars;
    int longest = 0;
    for (Object row : bars.getColumnKeys()) {
      longest = Math.max(longest, row.toString().length());
    }
    int width = panels.size() * PANEL_WIDTH + longest * CHARACTER_WIDTH;
    int height = FRAME_HEIGHT + bars.getColumnCount() * (bars.getRowCount() + 1) * BAR_HEIGHT;
    String body = new Charts().svg(all, width, height, true, label);
    return body.replaceFirst(
            "<svg ([^>]*)>", "<svg xmlns=\"http://www.w3.org/2000/svg\" $1>\n" + STYLE)
        + "\n";
  }

  private static Font font() {
    return new Font(Font.SANS_SERIF, Font.PLAIN, 11);
  }

  private static CategoryPlot plot(Panel panel, boolean legend) {
    int series = panel.bars.getRowCount();
    var plot = new CategoryPlot(panel.bars, null, axis(panel), bars(series, legend));
    plot.setDataset(1, panel.dots);
    plot.setRenderer(1, dots(series));
    plot.setDatasetRenderingOrder(DatasetRenderingOrder.FORWARD);
    plot.setBackgroundPaint(null);
    plot.setOutlinePaint(null);
    plot.setRangeGridlinePaint(Charts.GRID);
    return plot;
  }

  private static NumberAxis axis(Panel panel) {
    double largest = panel.largest > 0 ? panel.largest : 1;
    NumberAxis axis = Charts.axis(tick(largest), Text::number);
    axis.setRange(0, largest * 1.05);
    axis.setLabel(panel.title);
    axis.setLabelFont(font());
    axis.setLabelPaint(Charts.INK);
    return axis;
  }

  /** 1, 2 or 5 times a power of ten, so that there are two to five steps. */
  static double tick(double largest) {
    double power = Math.pow(10, Math.floor(Math.log10(largest)));
    double first = largest / power;
    return power * (first >= 5 ? 2 : first >= 2 ? 1 : 0.5);
  }

  private static BarRenderer bars(int series, boolean legend) {
    var renderer = new BarRenderer();
    renderer.setBarPainter(new StandardBarPainter());
    renderer.setShadowVisible(false);
    renderer.setItemMargin(ITEM_MARGIN);
    for (int k = 0; k < series; k++) {
      renderer.setSeriesPaint(k, Charts.series(k % Charts.COLOURS));
      renderer.setSeriesVisibleInLegend(k, legend);
    }
    return renderer;
  }

  private static ScatterRenderer dots(int series) {
    var renderer = new ScatterRenderer();
    renderer.setUseSeriesOffset(true);
    renderer.setItemMargin(ITEM_MARGIN);
    for (int k = 0; k < series; k++) {
      renderer.setSeriesPaint(k, Charts.INK);
      renderer.setSeriesShape(k, new Ellipse2D.Double(-1.5, -1.5, 3, 3));
      renderer.setSeriesVisibleInLegend(k, false);
    }
    return renderer;
  }
}
