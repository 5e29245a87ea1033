package org.fastgpt.tokenizer;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntPredicate;
import org.fastgpt.model.ModelException;

/**
 * A vocabulary as its files give it, not yet checked. Tokens and merges are written in GPT-2's
 * alphabet of 256 printable characters, one for each byte ({@code bytes_to_unicode} in
 * openai/gpt-2's {@code encoder.py}); added tokens are plain text.
 *
 * @param file where the tokens are from, for messages
 * @param ids of each token, perhaps with the added ones
 * @param mergesFile where the merges are from, for messages
 * @param merges {@code "left right"}, by rank
 * @param added of each added token its id
 */
record Vocabulary(
    Path file,
    Map<String, Integer> ids,
    Path mergesFile,
    List<String> merges,
    Map<String, Integer> added) {

  /**
   * The character of each byte: itself if it is printable Latin-1, else the next from U+0100 on.
   */
  private static final char[] ALPHABET = new char[256];

  /** The byte of each character of the alphabet; -1 for others. */
  private static final short[] BYTES = new short[256 + 68];

  static {
    Arrays.fill(BYTES, (short) -1);
    char next = 256;
    for (int b = 0; b < 256; b++) {
      boolean printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xFF && b != 0xAD);
      ALPHABET[b] = printable ? (char) b : next++;
      BYTES[ALPHABET[b]] = (short) b;
    }
  }

  /** As {@link Tokenizer#of}. */
  static Vocabulary of(Path file, List<String> tokens, List<String> merges, IntPredicate added) {
    Map<String, Integer> ids = HashMap.newHashMap(tokens.size());
    Map<String, Integer> plain = new HashMap<>();
    for (int id = 0; id < tokens.size(); id++) {
      Map<String, Integer> its = added.test(id) ? plain : ids;
      if (its.put(tokens.get(id), id) != null) {
        throw new ModelException(
            "%s: token %s: found twice".formatted(file, quoted(tokens.get(id))));
      }
    }
    return new Vocabulary(file, ids, file, merges, plain);
  }

  /** The character that stands for a byte. */
  static char character(int b) {
    return ALPHABET[b];
  }

  /** Bytes as the files write them. */
  static String text(byte[] bytes) {
    var text = new StringBuilder(bytes.length);
    for (byte b : bytes) {
      text.append(ALPHABET[b & 0xFF]);
    }
    return text.toString();
  }

  /** The tokenizer of this vocabulary, if all of it is in order. */
  Tokenizer tokenizer() {
    return tokenizer(true);
  }

  /** A tokenizer that only decodes. */
  Tokenizer decoder() {
    return tokenizer(false);
  }

  private Tokenizer tokenizer(boolean encodes) {
    Map<String, Integer> all = added.isEmpty() ? ids : new HashMap<>(ids);
    Map<String, Integer> special = new HashMap<>(added);
    added.forEach(
        (token, id) -> {
          Integer other = all.putIfAbsent(token, id);
          if (token.isEmpty() || (other != null && !other.equals(id))) {
            throw wrong("a text of its own expected for added token " + id, token);
          }
        });
    if (all.containsKey(Tokenizer.END_OF_TEXT)) {
      special.put(Tokenizer.END_OF_TEXT, all.get(Tokenizer.END_OF_TEXT));
    }
    byte[][] tokens = tokens(all);
    Optional<Bpe> bpe = encodes ? Optional.of(bpe(all, tokens)) : Optional.empty();
    return new Tokenizer(tokens, bpe, special, file);
  }

  private byte[][] tokens(Map<String, Integer> all) {
    int n = all.size();
    if (n > Bpe.MAX_TOKENS) {
      throw new ModelException(
          "%s: at most %d tokens expected, %d found".formatted(file, Bpe.MAX_TOKENS, n));
    }
    byte[][] tokens = new byte[n][];
    all.forEach(
        (token, id) -> {
          if (id < 0 || id >= n) {
            throw wrong(
                "ids 0 to %d expected for %d tokens, %d found".formatted(n - 1, n, id), token);
          }
          if (tokens[id] != null) {
            throw wrong("an id of its own expected, %d found for two tokens".formatted(id), token);
          }
          tokens[id] =
              added.containsKey(token) ? token.getBytes(StandardCharsets.UTF_8) : bytes(token);
        });
    return tokens;
  }

  private byte[] bytes(String token) {
    var bytes = new byte[token.length()];
    int n = bytes(token, 0, token.length(), bytes, 0);
    if (n < bytes.length) {
      throw wrong(
          "GPT-2's byte alphabet expected, U+%04X found".formatted((int) token.charAt(n)), token);
    }
    if (n == 0) {
      throw wrong("at least one byte expected, none found", token);
    }
    return bytes;
  }

  /** Writes the bytes of {@code text[from, to)} up to a character that is none; returns the end. */
  private static int bytes(String text, int from, int to, byte[] bytes, int at) {
    int end = at;
    for (int i = from; i < to; i++) {
      char c = text.charAt(i);
      if (c >= BYTES.length || BYTES[c] < 0) {
        return end;
      }
      bytes[end++] = (byte) BYTES[c];
    }
    return end;
  }

  private int[] byteIds(Map<String, Integer> all) {
    int[] byteIds = new int[256];
    for (int b = 0; b < 256; b++) {
      Integer id = all.get(String.valueOf(ALPHABET[b]));
      if (id == null) {
        throw wrong(
            "a token for each byte expected, none found for %02X".formatted(b), ALPHABET[b] + "");
      }
      byteIds[b] = id;
    }
    return byteIds;
  }

  private Bpe bpe(Map<String, Integer> all, byte[][] tokens) {
    int[] byteIds = byteIds(all);
    int n = merges.size();
    if (n > Bpe.MAX_MERGES) {
      throw new ModelException(
          "%s: at most %d merges expected, %d found".formatted(mergesFile, Bpe.MAX_MERGES, n));
    }
    boolean[] plain = new boolean[tokens.length]; // not known by added_tokens alone
    ids.values().forEach(id -> plain[id] = true);
    var table = new TokenTable(tokens, id -> plain[id]);
    int[] left = new int[n];
    int[] right = new int[n];
    int[] merged = new int[n];
    byte[] bytes = new byte[0];
    for (int rank = 0; rank < n; rank++) {
      String merge = merges.get(rank);
      int space = merge.indexOf(' ');
      if (space <= 0 || space == merge.length() - 1 || merge.indexOf(' ', space + 1) >= 0) {
        throw wrongMerge(rank, "two tokens and a space between expected");
      }
      if (bytes.length < merge.length()) {
        bytes = new byte[merge.length()];
      }
      int middle = bytes(merge, 0, space, bytes, 0);
      int end = bytes(merge, space + 1, merge.length(), bytes, middle);
      if (end < merge.length() - 1) {
        throw wrongMerge(rank, "tokens in GPT-2's byte alphabet expected");
      }
      left[rank] = part(table, rank, bytes, 0, middle);
      right[rank] = part(table, rank, bytes, middle, end);
      merged[rank] = part(table, rank, bytes, 0, end);
    }
    var bpe = new Bpe(table, byteIds, left, right, merged);
    if (bpe.repeated() >= 0) {
      throw wrongMerge(bpe.repeated(), "each pair once expected, found again");
    }
    return bpe;
  }

  private int part(TokenTable table, int rank, byte[] bytes, int from, int to) {
    int id = table.find(bytes, from, to);
    if (id < 0) {
      String token = text(Arrays.copyOfRange(bytes, from, to));
      throw wrongMerge(rank, "tokens of the vocabulary expected, " + quoted(token) + " found");
    }
    return id;
  }

  private ModelException wrong(String what, String token) {
    return new ModelException("%s: token %s: %s".formatted(file, quoted(token), what));
  }

  private ModelException wrongMerge(int rank, String what) {
    return new ModelException(
        "%s: merge %d %s: %s".formatted(mergesFile, rank + 1, quoted(merges.get(rank)), what));
  }

  /** In quotes, on one line, not long. */
  static String quoted(String text) {
    String begin = text.length() > 40 ? text.substring(0, 40) + "…" : text;
    var out = new StringBuilder("\"");
    begin
        .chars()
        .forEach(
            c -> {
              if (Character.isISOControl(c)
                  || Character.isSurrogate((char) c)
                  || c == 0x2028
                  || c == 0x2029) {
                out.append("\\u%04x".formatted(c));
              } else {
                out.append((char) c);
              }
            });
    return out.append('"').toString();
  }
}
