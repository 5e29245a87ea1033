package org.fastgpt.tokenizer;

/**
 * Cuts text into the pieces that BPE works on, as GPT-2's regular expression does (the Python
 * {@code regex} module's classes):
 *
 * <pre>{@code
 * '(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 * }</pre>
 *
 * <p>By hand and not by {@link java.util.regex}, which is slower and whose stack overflows on long
 * runs. Every character is looked at twice at most. A surrogate with no partner counts as U+FFFD,
 * which is in the same class. From {@code encoder.py} of openai/gpt-2.
 */
final class PreTokenizer {
  private static final byte SPACE = 0;
  private static final byte LETTER = 1;
  private static final byte NUMBER = 2;
  private static final byte OTHER = 3;

  /** The classes of U+0000 to U+007F, nearly all of ordinary text. */
  private static final byte[] ASCII = new byte[128];

  static {
    for (int c = 0; c < ASCII.length; c++) {
      ASCII[c] = unicodeClass(c);
    }
  }

  private PreTokenizer() {}

  /** The end of the piece that starts at {@code start}, which is before {@code end}. */
  static int next(String text, int start, int end) {
    char first = text.charAt(start);
    if (first == '\'') {
      int length = contraction(text, start, end);
      if (length > 0) {
        return start + length;
      }
    }
    int i = first == ' ' ? start + 1 : start;
    if (i < end) {
      byte kind = classAt(text, i, end);
      if (kind != SPACE) {
        return endOfRun(text, i, end, kind);
      }
    }
    i = endOfRun(text, start, end, SPACE);
    // \s+(?!\S): a run leaves its last character to the word after it, if it has another.
    return i == end || i == start + 1 ? i : i - 1;
  }

  private static int contraction(String text, int start, int end) {
    char a = start + 1 < end ? text.charAt(start + 1) : 0;
    char b = start + 2 < end ? text.charAt(start + 2) : 0;
    return switch (a) {
      case 's', 'd', 'm', 't' -> 2;
      case 'l' -> b == 'l' ? 3 : 0;
      case 'v', 'r' -> b == 'e' ? 3 : 0;
      default -> 0;
    };
  }

  private static int endOfRun(String text, int start, int end, byte kind) {
    int i = start;
    while (i < end && classAt(text, i, end) == kind) {
      i += isPair(text, i, end) ? 2 : 1;
    }
    return i;
  }

  private static byte classAt(String text, int i, int end) {
    char c = text.charAt(i);
    return c < 128
        ? ASCII[c]
        : unicodeClass(isPair(text, i, end) ? Character.toCodePoint(c, text.charAt(i + 1)) : c);
  }

  /** Whether two chars at {@code i} are one character. */
  static boolean isPair(String text, int i, int end) {
    return Character.isHighSurrogate(text.charAt(i))
        && i + 1 < end
        && Character.isLowSurrogate(text.charAt(i + 1));
  }

  private static byte unicodeClass(int codePoint) {
    return switch (Character.getType(codePoint)) {
      case Character.UPPERCASE_LETTER,
          Character.LOWERCASE_LETTER,
          Character.TITLECASE_LETTER,
          Character.MODIFIER_LETTER,
          Character.OTHER_LETTER ->
          LETTER;
      case Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER ->
          NUMBER;
      case Character.SPACE_SEPARATOR, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR ->
          SPACE;
      // White_Space is Zs, Zl, Zp, and of the controls these: not U+001C to U+001F, which Python's
      // re and Character.isWhitespace add.
      case Character.CONTROL ->
          (codePoint >= '\t' && codePoint <= '\r') || codePoint == 0x85 ? SPACE : OTHER;
      default -> OTHER;
    };
  }
}
