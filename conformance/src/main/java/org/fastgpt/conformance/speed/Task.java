package org.fastgpt.conformance.speed;

import java.util.List;
import java.util.Optional;
import org.fastgpt.Generator;
import org.fastgpt.GptConfig;

/**
 * What every engine has to do.
 *
 * @param model the model as {@code --model} takes it, in any folder: a path, or a name
 * @param modelName what the tables call it
 * @param config its sizes
 * @param text the prompt, if it was given as text
 * @param prompt its ids
 * @param tokens how many new ones, at least 2: the first ends the prefill, the others are decoded
 * @param longTokens how many in a longer generation, whose decoding alone is timed; 0 for none
 * @param prefillLengths the prompts, by length, whose prefill is timed by itself
 */
public record Task(
    String model,
    String modelName,
    GptConfig config,
    Optional<String> text,
    int[] prompt,
    int tokens,
    int longTokens,
    List<Integer> prefillLengths) {

  /** Checks that all of it fits the model. */
  public Task {
    config.checkInput(prompt, 0);
    Generator.checkRoom(config, prompt.length);
    requireRoom("-n", tokens, 2, config.nCtx() - prompt.length);
    if (longTokens != 0) {
      requireRoom("--tokens", longTokens, 2, config.nCtx() - prompt.length);
    }
    for (int length : prefillLengths) {
      requireRoom("--prompt-lengths", length, 1, config.nCtx());
    }
    prefillLengths = List.copyOf(prefillLengths);
  }

  private static void requireRoom(String option, int value, int least, int most) {
    if (value < least || value > most) {
      throw new IllegalArgumentException(
          "%s %d: a number from %d to %d expected, for this model and prompt"
              .formatted(option, value, least, most));
    }
  }

  /** A prompt of some length: this prompt, over and over. */
  static int[] repeated(int[] prompt, int length) {
    int[] ids = new int[length];
    for (int t = 0; t < length; t++) {
      ids[t] = prompt[t % prompt.length];
    }
    return ids;
  }

  /**
   * What a decode step reads of the weights, as float32: all but the position embedding, of which
   * it is one row. Keys and values come on top.
   */
  long weightBytesPerStep() {
    return 4 * (config.parameters() - (long) config.nCtx() * config.nEmbd());
  }
}
