package org.fastgpt.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.jr.ob.JSON;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntPredicate;
import org.fastgpt.BatchRunner.Request;
import org.fastgpt.Chooser;
import org.fastgpt.GptConfig;
import org.fastgpt.tokenizer.Tokenizer;

/**
 * The prompts of a batch: a JSON object on each line, with {@code prompt} or {@code prompt_ids},
 * and perhaps {@code id} and {@code n} or {@code max_new_tokens}. Other keys are of no account, and
 * blank lines are left out.
 */
final class BatchInput {

  /**
   * A line that is not blank.
   *
   * @param number from 1, blank lines counted
   * @param id what the line says under that name, or null
   * @param request what it asks for; null if it cannot be done
   * @param error why it cannot; null if it can
   */
  record Line(int number, Object id, Request request, String error) {}

  private final BufferedReader reader;
  private final GptConfig config;
  private final Optional<Tokenizer> tokenizer;
  private final int n;
  private final boolean stopAtEndOfText;
  private final IntPredicate each;
  private int number;

  /**
   * Reads from a stream, which it does not close.
   *
   * @param n new tokens for lines that do not say how many
   * @param each gets every new token of all lines; false ends a text
   */
  BatchInput(
      InputStream in,
      GptConfig config,
      Optional<Tokenizer> tokenizer,
      int n,
      boolean stopAtEndOfText,
      IntPredicate each) {
    reader = reader(in);
    this.config = config;
    this.tokenizer = tokenizer;
    this.n = n;
    this.stopAtEndOfText = stopAtEndOfText;
    this.each = each;
  }

  /** The number of lines that are not blank. */
  static int count(InputStream in) throws IOException {
    BufferedReader reader = reader(in);
    int count = 0;
    for (String line = reader.readLine(); line != null; line = reader.readLine()) {
      if (!line.isBlank()) {
        count = Math.addExact(count, 1);
      }
    }
    return count;
  }

  /** Bytes as they are, one in a char: so a line that is not UTF-8 spoils no other. */
  private static BufferedReader reader(InputStream in) {
    return new BufferedReader(new InputStreamReader(in, StandardCharsets.ISO_8859_1));
  }

  /** The next line that is not blank, unread; empty at the end. */
  private Optional<String> nextText() throws IOException {
    String line;
    do {
      line = reader.readLine();
      number++;
    } while (line != null && line.isBlank());
    return Optional.ofNullable(line);
  }

  /** Passes over so many lines that are not blank. */
  void skip(int lines) throws IOException {
    for (int i = 0; i < lines; i++) {
      nextText();
    }
  }

  /** The next line; empty at the end. */
  Optional<Line> next() throws IOException {
    return nextText().map(this::line);
  }

  private Line line(String text) {
    Object id = null;
    try {
      Map<String, Object> json =
          JSON.std.mapFrom(text.getBytes(StandardCharsets.ISO_8859_1)); // the bytes as they were
      id = json.get("id");
      var request = new Request(prompt(json), n(json), stopAtEndOfText, Chooser.GREEDY, each);
      request.check(config);
      return new Line(number, id, request, null);
    } catch (JsonProcessingException e) {
      return new Line(number, id, null, "not a JSON object: " + e.getOriginalMessage());
    } catch (IllegalArgumentException | IllegalStateException e) {
      return new Line(number, id, null, e.getMessage());
    } catch (IOException e) {
      throw new AssertionError("reading from an array", e);
    }
  }

  private int[] prompt(Map<String, Object> json) {
    Object text = json.get("prompt");
    Object ids = json.get("prompt_ids");
    if ((text == null) == (ids == null)) {
      throw new IllegalArgumentException("either 'prompt' or 'prompt_ids' expected");
    }
    if (ids != null) {
      return ids(ids);
    }
    if (!(text instanceof String s)) {
      throw new IllegalArgumentException("'prompt': a text expected");
    }
    if (tokenizer.isEmpty()) {
      throw new IllegalArgumentException("this model has no tokenizer: 'prompt_ids' expected");
    }
    int[] encoded = tokenizer.get().encode(s);
    // An empty text starts from end-of-text, as that of 'generate' does.
    boolean starts = encoded.length == 0 && config.eosTokenId() >= 0;
    return starts ? new int[] {config.eosTokenId()} : encoded;
  }

  private static int[] ids(Object json) {
    if (!(json instanceof List<?> list)) {
      throw new IllegalArgumentException("'prompt_ids': a list of token ids expected");
    }
    return list.stream().mapToInt(id -> integer("prompt_ids", id)).toArray();
  }

  private int n(Map<String, Object> json) {
    Object some = json.get("n");
    Object other = json.get("max_new_tokens");
    if (some != null && other != null) {
      throw new IllegalArgumentException("'n' and 'max_new_tokens': only one expected");
    }
    if (some == null && other == null) {
      return n;
    }
    int wanted = some != null ? integer("n", some) : integer("max_new_tokens", other);
    if (wanted < -1) {
      throw new IllegalArgumentException(
          "'n' " + wanted + ": a number of tokens expected, or -1 to fill the context");
    }
    return wanted;
  }

  private static int integer(String name, Object json) {
    if (json instanceof Integer i) {
      return i;
    }
    throw new IllegalArgumentException("'" + name + "': " + json + " is not a whole number");
  }
}
