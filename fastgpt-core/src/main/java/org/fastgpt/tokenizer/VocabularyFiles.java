package org.fastgpt.tokenizer;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.fastgpt.model.ModelException;

/** Reads the vocabulary files of a folder. They are not trusted: size and content are checked. */
final class VocabularyFiles {
  /** GPT-2's largest file, tokenizer.json with its merges as pairs, is a twentieth of this. */
  private static final int MAX_BYTES = 64 << 20;

  private static final JsonFactory JSON =
      JsonFactory.builder()
          .disable(JsonFactory.Feature.INTERN_FIELD_NAMES) // every name occurs once
          .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
          .build();

  private VocabularyFiles() {}

  /** As {@link Tokenizer#load}. */
  static Tokenizer load(Path folder) {
    if (Files.isRegularFile(folder)) {
      return LlmcVocabulary.load(folder);
    }
    checkSettings(folder.resolve("tokenizer_config.json"));
    for (var names :
        List.of(List.of("vocab.json", "merges.txt"), List.of("encoder.json", "vocab.bpe"))) {
      Path vocab = folder.resolve(names.get(0));
      Path merges = folder.resolve(names.get(1));
      if (Files.isRegularFile(vocab) && Files.isRegularFile(merges)) {
        Path added = folder.resolve("added_tokens.json");
        return new Vocabulary(
                vocab,
                json(vocab, VocabularyFiles::ids),
                merges,
                merges(merges),
                Files.isRegularFile(added) ? json(added, VocabularyFiles::ids) : Map.of())
            .tokenizer();
      }
    }
    Path file = folder.resolve("tokenizer.json");
    if (Files.isRegularFile(file)) {
      return json(file, p -> new TokenizerJson(file).read(p)).tokenizer();
    }
    throw new ModelException(
        folder
            + ": vocab.json and merges.txt, encoder.json and vocab.bpe, or tokenizer.json expected,"
            + " none of these found");
  }

  /** HuggingFace's settings beside the vocabulary: two of them change the ids. */
  private static void checkSettings(Path file) {
    if (Files.isRegularFile(file)) {
      Map<String, String> settings = json(file, p -> fields(p, SKIP));
      for (String name : List.of("add_prefix_space", "add_bos_token")) {
        if ("true".equals(settings.get(name))) {
          throw new ModelException(file + ": " + name + " true is not supported, false expected");
        }
      }
    }
  }

  /** merges.txt: perhaps a line "#version: 0.2", then a pair on each line, the first rank 0. */
  private static List<String> merges(Path file) {
    List<String> lines = new String(bytes(file), StandardCharsets.UTF_8).lines().toList();
    boolean headed = !lines.isEmpty() && lines.get(0).startsWith("#version");
    return headed ? lines.subList(1, lines.size()) : lines;
  }

  private static byte[] bytes(Path file) {
    return bytes(file, MAX_BYTES);
  }

  /** The bytes of the file, of which there must not be more than {@code limit}. */
  static byte[] bytes(Path file, int limit) {
    try (InputStream in = Files.newInputStream(file)) {
      byte[] bytes = in.readNBytes(limit + 1);
      if (bytes.length > limit) {
        throw new ModelException(file + ": at most " + limit + " bytes expected, more found");
      }
      return bytes;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Reads one JSON value, at whose first token the parser is, up to its last token. */
  @FunctionalInterface
  interface Reader<T> {
    T read(JsonParser p) throws IOException;
  }

  private static <T> T json(Path file, Reader<T> reader) {
    try (JsonParser p = JSON.createParser(bytes(file))) {
      p.nextToken();
      T value = reader.read(p);
      if (p.nextToken() != null) {
        throw new ModelException(file + ": the end expected after the JSON value, more found");
      }
      return value;
    } catch (UnexpectedJson e) {
      throw new ModelException(file + ": " + e.getMessage(), e);
    } catch (JacksonException e) {
      throw new ModelException(file + ": not valid JSON" + why(e), e);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Where and why, in one line, without what Jackson says of its own settings. */
  private static String why(JacksonException e) {
    JsonLocation at = e.getLocation(); // null where one of its limits is exceeded
    String where =
        at == null ? "" : " in line %d, column %d".formatted(at.getLineNr(), at.getColumnNr());
    String what = e.getOriginalMessage().lines().findFirst().orElse("");
    return where + ": " + what.replaceFirst(" \\([^(]*\\[Source: .*", "");
  }

  /** JSON of another shape than expected; {@link #json} adds the file's name. */
  private static final class UnexpectedJson extends IOException {
    private static final long serialVersionUID = 1L;

    UnexpectedJson(String message) {
      super(message);
    }
  }

  /** Fails unless the parser is at {@code expected}; {@code what} says it for people. */
  static void expect(JsonParser p, JsonToken expected, String what) throws IOException {
    if (p.currentToken() != expected) {
      String name = p.currentName();
      String found = p.currentToken() == null ? "the end" : Vocabulary.quoted(p.getText());
      throw new UnexpectedJson(
          (name == null ? "" : Vocabulary.quoted(name) + ": ")
              + what
              + " expected, "
              + found
              + " found");
    }
  }

  /** Fails if the field was there before. Jackson would see to it, by one more set of all names. */
  private static void once(JsonParser p, boolean first) throws IOException {
    if (!first) {
      String what = "Duplicate field '" + p.currentName() + "'";
      throw new JsonParseException(p, what, p.currentTokenLocation());
    }
  }

  /** An object of tokens and their ids. */
  static Map<String, Integer> ids(JsonParser p) throws IOException {
    expect(p, JsonToken.START_OBJECT, "an object of tokens and ids");
    Map<String, Integer> ids = HashMap.newHashMap(1 << 16);
    for (String token = p.nextFieldName(); token != null; token = p.nextFieldName()) {
      p.nextToken();
      expect(p, JsonToken.VALUE_NUMBER_INT, "an id");
      once(p, ids.put(token, p.getIntValue()) == null);
    }
    return ids;
  }

  /** Reads the value of a field, an object or array. */
  @FunctionalInterface
  interface Nested {
    void read(String name, JsonParser p) throws IOException;
  }

  static final Nested SKIP = (name, p) -> p.skipChildren();

  /**
   * The strings, numbers, booleans and nulls of an object as text; {@code nested} reads the rest.
   */
  static Map<String, String> fields(JsonParser p, Nested nested) throws IOException {
    expect(p, JsonToken.START_OBJECT, "an object");
    Map<String, String> fields = new HashMap<>();
    Set<String> names = new HashSet<>();
    for (String name = p.nextFieldName(); name != null; name = p.nextFieldName()) {
      once(p, names.add(name));
      if (p.nextToken().isScalarValue()) {
        fields.put(name, p.getText());
      } else {
        nested.read(name, p);
      }
    }
    return fields;
  }

  static String string(JsonParser p) throws IOException {
    expect(p, JsonToken.VALUE_STRING, "a string");
    return p.getText();
  }
}
