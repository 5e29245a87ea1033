package org.fastgpt;

import java.util.Arrays;

/**
 * Guesses how a text goes on from how it went on before: after the latest earlier place where its
 * last tokens stand too. As prompt lookup decoding (transformers' prompt_lookup_num_tokens).
 */
final class PromptLookup {

  /** Tokens that must agree: a longer match first; a single token alone says too little. */
  private static final int LONGEST = 3;

  private static final int SHORTEST = 2;

  private PromptLookup() {}

  /**
   * {@code n} ids that may follow {@code ids[0, length)}; none if there is no such place. Where the
   * place is so near that the text ends before n ids, it is taken to go on in that period.
   */
  static int[] draft(int[] ids, int length, int n) {
    for (int size = LONGEST; size >= SHORTEST && n > 0; size--) {
      for (int end = length - 1; end >= size; end--) {
        if (Arrays.equals(ids, end - size, end, ids, length - size, length)) {
          int period = length - end;
          int[] draft = new int[n];
          for (int i = 0; i < n; i++) {
            draft[i] = i < period ? ids[end + i] : draft[i - period];
          }
          return draft;
        }
      }
    }
    return new int[0];
  }
}
