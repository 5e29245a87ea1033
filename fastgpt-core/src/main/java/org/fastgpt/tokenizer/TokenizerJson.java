package org.fastgpt.tokenizer;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.fastgpt.model.ModelException;

/**
 * Reads the tokenizer.json of HuggingFace tokenizers. A setting that would give other ids than
 * GPT-2's is refused by name. Not looked at: {@code truncation} and {@code padding}, which belong
 * to a call; {@code unk_token}, since every byte is known; {@code trim_offsets}.
 */
final class TokenizerJson {
  private final Path file;
  private final Map<String, Map<String, String>> sections = new HashMap<>();
  private final Map<String, Integer> added = new HashMap<>();
  private Map<String, Integer> ids;
  private List<String> merges;

  TokenizerJson(Path file) {
    this.file = file;
  }

  Vocabulary read(JsonParser p) throws IOException {
    VocabularyFiles.fields(p, this::readSection);
    check("normalizer", "type", "null");
    check("pre_tokenizer", "type", "ByteLevel");
    check("pre_tokenizer", "add_prefix_space", "false");
    check("pre_tokenizer", "use_regex", "true", "null");
    check("post_processor", "type", "ByteLevel", "null");
    check("decoder", "type", "ByteLevel", "null");
    check("model", "type", "BPE", "null"); // the first releases wrote no type
    check("model", "dropout", "null", "0.0");
    check("model", "continuing_subword_prefix", "", "null");
    check("model", "end_of_word_suffix", "", "null");
    check("model", "byte_fallback", "false", "null");
    check("model", "ignore_merges", "false", "null");
    if (ids == null || merges == null) {
      throw new ModelException(file + ": model.vocab and model.merges expected, not both found");
    }
    return new Vocabulary(file, ids, file, merges, added);
  }

  /** Fails unless the setting has one of the values; "null" also stands for its absence. */
  private void check(String section, String name, String... expected) {
    String found = sections.getOrDefault(section, Map.of()).getOrDefault(name, "null");
    if (!List.of(expected).contains(found)) {
      throw new ModelException(
          "%s: %s.%s: %s expected, %s found"
              .formatted(
                  file, section, name, Vocabulary.quoted(expected[0]), Vocabulary.quoted(found)));
    }
  }

  private void readSection(String name, JsonParser p) throws IOException {
    switch (name) {
      case "added_tokens" -> readAdded(p);
      case "model" -> sections.put(name, VocabularyFiles.fields(p, this::readModel));
      case "normalizer", "pre_tokenizer", "post_processor", "decoder" ->
          sections.put(name, VocabularyFiles.fields(p, VocabularyFiles.SKIP));
      default -> p.skipChildren();
    }
  }

  private void readModel(String name, JsonParser p) throws IOException {
    switch (name) {
      case "vocab" -> ids = VocabularyFiles.ids(p);
      case "merges" -> readMerges(p);
      default -> p.skipChildren();
    }
  }

  /** {@code "a b"} or, since tokenizers 0.20, {@code ["a", "b"]}. */
  private void readMerges(JsonParser p) throws IOException {
    VocabularyFiles.expect(p, JsonToken.START_ARRAY, "an array of merges");
    merges = new ArrayList<>();
    while (p.nextToken() != JsonToken.END_ARRAY) {
      if (p.currentToken() == JsonToken.START_ARRAY) {
        p.nextToken();
        String left = VocabularyFiles.string(p);
        p.nextToken();
        merges.add(left + " " + VocabularyFiles.string(p));
        p.nextToken();
        VocabularyFiles.expect(p, JsonToken.END_ARRAY, "a pair");
      } else {
        merges.add(VocabularyFiles.string(p));
      }
    }
  }

  private void readAdded(JsonParser p) throws IOException {
    VocabularyFiles.expect(p, JsonToken.START_ARRAY, "an array of tokens");
    while (p.nextToken() != JsonToken.END_ARRAY) {
      Map<String, String> token = VocabularyFiles.fields(p, VocabularyFiles.SKIP);
      sections.put("added_tokens", token);
      check("added_tokens", "single_word", "false", "null");
      check("added_tokens", "lstrip", "false", "null");
      check("added_tokens", "rstrip", "false", "null");
      String id = token.getOrDefault("id", "none");
      String content = token.getOrDefault("content", "");
      if (!id.matches("[0-9]{1,9}") || added.put(content, Integer.valueOf(id)) != null) {
        throw new ModelException(
            "%s: added_tokens: an id and a text of its own expected, %s %s found"
                .formatted(file, Vocabulary.quoted(id), Vocabulary.quoted(content)));
      }
    }
  }
}
