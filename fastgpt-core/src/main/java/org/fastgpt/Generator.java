package org.fastgpt;

import java.util.Set;
import java.util.function.IntPredicate;

/**
 * Generation over any engine, one token after the other.
 *
 * @param cached whether a step processes the new tokens alone; if not, the whole sequence again, as
 *     picoGPT and fastGPT's "no cache" runs do
 * @param stopAtEndOfText whether the end-of-text token ends it
 * @param stopTokens other tokens that end it
 * @param chooser what chooses each token
 * @param slides whether, when the context is full, the oldest tokens are left out and the rest is
 *     processed anew; if not, that is the end
 * @param draft how many tokens {@link PromptLookup} may guess in advance at most; they are checked
 *     in one pass, which saves time where text repeats itself. 0: none. The text stays the same
 *     only with an engine that promises {@link Promise#SAME_BITS_HOWEVER_SPLIT}
 */
public record Generator(
    boolean cached,
    boolean stopAtEndOfText,
    Set<Integer> stopTokens,
    Chooser chooser,
    boolean slides,
    int draft) {

  /** Why a generation ended. */
  public enum Stop {
    /** The number of tokens asked for is there. */
    LENGTH,
    /** End-of-text was chosen, which is not among the new tokens. */
    END_OF_TEXT,
    /** A stop token was chosen, which is not among the new tokens. */
    STOP_TOKEN,
    /** A stop string came: said by those who read text, see {@link TextPieces}. */
    STOP_STRING,
    /** Prompt and new tokens fill the context. */
    CONTEXT_FULL,
    /** The receiver wanted no more. */
    CANCELLED
  }

  /**
   * The new tokens, without the prompt, and why there are no more.
   *
   * @param left how many of the oldest tokens were left out of the context at the end
   */
  public record Result(int[] ids, Stop stop, int left) {}

  public Generator {
    stopTokens = Set.copyOf(stopTokens);
    if (draft < 0) {
      throw new IllegalArgumentException("draft " + draft + ": a number of tokens ≥ 0 expected");
    }
    if (draft > 0 && !cached) {
      throw new IllegalArgumentException("drafts need the KV cache: without it they save nothing");
    }
  }

  /** Greedy, and the end of the context is the end. */
  public Generator(boolean cached, boolean stopAtEndOfText) {
    this(cached, stopAtEndOfText, Set.of(), Chooser.GREEDY, false, 0);
  }

  /** The same with another chooser. */
  public Generator with(Chooser other) {
    return new Generator(cached, stopAtEndOfText, stopTokens, other, slides, draft);
  }

  /** The same, ended by these tokens too. */
  public Generator stoppingAt(Set<Integer> tokens) {
    return new Generator(cached, stopAtEndOfText, tokens, chooser, slides, draft);
  }

  /** The same, but a full context is not the end. */
  public Generator sliding() {
    return new Generator(cached, stopAtEndOfText, stopTokens, chooser, true, draft);
  }

  /** The same with up to {@code tokens} guessed in advance. */
  public Generator drafting(int tokens) {
    return new Generator(cached, stopAtEndOfText, stopTokens, chooser, slides, tokens);
  }

  /**
   * Continues {@code prompt} by up to {@code n} tokens; -1: as many as the context holds.
   *
   * @param session any session; what it holds is forgotten
   * @param prompt at least one token, and fewer than the context holds unless this generator slides
   * @param each gets every new token as it comes; false ends the generation
   * @throws IllegalArgumentException the prompt is empty or has a token outside the vocabulary, or
   *     -1 tokens are asked of a generator that slides
   * @throws IllegalStateException the prompt leaves no room for a new token
   */
  public Result generate(
      Session session, GptConfig config, int[] prompt, int n, IntPredicate each) {
    var generation = new Generation(this, session, config, prompt, n, each);
    while (generation.goesOn()) {
      generation.advance();
    }
    return generation.result();
  }

  /** Checks what {@link #generate} is given, and throws as it does. */
  void check(GptConfig config, int[] prompt, int n) {
    config.checkIds(prompt);
    if (!slides) {
      checkRoom(config, prompt.length);
    } else if (n < 0) {
      throw new IllegalArgumentException(
          "a generation whose context slides has no end of its own: give a number of tokens");
    }
  }

  /** Whether that token ends the text. */
  boolean ends(int id, GptConfig config) {
    return (stopAtEndOfText && id == config.eosTokenId()) || stopTokens.contains(id);
  }

  /**
   * Checks that a prompt leaves room for at least one new token.
   *
   * @throws IllegalStateException it does not
   */
  public static void checkRoom(GptConfig config, int promptLength) {
    if (promptLength >= config.nCtx()) {
      throw new IllegalStateException(
          "the prompt of "
              + promptLength
              + " tokens leaves no room for a new one: n_ctx = "
              + config.nCtx()
              + "; shorten it");
    }
  }

  /**
   * What a text begins with: its ids, or end-of-text if there are none.
   *
   * @throws IllegalArgumentException there are none, and the model has no end-of-text
   */
  public static int[] orEndOfText(GptConfig config, int[] ids) {
    if (ids.length > 0) {
      return ids;
    }
    if (config.eosTokenId() < 0) {
      throw new IllegalArgumentException(
          "the prompt is empty, and this model has no end-of-text token to start from");
    }
    return new int[] {config.eosTokenId()};
  }

  /**
   * Checks that a model has all stop tokens.
   *
   * @throws IllegalArgumentException one is outside the vocabulary
   */
  public static void checkStopTokens(GptConfig config, Set<Integer> tokens) {
    if (!tokens.isEmpty()) {
      config.checkIds(tokens.stream().mapToInt(id -> id).toArray());
    }
  }

  /** The index of the largest value, of several the first. */
  public static int argmax(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      if (logits[i] > logits[best]) {
        best = i;
      }
    }
    return best;
  }
}
