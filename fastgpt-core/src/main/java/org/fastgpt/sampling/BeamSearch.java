package org.fastgpt.sampling;

import java.util.List;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.fastgpt.Engine;
import org.fastgpt.Generator;
import org.fastgpt.Generator.Stop;

/**
 * Beam search, with HuggingFace's sequences and scores: at each step the likeliest continuations of
 * all beams, and a list of those that ended, best first by log probability over length ^
 * lengthPenalty (the length includes the token that ended it). Of equals the lower beam, then the
 * lower id comes first.
 *
 * @param beams how many texts are continued at once
 * @param lengthPenalty above 0 favours long texts, below 0 short ones
 * @param early when to end
 * @param penalties applied to log probabilities
 * @param stopAtEndOfText whether end-of-text ends a text
 * @param stopTokens other tokens that end one
 */
public record BeamSearch(
    int beams,
    double lengthPenalty,
    EarlyStopping early,
    Penalties penalties,
    boolean stopAtEndOfText,
    Set<Integer> stopTokens) {

  /** When to end, by HuggingFace's names. */
  public enum EarlyStopping {
    /** When {@code beams} texts have ended, and none that goes on is better than the worst now. */
    FALSE,
    /** When {@code beams} texts have ended. */
    TRUE,
    /** When {@code beams} texts have ended, and none that goes on can become better. */
    NEVER
  }

  /**
   * A text that was found.
   *
   * @param ids its new tokens, without the one that ended it
   * @param score log probability over length ^ lengthPenalty
   */
  public record Hypothesis(int[] ids, double score, Stop stop) {}

  public BeamSearch {
    stopTokens = Set.copyOf(stopTokens);
    Range.check("number of beams", beams, beams >= 1 && beams <= 1024, "a number in [1, 1024]");
    Range.check("length penalty", lengthPenalty, true, "a number");
  }

  /**
   * Continues {@code prompt} by up to {@code n} tokens; -1: as many as the context holds.
   *
   * @param goOn asked before each step; when it says no, the beams as they are are the result
   * @return the texts, best first; {@code beams} of them, unless there are not so many
   * @throws IllegalArgumentException the prompt is empty or has a token outside the vocabulary, or
   *     the penalties name such a token
   * @throws IllegalStateException the prompt leaves no room, or the penalties forbid every token
   */
  public List<Hypothesis> search(Engine engine, int[] prompt, int n, BooleanSupplier goOn) {
    engine.config().checkIds(prompt);
    penalties.check(engine.config());
    Generator.checkRoom(engine.config(), prompt.length);
    try (var sessions = new BeamSessions(engine)) {
      return new Beams(this, engine.config(), sessions, prompt, n).search(goOn);
    }
  }
}
