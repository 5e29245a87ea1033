package org.fastgpt.conformance.speed;

import java.util.Arrays;
import java.util.Locale;
import java.util.function.DoubleUnaryOperator;

/** Several measurements of one thing: median, smallest, largest, and how many there were. */
record Figure(double median, double min, double max, int runs) {

  static Figure of(double... values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int n = sorted.length;
    double median = n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
    return new Figure(median, sorted[0], sorted[n - 1], n);
  }

  /** In another unit; a reciprocal exchanges smallest and largest. */
  Figure map(DoubleUnaryOperator unit) {
    double a = unit.applyAsDouble(min);
    double b = unit.applyAsDouble(max);
    return new Figure(unit.applyAsDouble(median), Math.min(a, b), Math.max(a, b), runs);
  }

  /** "0.837 (0.812-0.901)", with that many decimals; a single measurement has no spread. */
  String show(int decimals) {
    String number = "%." + decimals + "f";
    return runs == 1
        ? String.format(Locale.ROOT, number, median)
        : String.format(Locale.ROOT, number + " (" + number + "-" + number + ")", median, min, max);
  }
}
