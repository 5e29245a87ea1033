package org.fastgpt.cli;

import java.util.Map;

/**
 * Colours of a terminal; none where the text goes elsewhere, or the user wants none, as
 * no-color.org has it.
 */
record Ink(boolean coloured) {

  private static final int DARKEST = 232; // of the 24 greys among a terminal's 256 colours
  private static final int GREYS = 24;

  static Ink of(Terminal terminal, Map<String, String> environment) {
    boolean unwanted =
        !environment.getOrDefault("NO_COLOR", "").isEmpty()
            || environment.getOrDefault("TERM", "").equals("dumb");
    return new Ink(terminal.interactive() && !unwanted);
  }

  /** By how likely it was: green from a half on, yellow from a twentieth on, else red. */
  String likely(double probability, String text) {
    int colour = probability >= 0.5 ? 32 : probability >= 0.05 ? 33 : 31;
    return paint(Integer.toString(colour), text);
  }

  String bold(String text) {
    return paint("1", text);
  }

  /** On a grey that is the lighter the larger {@code share} is, in [0, 1]. */
  String shade(double share, String text) {
    long grey = DARKEST + Math.round(share * (GREYS - 1));
    return paint("48;5;" + grey + (share < 0.5 ? ";38;5;255" : ";38;5;232"), text);
  }

  private String paint(String code, String text) {
    return coloured ? "\u001b[" + code + "m" + text + "\u001b[0m" : text;
  }
}
