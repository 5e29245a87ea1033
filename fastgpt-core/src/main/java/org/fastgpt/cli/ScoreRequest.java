package org.fastgpt.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.Optional;

/**
 * What is to be scored: a text, or one that continues a context, which itself gets no score.
 *
 * @param context if there is one, perhaps empty
 */
record ScoreRequest(Optional<String> context, String text) {

  private static final JsonFactory FACTORY =
      JsonFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  /**
   * Of a line {@code {"text": …}} or {@code {"context": …, "continuation": …}}; what else the
   * object has is the user's own.
   *
   * @throws IllegalArgumentException it is neither
   */
  static ScoreRequest parse(String line) {
    Map<String, Object> object = object(line);
    if (object.get("text") instanceof String text
        && !object.containsKey("context")
        && !object.containsKey("continuation")) {
      return new ScoreRequest(Optional.empty(), text);
    }
    if (object.get("context") instanceof String context
        && object.get("continuation") instanceof String continuation
        && !object.containsKey("text")) {
      if (continuation.isEmpty()) {
        throw new IllegalArgumentException("an empty continuation has no tokens to score");
      }
      return new ScoreRequest(Optional.of(context), continuation);
    }
    throw new IllegalArgumentException(
        "{\"text\": \"…\"} or {\"context\": \"…\", \"continuation\": \"…\"} expected, "
            + object
            + " found");
  }

  private static Map<String, Object> object(String line) {
    try (JsonParser parser = FACTORY.createParser(line)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        String found = parser.currentToken() == null ? "nothing" : parser.getText();
        throw new IllegalArgumentException("a JSON object expected, " + found + " found");
      }
      Map<String, Object> object = JSON.std.mapFrom(parser);
      if (parser.nextToken() != null) {
        throw new IllegalArgumentException("one JSON object expected, more found after it");
      }
      return object;
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(notJson(e), e);
    } catch (IOException e) {
      throw new UncheckedIOException("reading from a string", e);
    }
  }

  private static String notJson(JsonProcessingException e) {
    String where = e.getLocation() == null ? "" : " at column " + e.getLocation().getColumnNr();
    String what = e.getOriginalMessage().replaceFirst(" \\(start marker at .*", "");
    return "not valid JSON" + where + ": " + what;
  }
}
