package org.fastgpt.model;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.fastgpt.tokenizer.Tokenizer;

/**
 * Reads nanoGPT's vocabulary of characters, meta.pkl: a pickled dict, in which stoi has the id of
 * each character, and itos the character of each id.
 */
final class CharacterVocabulary {
  static final String FILE = "meta.pkl";

  /** All of Unicode. */
  private static final int MAX_TOKENS = Character.MAX_CODE_POINT + 1;

  private CharacterVocabulary() {}

  /**
   * The vocabulary in {@code file}.
   *
   * @throws ModelException it is damaged, would run code, or is not one of characters
   */
  static Tokenizer read(Path file) {
    try (Arena arena = Arena.ofConfined()) {
      Object meta =
          new Pickle(ModelFile.map(file, arena), file.toString(), Pickle.Names.NONE).read();
      if (!(meta instanceof Map<?, ?> map)
          || !(map.get("stoi") instanceof Map<?, ?> ids)
          || !(map.get("itos") instanceof Map<?, ?> characters)
          || ids.isEmpty()
          || ids.size() > MAX_TOKENS
          || ids.size() != characters.size()) {
        throw new ModelException(
            file + ": a dict with stoi and itos, of the same size, expected, another value found");
      }
      return Tokenizer.ofCharacters(codePoints(file, ids, characters));
    }
  }

  /** The character of each id. */
  private static int[] codePoints(Path file, Map<?, ?> ids, Map<?, ?> characters) {
    int[] codePoints = new int[ids.size()];
    Arrays.fill(codePoints, -1);
    ids.forEach(
        (key, value) -> {
          if (!(key instanceof String c)
              || c.isEmpty()
              || c.codePointCount(0, c.length()) != 1
              || !(value instanceof Long id)
              || id < 0
              || id >= codePoints.length
              || codePoints[id.intValue()] >= 0
              || !c.equals(characters.get(id))) {
            throw new ModelException(
                file
                    + ": stoi and itos: characters and their ids, 0 to "
                    + (codePoints.length - 1)
                    + ", expected, found for '"
                    + key
                    + "' another; is it one of words?");
          }
          codePoints[id.intValue()] = c.codePointAt(0);
        });
    return codePoints;
  }
}
