package org.fastgpt.cli;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.fastgpt.BatchRunner.Request;
import org.fastgpt.Chooser;
import org.fastgpt.Generator.Result;
import org.fastgpt.Generator.Stop;
import org.fastgpt.TextPieces;
import org.fastgpt.tokenizer.Tokenizer;

/** One of many texts: what is asked of the model, and what comes of it. */
final class Continuation {

  private final Request request;
  private final OptionalLong seed;
  private final Optional<TextPieces> pieces;
  private final StringBuilder text = new StringBuilder();

  /**
   * Nothing has come as yet.
   *
   * @param n up to so many new tokens; -1: as many as the context holds
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
    pieces = tokenizer.map(t -> new TextPieces(t, stop.strings()));
    request = new Request(prompt, n, stop.atEndOfText(), stop.tokens(), chooser, this::take);
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

  /** The new tokens and their text, and the seed that they were drawn by, if they were. */
  Map<String, Object> describe(Result result) {
    var object = new LinkedHashMap<String, Object>();
    seed.ifPresent(s -> object.put("seed", s));
    object.put("new_ids", result.ids());
    pieces.ifPresent(_ -> object.put("text", text()));
    object.put("stop", stop(result).name().toLowerCase(Locale.ROOT));
    return object;
  }

  /** The whole text, now that no token comes any more; empty without a tokenizer. */
  String text() {
    pieces.ifPresent(p -> text.append(p.end()));
    return text.toString();
  }
}
