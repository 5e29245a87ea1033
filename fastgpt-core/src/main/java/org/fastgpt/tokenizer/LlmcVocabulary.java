package org.fastgpt.tokenizer;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.fastgpt.model.ModelException;

/**
 * Reads llm.c's gpt2_tokenizer.bin ({@code train_gpt2.py}, write_tokenizer): 256 little-endian
 * int32 of header; of each token its length in one byte, and its bytes. It has no merges, but they
 * follow: GPT-2's tokens are in the order in which BPE learned them, so each one is the merge of
 * the two that the merges before it leave of its bytes.
 */
final class LlmcVocabulary {
  private static final int MAGIC = 20240328;
  private static final int HEADER_BYTES = 4 * 256;

  /** GPT-2's file is a twentieth of this; what a hostile one costs grows with its size. */
  private static final int MAX_BYTES = 8 << 20;

  private final Path file;
  private final ByteBuffer in;
  private final byte[][] tokens;
  private final int endOfText;

  private final int[] byteIds = new int[256];
  private final Map<Long, Integer> ranks = new HashMap<>(); // left << 32 | right -> rank
  private final int[] left;
  private final int[] right;
  private final int[] merged;

  private LlmcVocabulary(Path file) {
    this.file = file;
    this.in =
        ByteBuffer.wrap(VocabularyFiles.bytes(file, MAX_BYTES)).order(ByteOrder.LITTLE_ENDIAN);
    if (in.limit() < HEADER_BYTES || in.getInt(0) != MAGIC) {
      throw bad("a header that begins with " + MAGIC + " expected, not found");
    }
    int version = in.getInt(4);
    if (version != 1 && version != 2) {
      throw bad("version 1 or 2 expected, " + version + " found");
    }
    int n = in.getInt(8);
    if (n < 257 || n > Bpe.MAX_TOKENS || n > (in.limit() - HEADER_BYTES) / 2) {
      throw bad(n + " tokens found in " + in.limit() + " bytes, at least 257 expected");
    }
    endOfText = version == 1 ? n - 1 : in.getInt(12); // version 1 leaves it to the reader
    tokens = tokens(n);
    left = new int[n - 257];
    right = new int[n - 257];
    merged = new int[n - 257];
  }

  static Tokenizer load(Path file) {
    return new LlmcVocabulary(file).tokenizer();
  }

  private byte[][] tokens(int n) {
    byte[][] all = new byte[n][];
    in.position(HEADER_BYTES);
    for (int id = 0; id < n; id++) {
      int length = in.hasRemaining() ? in.get() & 0xFF : 0;
      if (length == 0 || length > in.remaining()) {
        throw bad(
            "token %d: 1 to %d bytes expected, %d found".formatted(id, in.remaining(), length));
      }
      all[id] = new byte[length];
      in.get(all[id]);
    }
    if (in.hasRemaining()) {
      throw bad(in.remaining() + " bytes found after the last token");
    }
    return all;
  }

  private Tokenizer tokenizer() {
    byte[] name = Tokenizer.END_OF_TEXT.getBytes(StandardCharsets.UTF_8);
    if (endOfText < 0 || endOfText >= tokens.length || !Arrays.equals(tokens[endOfText], name)) {
      throw bad("token " + endOfText + ": " + Tokenizer.END_OF_TEXT + " expected, not found");
    }
    readBytes();
    int rank = 0;
    for (int id = 0; id < tokens.length; id++) {
      if (id != endOfText && tokens[id].length > 1) {
        addMerge(rank++, id);
      }
    }
    return new Tokenizer(
        tokens,
        Optional.of(new Bpe(new TokenTable(tokens, _ -> true), byteIds, left, right, merged)),
        Map.of(Tokenizer.END_OF_TEXT, endOfText),
        file);
  }

  /** Each byte is one token: so there are 256 of length 1, and the others are merges. */
  private void readBytes() {
    Arrays.fill(byteIds, -1);
    for (int id = 0; id < tokens.length; id++) {
      if (tokens[id].length == 1) {
        int b = tokens[id][0] & 0xFF;
        if (byteIds[b] >= 0) {
          throw bad("token %d: a text of its own expected, byte %02X found again".formatted(id, b));
        }
        byteIds[b] = id;
      }
    }
    for (int b = 0; b < 256; b++) {
      if (byteIds[b] < 0) {
        throw bad("a token for each byte expected, none found for %02X".formatted(b));
      }
    }
  }

  private void addMerge(int rank, int id) {
    int[] parts = new int[tokens[id].length];
    int n = merge(tokens[id], parts);
    if (n != 2) {
      throw bad(
          "token %d: a merge of two tokens before it expected, %d found: not in GPT-2's order"
              .formatted(id, n));
    }
    left[rank] = parts[0];
    right[rank] = parts[1];
    merged[rank] = id;
    ranks.put(pair(parts[0], parts[1]), rank);
  }

  /** As {@link Bpe#mergeShort}, with the merges so far; returns how many ids are left. */
  private int merge(byte[] token, int[] ids) {
    int n = token.length;
    int[] rank = new int[n]; // of the pair that begins here
    for (int i = n - 1; i >= 0; i--) {
      ids[i] = byteIds[token[i] & 0xFF];
      rank[i] = i + 1 < n ? rank(ids[i], ids[i + 1]) : Integer.MAX_VALUE;
    }
    while (true) {
      int best = 0;
      for (int i = 1; i < n; i++) {
        best = rank[i] < rank[best] ? i : best;
      }
      if (rank[best] == Integer.MAX_VALUE) {
        return n;
      }
      ids[best] = merged[rank[best]];
      n--;
      System.arraycopy(ids, best + 2, ids, best + 1, n - best - 1);
      System.arraycopy(rank, best + 2, rank, best + 1, n - best - 1);
      rank[best] = best + 1 < n ? rank(ids[best], ids[best + 1]) : Integer.MAX_VALUE;
      if (best > 0) {
        rank[best - 1] = rank(ids[best - 1], ids[best]);
      }
    }
  }

  private int rank(int left, int right) {
    return ranks.getOrDefault(pair(left, right), Integer.MAX_VALUE);
  }

  private static long pair(int left, int right) {
    return ((long) left << 32) | right;
  }

  private ModelException bad(String what) {
    return new ModelException(file + ": " + what);
  }
}
