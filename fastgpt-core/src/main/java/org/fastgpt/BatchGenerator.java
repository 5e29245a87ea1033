package org.fastgpt;

import java.util.List;

/** What an {@link Engine} also is if it continues several prompts as one padded batch. */
public interface BatchGenerator {

  /**
   * Greedy continuations of prompts of any lengths; end-of-text does not end one.
   *
   * @return {@code newTokens} new ids for each prompt
   * @throws IllegalArgumentException no prompts, an empty one, or an id outside the vocabulary
   * @throws IllegalStateException the longest prompt and the new tokens are more than n_ctx
   */
  List<int[]> generateBatch(List<int[]> prompts, int newTokens);
}
