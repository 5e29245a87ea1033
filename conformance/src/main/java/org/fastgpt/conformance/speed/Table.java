package org.fastgpt.conformance.speed;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.Collectors;
import org.fastgpt.conformance.report.Text;

/**
 * A table for a terminal and for Markdown.
 *
 * @param title a line above it
 * @param header the names of the columns
 * @param rows cells; a row may be shorter than the header, and its last cell then runs on
 */
record Table(String title, List<String> header, List<List<String>> rows) {

  /** Columns aligned by blanks, the first to the left, the others to the right. */
  String text() {
    int[] widths = new int[header.size()];
    for (List<String> row : all()) {
      for (int i = 0; i < row.size(); i++) {
        if (i == 0 || row.size() == header.size()) {
          widths[i] = Math.max(widths[i], row.get(i).length());
        }
      }
    }
    return title
        + "\n\n"
        + all().stream().map(row -> line(row, widths)).collect(Collectors.joining("\n"))
        + "\n";
  }

  private static String line(List<String> row, int[] widths) {
    var line = new StringBuilder();
    for (int i = 0; i < row.size(); i++) {
      String blanks = " ".repeat(Math.max(0, widths[i] - row.get(i).length()));
      boolean left = i == 0 || (i == row.size() - 1 && row.size() < widths.length);
      line.append(i == 0 ? "" : "  ").append(left ? row.get(i) + blanks : blanks + row.get(i));
    }
    return line.toString().stripTrailing();
  }

  String markdown() {
    var out = new StringBuilder("## " + title + "\n\n");
    out.append(markdownLine(header));
    out.append("|---|").append("--:|".repeat(header.size() - 1)).append('\n');
    for (List<String> row : rows) {
      var cells = new ArrayList<>(row.stream().map(Table::safe).toList());
      cells.set(0, Text.cell(row.getFirst()));
      cells.addAll(Collections.nCopies(header.size() - row.size(), ""));
      out.append(markdownLine(cells));
    }
    return out.toString();
  }

  /** Figures as they are; what a program said as a code span. */
  private static String safe(String cell) {
    return cell.matches("[\\w .,()%:-]*") ? cell : Text.cell(cell);
  }

  private static String markdownLine(List<String> cells) {
    return cells.stream()
        .map(cell -> cell.isEmpty() ? " |" : " " + cell + " |")
        .collect(Collectors.joining("", "|", "\n"));
  }

  private List<List<String>> all() {
    var all = new ArrayList<List<String>>();
    all.add(header);
    all.addAll(rows);
    return all;
  }
}
