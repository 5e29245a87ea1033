package org.fastgpt.conformance.mutants;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.fastgpt.tokenizer.Tokenizer;

/**
 * Text to ids as fastGPT's {@code tokenizer.f90} does it: pieces end before a space, a comma or a
 * full stop, and a piece that is a space alone ends the input, because Fortran finds it equal to
 * the empty text. Merges by the id of their result: a vocabulary numbers them by rank.
 */
final class FastGptTokenizer {
  private final Map<String, Integer> ids = new HashMap<>(); // by bytes, each as a char

  FastGptTokenizer(Tokenizer tokenizer) {
    for (int id = 0; id < tokenizer.size(); id++) {
      ids.put(new String(tokenizer.decodeBytes(id), StandardCharsets.ISO_8859_1), id);
    }
  }

  int[] encode(String text) {
    String bytes = new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
    var found = new ArrayList<Integer>();
    int end;
    for (int i = 0; i < bytes.length(); i = end) {
      end = endOfPiece(bytes, i);
      String piece = bytes.substring(i, end);
      if (piece.equals(" ")) {
        break;
      }
      found.addAll(merge(piece));
    }
    return found.stream().mapToInt(id -> id).toArray();
  }

  private static int endOfPiece(String bytes, int start) {
    int i = start + 1;
    if (bytes.charAt(start) != ',' && bytes.charAt(start) != '.') {
      while (i < bytes.length() && " ,.".indexOf(bytes.charAt(i)) < 0) {
        i++;
      }
    }
    return i;
  }

  private List<Integer> merge(String piece) {
    var parts = new ArrayList<>(List.of(piece.split(""))); // bytes
    while (true) {
      int best = -1;
      int bestId = Integer.MAX_VALUE;
      for (int i = 0; i + 1 < parts.size(); i++) {
        int id = ids.getOrDefault(parts.get(i) + parts.get(i + 1), Integer.MAX_VALUE);
        if (id < bestId) {
          best = i;
          bestId = id;
        }
      }
      if (best < 0) {
        return parts.stream().map(ids::get).toList();
      }
      parts.set(best, parts.get(best) + parts.remove(best + 1));
    }
  }
}
