package org.fastgpt.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.jr.ob.JSON;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.LongSupplier;
import org.fastgpt.Chooser;
import org.fastgpt.GptConfig;
import org.fastgpt.model.InputDat;
import org.fastgpt.model.Model;
import org.fastgpt.sampling.LogProbabilities;
import org.fastgpt.sampling.Penalties;
import org.fastgpt.sampling.Sampler;
import org.fastgpt.sampling.Warping;
import org.fastgpt.tokenizer.Tokenizer;

/**
 * The prompts of a batch: a JSON object on each line, with {@code prompt} or {@code prompt_ids},
 * perhaps {@code id}, and what it wants to be otherwise than the options say. Blank lines are left
 * out. Keys that mean nothing here are the user's own; but those that would mean something to other
 * programs are refused, for their wish would not be granted.
 */
final class BatchInput {

  private static final List<String> REFUSED =
      List.of(
          "bad_words_ids",
          "early_stopping",
          "eos_token_id",
          "ignore_eos",
          "length_penalty",
          "logit_bias",
          "logprobs",
          "max_length",
          "max_tokens",
          "num_beams",
          "num_return_sequences",
          "on_overflow",
          "penalty_alpha",
          "sequence_bias",
          "stop_token_ids");

  /**
   * A line that is not blank.
   *
   * @param number from 1, blank lines counted
   * @param id what the line says under that name, or null
   * @param text what it asks for; null if it cannot be done
   * @param error why it cannot; null if it can
   */
  record Line(int number, Object id, Continuation text, String error) {
    /** The same line, which turned out to be one that cannot be done. */
    Line failed(String why) {
      return new Line(number, id, null, why);
    }
  }

  private final BufferedReader reader;
  private final Model model;
  private final Optional<Tokenizer> tokenizer;
  private final GptConfig config;
  private final SamplingOptions sampling;
  private final StopOptions stop;
  private final Integer topLogProbs;
  private final LongSupplier seed;
  private final Sampler sampler; // whose buffers all share
  private final LogProbabilities watch; // whose buffers all share
  private int number;
  private int count; // of the lines read that are not blank

  /**
   * Reads from a stream, which it does not close.
   *
   * @param sampling for lines that do not say otherwise
   * @param stop for lines that do not say otherwise
   * @param topLogProbs for lines that do not say otherwise: of how many tokens to tell the log
   *     probability at each place; null: of none, nor of the one chosen
   * @param seed of which {@link Sampler#seed} makes those of the lines, by their number from 0, the
   *     blank ones not counted; asked for when one is drawn
   * @throws IllegalArgumentException an option names a token that the model does not have, or more
   *     tokens than it has
   */
  BatchInput(
      InputStream in,
      Model model,
      SamplingOptions sampling,
      StopOptions stop,
      Integer topLogProbs,
      LongSupplier seed) {
    reader = reader(in);
    this.model = model;
    tokenizer = model.tokenizer();
    config = model.config();
    this.sampling = sampling;
    this.stop = stop;
    this.topLogProbs = topLogProbs;
    this.seed = seed;
    stop.check(config);
    if (!stop.strings().isEmpty()) {
      model.requireTokenizer(); // else none can be found
    }
    Penalties penalties = sampling.penalties(model::requireTokenizer);
    sampler = new Sampler(config, penalties, Warping.GREEDY, 0);
    watch =
        new LogProbabilities(
            Chooser.GREEDY, topLogProbs == null ? 0 : topLogProbs, config.nVocab());
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
    count++;
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
      var json =
          new JsonLine(
              JSON.std.mapFrom(text.getBytes(StandardCharsets.ISO_8859_1))); // bytes as they were
      id = json.values().get("id");
      var continuation = continuation(json);
      continuation.request().check(config);
      return new Line(number, id, continuation, null);
    } catch (JsonProcessingException e) {
      return new Line(number, id, null, "not a JSON object: " + e.getOriginalMessage());
    } catch (IllegalArgumentException | IllegalStateException e) {
      return new Line(number, id, null, e.getMessage());
    } catch (IOException e) {
      throw new AssertionError("reading from an array", e);
    }
  }

  private Continuation continuation(JsonLine json) {
    for (String key : REFUSED) {
      if (json.has(key)) {
        throw new IllegalArgumentException("'" + key + "' is nothing that a line can ask for");
      }
    }
    StopOptions ends = stop.with(json);
    SamplingOptions own = sampling.with(json);
    Warping warping = own.warping();
    Penalties penalties = own.penalties(model::requireTokenizer);
    int[] prompt = prompt(json);
    OptionalLong drawnBy =
        warping.greedy()
            ? OptionalLong.empty()
            : OptionalLong.of(own.seed().orElseGet(this::derivedSeed));
    Chooser chooser =
        warping.greedy() && penalties.none()
            ? Chooser.GREEDY
            : sampler.another(penalties, warping, drawnBy.orElse(0));
    Integer top = json.integer("top_logprobs", topLogProbs);
    return new Continuation(
        prompt,
        ends.n(InputDat.DEFAULT_N),
        ends,
        top == null ? chooser : watch.another(chooser, top),
        drawnBy,
        tokenizer);
  }

  private long derivedSeed() {
    return Sampler.seed(seed.getAsLong(), count - 1);
  }

  private int[] prompt(JsonLine json) {
    if (json.has("prompt") == json.has("prompt_ids")) {
      throw new IllegalArgumentException("either 'prompt' or 'prompt_ids' expected");
    }
    if (json.has("prompt_ids")) {
      return json.ids("prompt_ids");
    }
    String text = json.text("prompt");
    if (tokenizer.isEmpty()) {
      throw new IllegalArgumentException("this model has no tokenizer: 'prompt_ids' expected");
    }
    int[] encoded = tokenizer.get().encode(text);
    // An empty text starts from end-of-text, as that of 'generate' does.
    boolean starts = encoded.length == 0 && config.eosTokenId() >= 0;
    return starts ? new int[] {config.eosTokenId()} : encoded;
  }
}
