package org.fastgpt.model;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Path;
import java.util.Map;

/**
 * Strict JSON: no name twice in an object, nothing after the value, and no more of anything than
 * fits in little memory.
 */
final class Json {
  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .disable(JsonFactory.Feature.INTERN_FIELD_NAMES) // the names are a stranger's
          .streamReadConstraints(
              StreamReadConstraints.builder().maxNestingDepth(50).maxTokenCount(2_000_000).build())
          .build();

  private Json() {}

  /**
   * The object that {@code text}, which is in {@code file}, describes; its values as Java has them.
   */
  static Map<String, Object> object(Reader text, Path file) {
    try (JsonParser p = FACTORY.createParser(text)) {
      if (p.nextToken() != JsonToken.START_OBJECT) {
        String found = p.currentToken() == null ? "nothing" : p.getText();
        throw new ModelException(file + ": a JSON object expected, " + found + " found");
      }
      Map<String, Object> object = JSON.std.mapFrom(p);
      if (p.nextToken() != null) {
        throw new ModelException(file + ": the end expected after the JSON object, more found");
      }
      return object;
    } catch (IOException e) {
      throw malformed(file, e);
    }
  }

  /** The value as it stands in the file. */
  static String show(Object value) {
    try {
      return JSON.std.asString(value);
    } catch (IOException e) {
      return String.valueOf(value);
    }
  }

  private static ModelException malformed(Path file, IOException e) {
    if (e instanceof JsonProcessingException json) {
      var at = json.getLocation();
      String where =
          at == null ? "" : " in line " + at.getLineNr() + ", column " + at.getColumnNr();
      return new ModelException(
          file + ": not valid JSON" + where + ": " + json.getOriginalMessage(), e);
    }
    return ModelFile.unreadable(file, e);
  }
}
