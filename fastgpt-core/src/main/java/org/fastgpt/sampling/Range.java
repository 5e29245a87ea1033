package org.fastgpt.sampling;

/** Checks of options. */
final class Range {
  private Range() {}

  /**
   * Checks a value.
   *
   * @param ok whether it is in its range; a value that is not finite never is
   * @throws IllegalArgumentException it is not
   */
  static void check(String name, double value, boolean ok, String expected) {
    if (!ok || !Double.isFinite(value)) {
      String shown = Double.toString(value).replaceFirst("\\.0$", "");
      throw new IllegalArgumentException(name + " " + shown + ": " + expected + " expected");
    }
  }
}
