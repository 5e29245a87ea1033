package org.fastgpt;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** The golden data of the project's folder data. */
public final class Fixtures {
  private Fixtures() {}

  /** The folder data, seen from a module's folder. */
  public static final Path DATA = Path.of("..", "data");

  /** The embedded model. */
  public static final Path TINY_SHAKESPEARE = DATA.resolve("models").resolve("tiny-shakespeare");

  /** {@code data/golden/NAME.json}. */
  public static Map<String, Object> golden(String name) {
    try {
      return JSON.std.mapFrom(Files.readString(DATA.resolve("golden").resolve(name + ".json")));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The JSON object under that key. */
  @SuppressWarnings("unchecked") // JSON objects are read as maps
  public static Map<String, Object> object(Map<String, Object> json, String key) {
    return (Map<String, Object>) json.get(key);
  }

  /** The JSON objects of the array under that key. */
  @SuppressWarnings("unchecked") // JSON objects are read as maps
  public static List<Map<String, Object>> objects(Map<String, Object> json, String key) {
    return (List<Map<String, Object>>) json.get(key);
  }

  /** The array of integers under that key. */
  public static int[] ids(Map<String, Object> json, String key) {
    return ((List<?>) json.get(key)).stream().mapToInt(n -> ((Number) n).intValue()).toArray();
  }

  /** All numbers under that key, nested arrays row by row. */
  public static double[] doubles(Map<String, Object> json, String key) {
    return flatten(json.get(key)).mapToDouble(Number::doubleValue).toArray();
  }

  private static Stream<Number> flatten(Object json) {
    return json instanceof List<?> list
        ? list.stream().flatMap(Fixtures::flatten)
        : Stream.of((Number) json);
  }
}
