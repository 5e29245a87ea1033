package org.fastgpt;

import java.util.List;

/**
 * Text up to the first of some strings, as it comes in pieces of any size. A piece's end that may
 * be the begin of a stop string is held back until that is known. What is given out does not depend
 * on how the text is cut: it ends where the stop string begins that is complete first, of several
 * the longest. For one thread.
 */
public final class StopStrings {

  private final List<String> stops;
  private final StringBuilder held = new StringBuilder();
  private boolean found;

  /**
   * Of any number of strings; with none, text passes unchanged.
   *
   * @throws IllegalArgumentException one is empty
   */
  public StopStrings(List<String> stops) {
    if (stops.contains("")) {
      throw new IllegalArgumentException("a stop string is empty: it would stop everything");
    }
    this.stops = List.copyOf(stops);
  }

  /** Whether a stop string has come; from then on nothing is given out. */
  public boolean found() {
    return found;
  }

  /** What of the text so far, not given out yet, is certain to come before any stop string. */
  public String push(String text) {
    for (int i = 0; i < text.length() && !found; i++) {
      held.append(text.charAt(i));
      cut();
    }
    int certain = found ? held.length() : held.length() - partial();
    String out = held.substring(0, certain);
    held.delete(0, certain);
    return out;
  }

  /** The end of the text: what was held back, after all no stop string. */
  public String flush() {
    String out = held.toString();
    held.setLength(0);
    return out;
  }

  /** Drops the stop string that the held text ends with, if there is one. */
  private void cut() {
    int longest = 0;
    for (String stop : stops) {
      if (endsWith(stop, stop.length())) {
        longest = Math.max(longest, stop.length());
      }
    }
    found = longest > 0;
    held.setLength(held.length() - longest);
  }

  /** Length of the longest begin of a stop string that the held text ends with. */
  private int partial() {
    int longest = 0;
    for (String stop : stops) {
      for (int n = Math.min(stop.length() - 1, held.length()); n > longest; n--) {
        if (endsWith(stop, n)) {
          longest = n;
        }
      }
    }
    return longest;
  }

  /** Whether the held text ends with the first {@code n} characters of {@code stop}. */
  private boolean endsWith(String stop, int n) {
    int from = held.length() - n;
    for (int i = 0; i < n; i++) {
      if (from < 0 || held.charAt(from + i) != stop.charAt(i)) {
        return false;
      }
    }
    return true;
  }
}
