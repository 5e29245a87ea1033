package org.fastgpt.conformance;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.fastgpt.model.Model;
import org.fastgpt.model.OpenAiWeights;

/** The golden data of the project's folder {@code data}: what others computed, with its source. */
public final class Golden {

  private final Map<String, Object> json;

  private Golden(Map<String, Object> json) {
    this.json = json;
  }

  /** The folder {@code data}: the property fastgpt.data, else where Maven's modules see it. */
  public static Path data() {
    return Path.of(System.getProperty("fastgpt.data", Path.of("..", "data").toString()));
  }

  /** {@code data/golden/NAME.json}, if there is one. */
  public static Optional<Golden> of(String name) {
    Path file = data().resolve("golden").resolve(name + ".json");
    return Files.exists(file) ? Optional.of(read(file)) : Optional.empty();
  }

  /**
   * The greedy continuation of a prompt that others computed with this very model, if the golden
   * data have it: HuggingFace in float64, or what is published for OpenAI's weights.
   */
  public static Optional<int[]> continuation(Model model, int[] prompt) {
    Optional<Golden> own = of(model.name()).filter(g -> g.has("greedy"));
    if (own.isPresent()) {
      return asked(own.get().objects("greedy"), prompt).map(g -> g.ids("new_ids"));
    }
    return OpenAiWeights.is124M(model)
        ? asked(OpenAi.greedyCases(), prompt).map(OpenAi::newIds)
        : Optional.empty();
  }

  private static Optional<Golden> asked(List<Golden> cases, int[] prompt) {
    return cases.stream().filter(c -> Arrays.equals(c.ids("prompt_ids"), prompt)).findFirst();
  }

  /** A JSON file. */
  public static Golden read(Path file) {
    try {
      return parse(Files.readString(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A file of JSON objects, one a line. */
  public static List<Golden> lines(Path file) {
    try (Stream<String> lines = Files.lines(file)) {
      return lines.map(Golden::parse).toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Golden parse(String text) {
    try {
      return new Golden(JSON.std.mapFrom(text));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public boolean has(String key) {
    return json.containsKey(key);
  }

  /** The keys in their order. */
  public List<String> keys() {
    return List.copyOf(json.keySet());
  }

  public String text(String key) {
    return (String) json.get(key);
  }

  public double number(String key) {
    return ((Number) json.get(key)).doubleValue();
  }

  /** The object under that key. */
  @SuppressWarnings("unchecked") // JSON objects are read as maps
  public Golden object(String key) {
    return new Golden((Map<String, Object>) json.get(key));
  }

  /** The objects of the array under that key. */
  @SuppressWarnings("unchecked") // JSON objects are read as maps
  public List<Golden> objects(String key) {
    return ((List<Map<String, Object>>) json.get(key)).stream().map(Golden::new).toList();
  }

  /** The integers under that key. */
  public int[] ids(String key) {
    return ((List<?>) json.get(key)).stream().mapToInt(n -> ((Number) n).intValue()).toArray();
  }

  /** All numbers under that key, nested arrays row by row. */
  public double[] doubles(String key) {
    return flatten(json.get(key)).mapToDouble(Number::doubleValue).toArray();
  }

  private static Stream<Number> flatten(Object value) {
    return value instanceof List<?> list
        ? list.stream().flatMap(Golden::flatten)
        : Stream.of((Number) value);
  }
}
