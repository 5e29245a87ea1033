package org.fastgpt.cli;

/**
 * How many columns of a terminal a text takes: two for each character of East Asian width W or F
 * (Unicode's annex 11) and each emoji, none for a mark over the one before, one for all others.
 * What a terminal hides or obeys is no text: see {@link TokenText}.
 */
final class Columns {

  /**
   * First and last of the wide: those of Unicode's EastAsianWidth.txt that are no emoji, of which
   * Java knows, with the gaps between them. Of the characters of Unicode 14 one has another width
   * here, and the hexagrams, which 16 made wide; by JLine's WCWidth, made for an older one, ten
   * thousand have.
   */
  private static final int[][] WIDE = {
    {0x1100, 0x115F}, // Hangul's initial consonants
    {0x2329, 0x232A},
    {0x2E80, 0x303E}, // radicals, punctuation
    {0x3041, 0x3247}, // kana
    {0x3250, 0xA4CF}, // ideographs, Yi
    {0xA960, 0xA97C},
    {0xAC00, 0xD7A3}, // Hangul
    {0xF900, 0xFAFF},
    {0xFE10, 0xFE19},
    {0xFE30, 0xFE6F},
    {0xFF01, 0xFF60}, // full width forms
    {0xFFE0, 0xFFE6},
    {0x16FE0, 0x18DFF}, // Tangut
    {0x1AFF0, 0x1B2FF}, // more kana, Nushu
    {0x1F200, 0x1F2FF},
    {0x20000, 0x3FFFD} // more ideographs
  };

  private Columns() {}

  static int width(String text) {
    return text.codePoints().map(Columns::width).sum();
  }

  private static int width(int c) {
    if (isMark(c)) {
      return 0;
    }
    for (int[] range : WIDE) {
      if (range[0] <= c && c <= range[1]) {
        return 2;
      }
    }
    return Character.isEmojiPresentation(c) && !isHalfOfFlag(c) ? 2 : 1;
  }

  private static boolean isMark(int c) {
    int type = Character.getType(c);
    return type == Character.NON_SPACING_MARK
        || type == Character.ENCLOSING_MARK
        || (c >= 0x1160 && c <= 0x11FF) // Hangul's vowels and final consonants
        || (c >= 0xD7B0 && c <= 0xD7FF);
  }

  private static boolean isHalfOfFlag(int c) {
    return c >= 0x1F1E6 && c <= 0x1F1FF;
  }

  /** As much of it as fits {@code width} columns, with "…" at the end if that is not all. */
  static String cut(String text, int width) {
    if (width(text) <= width) {
      return text;
    }
    int end = 0;
    int taken = 1; // by the dots
    for (int c : text.codePoints().toArray()) {
      taken += width(c);
      if (taken > width) {
        break;
      }
      end += Character.charCount(c);
    }
    return text.substring(0, end) + "…";
  }

  /** With spaces after it, so that it takes at least {@code width} columns. */
  static String padded(String text, int width) {
    return text + " ".repeat(Math.max(0, width - width(text)));
  }
}
