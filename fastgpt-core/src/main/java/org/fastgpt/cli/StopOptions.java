package org.fastgpt.cli;

import java.util.List;
import java.util.Set;
import org.fastgpt.Generator;
import org.fastgpt.GptConfig;
import org.fastgpt.StopStrings;
import picocli.CommandLine.Option;

/** When a text ends. */
final class StopOptions {

  @Option(
      names = {
        "-n",
        "--max-new-tokens",
        "--max_new_tokens",
        "--n-predict",
        "--n_tokens_to_generate"
      },
      paramLabel = "N",
      description =
          "How many tokens; -1: until the context is full (default: as the input says, or 20).")
  private Integer n;

  @Option(
      names = {"-r", "--stop", "--reverse-prompt", "--stop-strings", "--stop_strings"},
      paramLabel = "TEXT",
      description = "End before this text comes; may be given several times.")
  private List<String> stops = List.of();

  @Option(
      names = {"--stop-token", "--stop-tokens"},
      paramLabel = "ID",
      split = ",",
      description = "End before this token comes.")
  private List<Integer> stopTokens = List.of();

  @Option(names = "--ignore-eos", description = "Go on after end-of-text.")
  private boolean ignoreEos;

  @Option(
      names = "--on-overflow",
      paramLabel = "WHAT",
      defaultValue = "error",
      description =
          "If prompt and text do not fit the context: error (a prompt is refused, a text ends), or"
              + " truncate (the oldest tokens are left out).")
  private String onOverflow;

  /**
   * What a line of a batch asks for, by HuggingFace's names or shorter ones, and of the rest these
   * options.
   *
   * @throws IllegalArgumentException a value is of the wrong kind, or said twice
   */
  StopOptions with(JsonLine line) {
    onlyOne(line, "n", "max_new_tokens");
    onlyOne(line, "stop", "stop_strings");
    var own = new StopOptions();
    own.n = line.integer("n", line.integer("max_new_tokens", n));
    own.stops = line.texts("stop", line.texts("stop_strings", stops));
    own.stopTokens = stopTokens;
    own.ignoreEos = ignoreEos;
    own.onOverflow = onOverflow;
    if (own.n != null && own.n < -1) {
      throw new IllegalArgumentException(
          "'n' " + own.n + ": a number of tokens expected, or -1 to fill the context");
    }
    return own;
  }

  private static void onlyOne(JsonLine line, String one, String other) {
    if (line.has(one) && line.has(other)) {
      throw new IllegalArgumentException("'" + one + "' and '" + other + "': only one expected");
    }
  }

  /** How many tokens, if it is not said, {@code otherwise}. */
  int n(int otherwise) {
    return n == null ? otherwise : n;
  }

  List<String> strings() {
    return stops;
  }

  Set<Integer> tokens() {
    return Set.copyOf(stopTokens);
  }

  boolean atEndOfText() {
    return !ignoreEos;
  }

  boolean slides() {
    return onOverflow.equals("truncate");
  }

  /**
   * Checks the stop tokens.
   *
   * @throws IllegalArgumentException one is outside the vocabulary
   */
  void check(GptConfig config) {
    Generator.checkStopTokens(config, tokens());
  }

  /**
   * Checks what does not depend on the model.
   *
   * @throws IllegalArgumentException a wrong value, or an end that never comes
   */
  void check() {
    if (n != null && n < -1) {
      throw new IllegalArgumentException("-n " + n + ": a number of tokens expected, or -1");
    }
    var _ = new StopStrings(stops); // refuses an empty one
    if (!slides() && !onOverflow.equals("error")) {
      throw new IllegalArgumentException(
          "--on-overflow " + onOverflow + ": error or truncate expected");
    }
    if (slides() && n != null && n == -1) {
      throw new IllegalArgumentException(
          "--on-overflow truncate with -n -1 has no end: give a number of tokens");
    }
  }
}
