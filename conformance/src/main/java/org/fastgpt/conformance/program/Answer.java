package org.fastgpt.conformance.program;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Map;

/** One line of an answer, its fields checked as they are read. */
record Answer(Map<String, Object> fields) {
  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(10)
                  .maxStringLength(Integer.MAX_VALUE) // the line's length is bounded already
                  .build())
          .build();

  /** The program does not keep to the protocol: it cannot be spoken to any further. */
  static final class Fault extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Fault(String message) {
      super(message);
    }
  }

  static Answer parse(byte[] line) {
    try (JsonParser p = FACTORY.createParser(line)) {
      if (p.nextToken() != JsonToken.START_OBJECT) {
        throw new Fault("a JSON object expected, found: " + start(line));
      }
      Map<String, Object> fields = JSON.std.mapFrom(p);
      if (p.nextToken() != null) {
        throw new Fault("one JSON object in a line expected, found: " + start(line));
      }
      return new Answer(fields);
    } catch (JsonProcessingException e) {
      throw new Fault("not JSON (" + e.getOriginalMessage() + "): " + start(line));
    } catch (IOException e) {
      throw new UncheckedIOException(e); // cannot be: the line is in memory
    }
  }

  /** As much of a line as a message can show. */
  static String start(byte[] line) {
    String text = new String(line, 0, Math.min(line.length, 80), StandardCharsets.UTF_8);
    return line.length > 80 ? text + "..." : text;
  }

  boolean has(String key) {
    return fields.containsKey(key);
  }

  String text(String key) {
    return text(key, fields.get(key));
  }

  List<String> texts(String key) {
    return list(key, fields.get(key)).stream().map(word -> text(key, word)).toList();
  }

  int integer(String key) {
    return integer(key, fields.get(key));
  }

  int[] integers(String key) {
    return integers(key, fields.get(key));
  }

  List<int[]> integerLists(String key) {
    return list(key, fields.get(key)).stream().map(row -> integers(key, row)).toList();
  }

  /** Bytes, written in base64. */
  byte[] bytes(String key) {
    try {
      return Base64.getDecoder().decode(text(key));
    } catch (IllegalArgumentException e) {
      throw new Fault(key + ": base64 expected: " + e.getMessage());
    }
  }

  /** {@code n} finite numbers: of KEY_f32, little-endian in base64, else of the array KEY. */
  float[] floats(String key, long n) {
    float[] values = floats(key);
    if (values.length != n) {
      throw new Fault(key + ": " + n + " numbers expected, " + values.length + " found");
    }
    return values;
  }

  /** Any number of finite numbers. */
  float[] floats(String key) {
    float[] values = has(key + "_f32") ? packed(key + "_f32") : written(key);
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        throw new Fault(key + "[" + i + "]: a finite number expected, " + values[i] + " found");
      }
    }
    return values;
  }

  private float[] packed(String key) {
    byte[] bytes = bytes(key);
    if (bytes.length % 4 != 0) {
      throw new Fault(key + ": four bytes a number expected, " + bytes.length + " bytes found");
    }
    float[] values = new float[bytes.length / 4];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
    return values;
  }

  private float[] written(String key) {
    List<?> list = list(key, fields.get(key));
    float[] values = new float[list.size()];
    for (int i = 0; i < values.length; i++) {
      if (!(list.get(i) instanceof Number number)) {
        throw wrong(key + "[" + i + "]", "a number", list.get(i));
      }
      values[i] = number.floatValue();
    }
    return values;
  }

  private static String text(String key, Object value) {
    if (value instanceof String text) {
      return text;
    }
    throw wrong(key, "a string", value);
  }

  private static int integer(String key, Object value) {
    if (value instanceof Integer integer) {
      return integer;
    }
    throw wrong(key, "an integer", value);
  }

  private static int[] integers(String key, Object value) {
    return list(key, value).stream().mapToInt(item -> integer(key, item)).toArray();
  }

  private static List<?> list(String key, Object value) {
    if (value instanceof List<?> list) {
      return list;
    }
    throw wrong(key, "an array", value);
  }

  private static Fault wrong(String key, String expected, Object found) {
    String shown = String.valueOf(found);
    return new Fault(
        key
            + ": "
            + expected
            + " expected, "
            + (found == null ? "nothing" : shown.substring(0, Math.min(shown.length(), 80)))
            + " found");
  }
}
