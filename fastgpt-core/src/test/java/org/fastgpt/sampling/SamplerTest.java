package org.fastgpt.sampling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.fastgpt.GptConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SamplerTest {

  private static final GptConfig CONFIG = GptConfig.gpt2(5, 1 << 20, 4, 1, 1);
  private static final int[] TEXT = {1, 2, 2, 3};

  /** The JDK has the same generator; the first three are those published with SplitMix64. */
  @Test
  void theNumbersAreSplitMix64s() {
    assertThat(Draws.output(1234567, 0)).isEqualTo(6457827717110365317L);
    assertThat(Draws.output(1234567, 1)).isEqualTo(3203168211198807973L);
    assertThat(Draws.output(1234567, 2)).isEqualTo(Long.parseUnsignedLong("9817491932198370423"));
    for (long seed : new long[] {0, 1, -1, Long.MIN_VALUE, 0x123456789abcdefL}) {
      var expected = new SplittableRandom(seed);
      for (int i = 0; i < 100; i++) {
        assertThat(Draws.output(seed, i)).isEqualTo(expected.nextLong());
      }
    }
  }

  /** Computed elsewhere: what a seed means must not change from version to version. */
  @Test
  void aSeedMeansTheseNumbers() {
    assertThat(Draws.uniform(1, 0, 0)).isEqualTo(0.36818951565166946);
    assertThat(Draws.uniform(1, 2, 3)).isEqualTo(0.05816240739533696);
  }

  /** 4 standard deviations of a binomial count. */
  @Test
  void drawsAsOftenAsProbabilitiesSay() {
    float[] logits = {0, 1, 2, -1, Float.NEGATIVE_INFINITY};
    var sampler = new Sampler(CONFIG, Penalties.NONE, Warping.NONE, 1, 0);
    int[] drawn = new int[5];
    int n = 100_000;
    for (int step = 0; step < n; step++) {
      drawn[sampler.choose(logits, new int[step + 1], 1, step + 1)]++;
    }
    double total = 0;
    for (float logit : logits) {
      total += Math.exp(logit);
    }
    for (int id = 0; id < 5; id++) {
      double p = Math.exp(logits[id]) / total;
      assertThat((double) drawn[id]).isCloseTo(n * p, within(4 * Math.sqrt(n * p * (1 - p))));
    }
  }

  @Test
  void aDrawDependsOnSeedRowAndStepAlone() {
    var one = new Sampler(CONFIG, Penalties.NONE, Warping.NONE, 7, 3);
    var other = new Sampler(CONFIG, Penalties.NONE, Warping.NONE, 7, 3);
    float[] flat = new float[5];
    int[] forward = new int[50];
    for (int step = 0; step < 50; step++) {
      forward[step] = one.choose(flat, new int[60], 1, 1 + step);
    }
    for (int step = 49; step >= 0; step--) { // in another order, after a prompt of another length
      assertThat(other.choose(flat, new int[60], 5, 5 + step)).isEqualTo(forward[step]);
    }
    assertThat(forward).contains(0, 1, 2, 3, 4);
    assertThat(draws(7, 2)).isNotEqualTo(draws(7, 3));
    assertThat(draws(6, 3)).isNotEqualTo(draws(7, 3));
  }

  private static List<Integer> draws(long seed, int row) {
    var sampler = new Sampler(CONFIG, Penalties.NONE, Warping.NONE, seed, row);
    return IntStream.range(0, 50)
        .mapToObj(step -> sampler.choose(new float[5], new int[60], 1, 1 + step))
        .toList();
  }

  @Test
  void temperatureZeroAndTopKOneAndAnyTinyTemperatureTakeTheLikeliest() {
    float[] logits = {-3, 2.5f, 2.4999f, 2.5f, 0};
    for (Warping w :
        List.of(
            Warping.GREEDY,
            new Warping(0, 3, 0.5, 0.1, 1),
            new Warping(1e-300, 2, 0.9, 0.1, 0.9),
            new Warping(Double.MIN_VALUE, 0, 1, 1, 1),
            new Warping(1, 0, 0, 0, 1))) {
      assertThat(new Sampler(CONFIG, Penalties.NONE, w, 1, 0).choose(logits, TEXT, 1, 4))
          .as(w + "")
          .isIn(1, 3);
    }
    assertThat(new Sampler(CONFIG, Penalties.NONE, Warping.GREEDY, 1, 0).choose(logits, TEXT, 1, 4))
        .as("of several the first")
        .isEqualTo(1);
  }

  /** OpenAI's: over the new tokens only, here 2 2 3. */
  @Test
  void presenceAndFrequencyPenaltiesCountNewTokens() {
    var penalties = new Penalties(List.of(), 1, 0.5, 0.25, 0, List.of(), 0);
    double[] score = {1, 1, 1, 1, 1};
    int[] counts = new int[5];
    penalties.apply(score, counts, -1, TEXT, 1, 4);
    assertThat(score).containsExactly(1, 1, 1 - 0.5 - 2 * 0.25, 1 - 0.5 - 0.25, 1);
    assertThat(counts).containsOnly(0);
  }

  @Test
  void theLogitsAreLeftAsTheyAre() {
    float[] logits = {1, 2, 3, 4, 5};
    var penalties = new Penalties(List.of(), 2, 1, 1, 2, List.of(), 9);
    new Sampler(CONFIG, penalties, new Warping(0.5, 2, 0.9, 0.1, 0.9), 1, 0)
        .choose(logits, TEXT, 1, 4);
    assertThat(logits).containsExactly(1, 2, 3, 4, 5);
  }

  @Test
  void saysWhenNothingIsLeftToChoose() {
    var all = Stream.of(0, 1, 2, 3).map(id -> Bias.forbidding(List.of(id))).toList();
    var penalties = new Penalties(List.of(), 1, 0, 0, 0, all, 9);
    var sampler = new Sampler(CONFIG, penalties, Warping.GREEDY, 1, 0);
    assertThatThrownBy(() -> sampler.choose(new float[5], TEXT, 1, 4))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("every token is forbidden");
  }

  @ParameterizedTest
  @CsvSource({"NaN", "Infinity"})
  void refusesLogitsThatAreNoNumbers(float wrong) {
    var sampler = new Sampler(CONFIG, Penalties.NONE, Warping.NONE, 1, 0);
    assertThatThrownBy(() -> sampler.choose(new float[] {0, wrong, 0, 0, 0}, TEXT, 1, 4))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the logit of token 1 is " + (double) wrong + ": a finite number expected");
  }

  @Test
  void refusesIdsThatTheModelDoesNotHave() {
    var penalties = new Penalties(List.of(new Bias(List.of(1, 5), 1)), 1, 0, 0, 0, List.of(), 0);
    assertThatThrownBy(() -> new Sampler(CONFIG, penalties, Warping.NONE, 1, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("token 5 is outside the vocabulary [0, 5)");
  }

  @ParameterizedTest
  @CsvSource({
    "-1, 0, 1, 0, 1, temperature -1",
    "NaN, 0, 1, 0, 1, temperature NaN",
    "Infinity, 0, 1, 0, 1, temperature Infinity",
    "1, -1, 1, 0, 1, top-k -1",
    "1, 0, 1.1, 0, 1, top-p 1.1",
    "1, 0, -0.1, 0, 1, top-p -0.1",
    "1, 0, 1, 2, 1, min-p 2",
    "1, 0, 1, 0, 0, typical-p 0",
    "0, 0, 1, 0, 0.5, temperature 0 takes the likeliest"
  })
  void refusesValuesOutOfRange(double t, int k, double p, double min, double typical, String said) {
    assertThatThrownBy(() -> new Warping(t, k, p, min, typical))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith(said);
  }
}
