package org.fastgpt.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.fastgpt.BatchRunner.Request;
import org.fastgpt.Chooser;
import org.fastgpt.Generator;
import org.fastgpt.Generator.Result;
import org.fastgpt.Generator.Stop;
import org.fastgpt.TextPieces;
import org.fastgpt.sampling.LogProbabilities;
import org.fastgpt.tokenizer.Tokenizer;

/** One of many texts: what is asked of the model, and what comes of it. */
final class Continuation {

  /** How many of the oldest tokens the model does not see at the end, if any. */
  static final String LEFT_OUT = "left_out";

  private final Request request;
  private final OptionalLong seed;
  private final Optional<Tokenizer> tokenizer;
  private final Optional<TextPieces> pieces;
  private final StringBuilder text = new StringBuilder();

  /**
   * Nothing has come as yet.
   *
   * @param n up to so many new tokens; -1: as many as the context holds
   * @param chooser what {@link LogProbabilities} have watched is described with the text
   * @param seed by which it is drawn; empty: it is not drawn
   * @throws IllegalArgumentException a stop string is empty, or there is no tokenizer to find it
   */
  Continuation(
      int[] prompt,
      int n,
      StopOptions stop,
      Chooser chooser,
      OptionalLong seed,
      Optional<Tokenizer> tokenizer) {
    if (tokenizer.isEmpty() && !stop.strings().isEmpty()) {
      throw new IllegalArgumentException("this model has no tokenizer: no stop strings");
    }
    this.seed = seed;
    this.tokenizer = tokenizer;
    pieces = tokenizer.map(t -> new TextPieces(t, stop.strings()));
    var generator =
        new Generator(true, stop.atEndOfText(), stop.tokens(), chooser, stop.slides(), 0);
    request = new Request(generator, prompt, n, this::take);
  }

  private boolean take(int id) {
    pieces.ifPresent(p -> text.append(p.push(id)));
    return !stopped() && !Interrupt.happened();
  }

  private boolean stopped() {
    return pieces.isPresent() && pieces.get().stopped();
  }

  Request request() {
    return request;
  }

  OptionalLong seed() {
    return seed;
  }

  /** Why it ended, a stop string included. */
  Stop stop(Result result) {
    return pieces.map(p -> p.ended(result)).orElse(result).stop();
  }

  /** What has come of it, by the names of generate's {@code --json}. */
  Map<String, Object> describe(Result result) {
    var object = new LinkedHashMap<String, Object>();
    seed.ifPresent(s -> object.put("seed", s));
    object.put("new_ids", result.ids());
    pieces.ifPresent(_ -> object.put("text", text()));
    object.put("stop", stop(result).name().toLowerCase(Locale.ROOT));
    if (result.left() > 0) {
      object.put(LEFT_OUT, result.left());
    }
    if (request.generator().chooser() instanceof LogProbabilities) {
      object.put("logprobs", Answer.described(steps(), tokenizer));
    }
    return object;
  }

  /** What the model thought of each choice, if that is watched. */
  List<LogProbabilities.Step> steps() {
    return request.generator().chooser() instanceof LogProbabilities watch
        ? watch.steps()
        : List.of();
  }

  /** The whole text, now that no token comes any more; empty without a tokenizer. */
  String text() {
    pieces.ifPresent(p -> text.append(p.end()));
    return text.toString();
  }
}
