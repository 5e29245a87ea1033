package org.fastgpt.tokenizer;

import java.util.Map;

/** Encodes character by character; one outside the Basic Multilingual Plane is one, too. */
final class CharacterEncoding extends Encoding {
  private final Map<Integer, Integer> idOfCodePoint;

  CharacterEncoding(Map<Integer, Integer> idOfCodePoint, int textLength) {
    super(textLength);
    this.idOfCodePoint = idOfCodePoint;
  }

  @Override
  void add(String text, int start, int end) {
    for (int i = start; i < end; ) {
      int codePoint = text.codePointAt(i);
      Integer id = idOfCodePoint.get(codePoint);
      if (id == null) {
        String character = Vocabulary.quoted(Character.toString(codePoint));
        throw new IllegalArgumentException(
            "%s (U+%04X) is not among the %d characters that this model knows"
                .formatted(character, codePoint, idOfCodePoint.size()));
      }
      add(id);
      i += Character.charCount(codePoint);
    }
  }
}
