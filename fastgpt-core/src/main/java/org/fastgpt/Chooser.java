package org.fastgpt;

/** Chooses the next token of a sequence. */
@FunctionalInterface
public interface Chooser {

  /** The token with the largest logit, of several the first. */
  Chooser GREEDY = (logits, _, _, _) -> Generator.argmax(logits);

  /**
   * The token at position {@code length} of the text. The same arguments give the same token, so
   * that a position may be tried in advance.
   *
   * @param logits [n_vocab] that follow the text; not to be written to
   * @param ids the whole text: the prompt, then the new tokens; what follows {@code length} is not
   *     part of it
   * @param promptLength number of ids that are the prompt's
   * @param length number of ids in all
   * @throws IllegalStateException there is none to choose
   */
  int choose(float[] logits, int[] ids, int promptLength, int length);
}
