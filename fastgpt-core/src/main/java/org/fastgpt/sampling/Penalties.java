package org.fastgpt.sampling;

import java.util.List;
import org.fastgpt.GptConfig;

/**
 * What is done to the scores whether or not one samples: HuggingFace's logits processors, in its
 * order, and OpenAI's two penalties after its repetition penalty. Given a value, the methods of
 * these names give the same penalties but for that.
 *
 * @param bias as sequence_bias, which includes logit bias
 * @param repetition the score of each token of the text, prompt included, is divided by it if
 *     positive, else multiplied; 1: off
 * @param presence subtracted from the score of each new token that is there; 0: off
 * @param frequency subtracted from it as often as it is there; 0: off
 * @param repeatLastN the three look at no more than so many of the last tokens, as llama.cpp's; -1:
 *     at all, as HuggingFace's
 * @param noRepeatNgram no phrase of that many tokens comes twice, prompt included; 0: off
 * @param badWords phrases that must not come; end-of-text alone is not forbidden
 * @param minNewTokens no end-of-text before
 */
public record Penalties(
    List<Bias> bias,
    double repetition,
    double presence,
    double frequency,
    int repeatLastN,
    int noRepeatNgram,
    List<Bias> badWords,
    int minNewTokens) {

  public static final Penalties NONE = new Penalties(List.of(), 1, 0, 0, -1, 0, List.of(), 0);

  public Penalties {
    bias = List.copyOf(bias);
    badWords = List.copyOf(badWords);
    Range.check("repetition penalty", repetition, repetition > 0, "a number > 0, 1 for none");
    Range.check("presence penalty", presence, true, "a number");
    Range.check("frequency penalty", frequency, true, "a number");
    Range.check("repeat-last-n", repeatLastN, repeatLastN >= -1, "a number ≥ 0, or -1 for all,");
    Range.check("no-repeat n-gram size", noRepeatNgram, noRepeatNgram >= 0, "a number ≥ 0");
    Range.check("min new tokens", minNewTokens, minNewTokens >= 0, "a number ≥ 0");
  }

  /**
   * Whether all are off. Field by field: equals of a record is slow in a JVM that has just begun.
   */
  public boolean none() {
    return bias.isEmpty()
        && repetition == NONE.repetition
        && presence == NONE.presence
        && frequency == NONE.frequency
        && noRepeatNgram == NONE.noRepeatNgram
        && badWords.isEmpty()
        && minNewTokens == NONE.minNewTokens;
  }

  /** The same with other biases. */
  public Penalties bias(List<Bias> bias) {
    return new Penalties(
        bias, repetition, presence, frequency, repeatLastN, noRepeatNgram, badWords, minNewTokens);
  }

  /** The same with another repetition penalty. */
  public Penalties repetition(double repetition) {
    return new Penalties(
        bias, repetition, presence, frequency, repeatLastN, noRepeatNgram, badWords, minNewTokens);
  }

  /** The same with another presence penalty. */
  public Penalties presence(double presence) {
    return new Penalties(
        bias, repetition, presence, frequency, repeatLastN, noRepeatNgram, badWords, minNewTokens);
  }

  /** The same with another frequency penalty. */
  public Penalties frequency(double frequency) {
    return new Penalties(
        bias, repetition, presence, frequency, repeatLastN, noRepeatNgram, badWords, minNewTokens);
  }

  /** The same, the three looking at so many of the last tokens. */
  public Penalties repeatLastN(int repeatLastN) {
    return new Penalties(
        bias, repetition, presence, frequency, repeatLastN, noRepeatNgram, badWords, minNewTokens);
  }

  /** The same with another length of phrases that do not come twice. */
  public Penalties noRepeatNgram(int noRepeatNgram) {
    return new Penalties(
        bias, repetition, presence, frequency, repeatLastN, noRepeatNgram, badWords, minNewTokens);
  }

  /** The same with other phrases that must not come. */
  public Penalties badWords(List<Bias> badWords) {
    return new Penalties(
        bias, repetition, presence, frequency, repeatLastN, noRepeatNgram, badWords, minNewTokens);
  }

  /** The same with another number of tokens before end-of-text. */
  public Penalties minNewTokens(int minNewTokens) {
    return new Penalties(
        bias, repetition, presence, frequency, repeatLastN, noRepeatNgram, badWords, minNewTokens);
  }

  /**
   * Checks that all ids are a model's.
   *
   * @throws IllegalArgumentException one is not
   */
  void check(GptConfig config) {
    for (List<Bias> all : List.of(bias, badWords)) {
      for (Bias b : all) {
        config.checkIds(b.ids().stream().mapToInt(id -> id).toArray());
      }
    }
  }

  /**
   * Changes the scores of what may follow {@code ids[0, length)}.
   *
   * @param score [n_vocab]
   * @param counts scratch [n_vocab], all zero before and after
   * @param eos end-of-text, or -1
   */
  void apply(double[] score, int[] counts, int eos, int[] ids, int promptLength, int length) {
    int window = repeatLastN < 0 ? 0 : Math.max(0, length - repeatLastN); // where it begins
    add(bias, -1, score, ids, length);
    if (repetition != 1) {
      repetition(score, counts, ids, window, length);
    }
    if (presence != 0 || frequency != 0) {
      count(score, counts, ids, Math.max(window, promptLength), length);
    }
    if (noRepeatNgram > 0) {
      noRepeat(score, ids, length);
    }
    add(badWords, eos, score, ids, length);
    if (eos >= 0 && length - promptLength < minNewTokens) {
      score[eos] = Double.NEGATIVE_INFINITY;
    }
  }

  /** Adds what applies, but nothing to the token {@code spared} as such. */
  private static void add(List<Bias> all, int spared, double[] score, int[] ids, int length) {
    for (Bias b : all) {
      boolean alone = b.ids().size() == 1 && b.last() == spared;
      if (!alone && b.applies(ids, length)) {
        score[b.last()] += b.amount();
      }
    }
  }

  private void repetition(double[] score, int[] counts, int[] ids, int from, int to) {
    for (int i = from; i < to; i++) {
      int id = ids[i];
      if (counts[id]++ == 0) { // each token once
        score[id] = score[id] < 0 ? score[id] * repetition : score[id] / repetition;
      }
    }
    clear(counts, ids, from, to);
  }

  private void count(double[] score, int[] counts, int[] ids, int from, int to) {
    for (int i = from; i < to; i++) {
      counts[ids[i]]++;
    }
    for (int i = from; i < to; i++) {
      int id = ids[i];
      if (counts[id] > 0) {
        score[id] -= counts[id] * frequency + presence;
        counts[id] = 0;
      }
    }
  }

  private static void clear(int[] counts, int[] ids, int from, int to) {
    for (int i = from; i < to; i++) {
      counts[ids[i]] = 0;
    }
  }

  /** Forbids what followed each earlier place where the last noRepeatNgram - 1 tokens stand. */
  private void noRepeat(double[] score, int[] ids, int length) {
    int prefix = noRepeatNgram - 1;
    for (int i = 0; i + prefix < length; i++) {
      int same = 0;
      while (same < prefix && ids[i + same] == ids[length - prefix + same]) {
        same++;
      }
      if (same == prefix) {
        score[ids[i + prefix]] = Double.NEGATIVE_INFINITY;
      }
    }
  }
}
