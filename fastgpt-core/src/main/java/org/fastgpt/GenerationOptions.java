package org.fastgpt;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Collectors;
import org.fastgpt.sampling.Bias;
import org.fastgpt.sampling.Penalties;
import org.fastgpt.sampling.Warping;

/**
 * How a text is continued, by HuggingFace's names; each method with a parameter gives the same
 * options but for that one. A value out of its range is an {@link IllegalArgumentException} at
 * once, a token that the model does not have when the text is begun.
 *
 * <p>Greedy, until something is said that has to do with drawing: {@link #doSample}, {@link
 * #temperature}, {@link #topK}, {@link #topP}, {@link #minP}, {@link #typicalP} or {@link #seed}.
 * Penalties alone do not draw.
 *
 * {@snippet file="org/fastgpt/examples/ExamplesTest.java" region="options"}
 *
 * @param maxNewTokens how many tokens at most; -1: as many as the context holds
 * @param sampling how tokens are drawn; empty: each is the likeliest
 * @param seed what they are drawn by: the same seed gives the same text, on any machine; empty: one
 *     is made up
 * @param penalties what is done to the scores, drawn or not
 * @param stopStrings the text ends before any of them
 * @param stopTokens the text ends before any of them
 * @param ignoreEos whether the text goes on after end-of-text
 * @param onOverflow what a full context means
 */
public record GenerationOptions(
    int maxNewTokens,
    Optional<Warping> sampling,
    OptionalLong seed,
    Penalties penalties,
    List<String> stopStrings,
    Set<Integer> stopTokens,
    boolean ignoreEos,
    OnOverflow onOverflow) {

  /** What a full context means. */
  public enum OnOverflow {
    /** A prompt that leaves no room is refused, a text ends. */
    ERROR,
    /** The oldest tokens are left out, and the rest is processed anew. */
    TRUNCATE
  }

  /** Greedy, 20 tokens, end-of-text is the end. */
  public static final GenerationOptions DEFAULT =
      new GenerationOptions(
          20,
          Optional.empty(),
          OptionalLong.empty(),
          Penalties.NONE,
          List.of(),
          Set.of(),
          false,
          OnOverflow.ERROR);

  public GenerationOptions {
    if (maxNewTokens < -1) {
      throw new IllegalArgumentException(
          "max new tokens " + maxNewTokens + ": a number of tokens expected, or -1");
    }
    stopStrings = List.copyOf(stopStrings);
    stopTokens = Set.copyOf(stopTokens);
  }

  /** Up to so many tokens; -1: as many as the context holds. */
  public GenerationOptions maxNewTokens(int maxNewTokens) {
    return new GenerationOptions(
        maxNewTokens, sampling, seed, penalties, stopStrings, stopTokens, ignoreEos, onOverflow);
  }

  /** Draws each token, by the model's own probabilities unless more is said. */
  public GenerationOptions doSample() {
    return with(drawing());
  }

  /** Below 1 the likely become likelier; 0: the likeliest token, nothing is drawn. */
  public GenerationOptions temperature(double temperature) {
    Warping w = drawing();
    return with(new Warping(temperature, w.topK(), w.topP(), w.minP(), w.typicalP()));
  }

  /** Only the k likeliest are drawn; 0: all. */
  public GenerationOptions topK(int topK) {
    Warping w = drawing();
    return with(new Warping(w.temperature(), topK, w.topP(), w.minP(), w.typicalP()));
  }

  /** Only the likeliest that have this much probability together; 1: all. */
  public GenerationOptions topP(double topP) {
    Warping w = drawing();
    return with(new Warping(w.temperature(), w.topK(), topP, w.minP(), w.typicalP()));
  }

  /** Only those at least this many times as likely as the likeliest; 0: all. */
  public GenerationOptions minP(double minP) {
    Warping w = drawing();
    return with(new Warping(w.temperature(), w.topK(), w.topP(), minP, w.typicalP()));
  }

  /** Only the most typical that have this much probability together; 1: all. */
  public GenerationOptions typicalP(double typicalP) {
    Warping w = drawing();
    return with(new Warping(w.temperature(), w.topK(), w.topP(), w.minP(), typicalP));
  }

  /** Draws, by this seed. */
  public GenerationOptions seed(long seed) {
    return new GenerationOptions(
        maxNewTokens,
        Optional.of(drawing()),
        OptionalLong.of(seed),
        penalties,
        stopStrings,
        stopTokens,
        ignoreEos,
        onOverflow);
  }

  /** Above 1 makes all tokens of prompt and text less likely. */
  public GenerationOptions repetitionPenalty(double repetitionPenalty) {
    return penalties(penalties.repetition(repetitionPenalty));
  }

  /** No phrase of so many tokens comes twice; 0: off. */
  public GenerationOptions noRepeatNgramSize(int noRepeatNgramSize) {
    return penalties(penalties.noRepeatNgram(noRepeatNgramSize));
  }

  /** These phrases do not come: their ids, each in a list. */
  public GenerationOptions badWordsIds(List<List<Integer>> badWordsIds) {
    return penalties(penalties.badWords(badWordsIds.stream().map(Bias::forbidding).toList()));
  }

  /** No end of text before so many tokens. */
  public GenerationOptions minNewTokens(int minNewTokens) {
    return penalties(penalties.minNewTokens(minNewTokens));
  }

  /** All penalties: also the presence and frequency penalties, and bias for any token. */
  public GenerationOptions penalties(Penalties penalties) {
    return new GenerationOptions(
        maxNewTokens, sampling, seed, penalties, stopStrings, stopTokens, ignoreEos, onOverflow);
  }

  /** The text ends before any of these, and they are no part of it. */
  public GenerationOptions stopStrings(String... stopStrings) {
    return new GenerationOptions(
        maxNewTokens,
        sampling,
        seed,
        penalties,
        List.of(stopStrings),
        stopTokens,
        ignoreEos,
        onOverflow);
  }

  /** The text ends before any of these tokens, and they are no part of it. */
  public GenerationOptions stopTokens(int... stopTokens) {
    Set<Integer> tokens = Arrays.stream(stopTokens).boxed().collect(Collectors.toSet());
    return new GenerationOptions(
        maxNewTokens, sampling, seed, penalties, stopStrings, tokens, ignoreEos, onOverflow);
  }

  /** Whether the text goes on after end-of-text. */
  public GenerationOptions ignoreEos(boolean ignoreEos) {
    return new GenerationOptions(
        maxNewTokens, sampling, seed, penalties, stopStrings, stopTokens, ignoreEos, onOverflow);
  }

  /** What a full context means. */
  public GenerationOptions onOverflow(OnOverflow onOverflow) {
    return new GenerationOptions(
        maxNewTokens, sampling, seed, penalties, stopStrings, stopTokens, ignoreEos, onOverflow);
  }

  /** How a token is chosen of the scores. */
  Warping warping() {
    return sampling.orElse(Warping.GREEDY);
  }

  private Warping drawing() {
    return sampling.orElse(Warping.NONE);
  }

  private GenerationOptions with(Warping warping) {
    return new GenerationOptions(
        maxNewTokens,
        Optional.of(warping),
        seed,
        penalties,
        stopStrings,
        stopTokens,
        ignoreEos,
        onOverflow);
  }
}
