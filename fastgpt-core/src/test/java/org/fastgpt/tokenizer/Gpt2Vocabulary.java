package org.fastgpt.tokenizer;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * GPT-2's own vocabulary and merges, recovered from the tiktoken file in jtokkit's jar, in the
 * forms in which models come.
 */
final class Gpt2Vocabulary {
  private static Tokenizer tokenizer;

  /** Tokens in GPT-2's alphabet, by id. */
  final List<String> tokens = new ArrayList<>();

  /** "left right", by rank. */
  final List<String> merges = new ArrayList<>();

  Gpt2Vocabulary() {
    Map<String, Integer> ranks = new HashMap<>(); // by the bytes as Latin-1
    String name = "/com/knuddels/jtokkit/r50k_base.tiktoken";
    try (var lines =
        new BufferedReader(
            new InputStreamReader(
                Gpt2Vocabulary.class.getResourceAsStream(name), StandardCharsets.US_ASCII))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        int space = line.indexOf(' ');
        byte[] bytes = Base64.getDecoder().decode(line.substring(0, space));
        String token = new String(bytes, StandardCharsets.ISO_8859_1);
        int rank = Integer.parseInt(line.substring(space + 1));
        if (rank != ranks.size()) {
          throw new IllegalStateException("ranks in order expected, " + line + " found");
        }
        if (token.length() > 1) {
          List<String> parts = twoParts(token, ranks);
          merges.add(printable(parts.get(0)) + " " + printable(parts.get(1)));
        }
        tokens.add(printable(token));
        ranks.put(token, rank);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    tokens.add("<|endoftext|>");
  }

  /** What BPE with the ranks so far leaves of a token: the pair that its own merge joins. */
  private static List<String> twoParts(String token, Map<String, Integer> ranks) {
    List<String> parts =
        token.chars().mapToObj(c -> String.valueOf((char) c)).collect(Collectors.toList());
    while (parts.size() > 2) {
      int best = -1;
      int bestRank = Integer.MAX_VALUE;
      for (int i = 0; i + 1 < parts.size(); i++) {
        int rank = ranks.getOrDefault(parts.get(i) + parts.get(i + 1), Integer.MAX_VALUE);
        if (rank < bestRank) {
          best = i;
          bestRank = rank;
        }
      }
      parts.set(best, parts.get(best) + parts.remove(best + 1));
    }
    return parts;
  }

  /**
   * Latin-1 as bytes_to_unicode has it: 188 printable characters as they are, 68 from U+0100 on.
   */
  private static String printable(String bytes) {
    return bytes
        .chars()
        .mapToObj(
            b -> {
              int others = (int) IntStream.range(0, b).filter(c -> !isPrintable(c)).count();
              return String.valueOf((char) (isPrintable(b) ? b : 256 + others));
            })
        .collect(Collectors.joining());
  }

  private static boolean isPrintable(int b) {
    return (b > 32 && b < 127) || (b > 160 && b != 173);
  }

  /** encoder.json, byte for byte as OpenAI's; vocab.json is the same under another name. */
  String encoderJson() {
    return IntStream.range(0, tokens.size())
        .mapToObj(id -> json(tokens.get(id)) + ": " + id)
        .collect(Collectors.joining(", ", "{", "}"));
  }

  /** vocab.bpe, byte for byte as OpenAI's; merges.txt is the same under another name. */
  String vocabBpe() {
    return "#version: 0.2\n" + String.join("\n", merges) + "\n";
  }

  /** tokenizer.json with merges as "a b" (before tokenizers 0.20) or as ["a","b"]. */
  String tokenizerJson(boolean pairs) {
    String list =
        merges.stream()
            .map(merge -> pairs ? "[" + json(merge).replace(" ", "\",\"") + "]" : json(merge))
            .collect(Collectors.joining(","));
    return """
    {"version": "1.0", "truncation": null, "padding": null,
     "added_tokens": [{"id": 50256, "content": "<|endoftext|>", "single_word": false,
       "lstrip": false, "rstrip": false, "normalized": true, "special": true}],
     "normalizer": null,
     "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true},
     "post_processor": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false},
     "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true},
     "model": {"dropout": null, "unk_token": null, "continuing_subword_prefix": "",
       "end_of_word_suffix": "", "fuse_unk": false, "vocab": %s, "merges": [%s]}}
    """
        .formatted(encoderJson(), list);
  }

  /** The tokenizer loaded from vocab.json and merges.txt, once for all tests. */
  static synchronized Tokenizer tokenizer() {
    if (tokenizer == null) {
      try {
        var gpt2 = new Gpt2Vocabulary();
        Path folder = Files.createTempDirectory("gpt2-vocabulary");
        Path vocab = Files.writeString(folder.resolve("vocab.json"), gpt2.encoderJson());
        Path merges = Files.writeString(folder.resolve("merges.txt"), gpt2.vocabBpe());
        tokenizer = Tokenizer.load(folder);
        for (Path path : List.of(vocab, merges, folder)) {
          Files.delete(path);
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return tokenizer;
  }

  /** As Python's json.dumps. */
  private static String json(String text) {
    return text.chars()
        .mapToObj(
            c ->
                c == '"' || c == '\\'
                    ? "\\" + (char) c
                    : c < 127 ? String.valueOf((char) c) : "\\u%04x".formatted(c))
        .collect(Collectors.joining("", "\"", "\""));
  }
}
