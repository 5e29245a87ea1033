package org.fastgpt.cli;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Optional;
import org.fastgpt.tokenizer.Tokenizer;

/**
 * Tokens as they can be shown: in quotes, with all that a screen would hide, obey or reorder
 * written as escapes, and bytes that are not UTF-8 by themselves as {@code \xE2}.
 */
record TokenText(Optional<Tokenizer> tokenizer) {

  /** {@code " the"}; {@code #262} of a model without a vocabulary. */
  String of(int id) {
    return tokenizer.isPresent() ? '"' + bare(id).replace("\"", "\\\"") + '"' : "#" + id;
  }

  /** Without quotes, and quotes in it as they are: to stand beside others. */
  String bare(int id) {
    return tokenizer.map(t -> visible(t.decodeBytes(id))).orElse("#" + id + " ");
  }

  /** As much of it as fits {@code width} columns of a terminal, and spaces up to there. */
  String of(int id, int width) {
    return Columns.padded(Columns.cut(of(id), width), width);
  }

  static String visible(byte[] utf8) {
    var in = ByteBuffer.wrap(utf8);
    var out = CharBuffer.allocate(utf8.length);
    var text = new StringBuilder();
    CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
    while (in.hasRemaining()) {
      CoderResult result = decoder.decode(in, out.clear(), true);
      out.flip().codePoints().forEach(c -> text.append(visible(c)));
      for (int i = 0; result.isMalformed() && i < result.length(); i++) {
        text.append(String.format(Locale.ROOT, "\\x%02X", in.get()));
      }
    }
    return text.toString();
  }

  private static String visible(int c) {
    return switch (c) {
      case '\n' -> "\\n";
      case '\r' -> "\\r";
      case '\t' -> "\\t";
      case '\\' -> "\\\\";
      case ' ' -> " ";
      default -> hidden(c) ? String.format(Locale.ROOT, "\\u{%X}", c) : Character.toString(c);
    };
  }

  /** Asks for another look of the one before, which takes more columns on some terminals. */
  private static boolean isVariation(int c) {
    return (c >= 0xFE00 && c <= 0xFE0F) || (c >= 0xE0100 && c <= 0xE01EF);
  }

  private static boolean hidden(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.SPACE_SEPARATOR,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR,
          Character.PRIVATE_USE,
          Character.UNASSIGNED ->
          true;
      default -> isVariation(c);
    };
  }
}
