package org.fastgpt.sampling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.fastgpt.Chooser;
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
    assertThat(Draws.uniform(1, 0)).isEqualTo(0.36818951565166946);
    assertThat(Draws.uniform(1, 3)).isEqualTo(0.7774369184800852);
    assertThat(Sampler.seed(1, 1)).isEqualTo(6717404888216029L);
    assertThat(Sampler.seed(1, 7)).isEqualTo(4711370312533232L);
  }

  /** So that no reader of JSON rounds them, and an option can say them. */
  @Test
  void seedsOfSeveralTextsAreDifferentAndOf53Bits() {
    for (long seed : new long[] {0, 1, 2, 1L << 53, Long.MAX_VALUE}) {
      assertThat(Sampler.seed(seed, 0)).isEqualTo(seed);
      assertThat(IntStream.range(1, 1000).mapToLong(i -> Sampler.seed(seed, i)).boxed())
          .doesNotHaveDuplicates()
          .doesNotContain(seed)
          .allMatch(s -> s >= 0 && s < 1L << 53);
    }
    assertThat(Sampler.seed(1, 1)).isNotIn(Sampler.seed(2, 0), Sampler.seed(0, 2));
  }

  /** With any of them on, greedy choice goes through them; how far back they look is none. */
  @Test
  void eachPenaltyCountsAlone() {
    Bias bias = Bias.forbidding(List.of(1));
    Penalties off = Penalties.NONE;
    assertThat(off.repeatLastN(3).none()).isTrue();
    assertThat(Sampler.of(CONFIG, off, Warping.GREEDY, () -> 0)).isSameAs(Chooser.GREEDY);
    List<Penalties> alone =
        List.of(
            off.bias(List.of(bias)),
            off.repetition(1.5),
            off.presence(0.5),
            off.frequency(0.5),
            off.noRepeatNgram(2),
            off.badWords(List.of(bias)),
            off.minNewTokens(1));
    assertThat(alone).noneMatch(Penalties::none);
    assertThat(alone)
        .map(on -> Sampler.of(CONFIG, on, Warping.GREEDY, () -> 0))
        .doesNotContain(Chooser.GREEDY);
  }

  /** 4 standard deviations of a binomial count. */
  @Test
  void drawsAsOftenAsProbabilitiesSay() {
    float[] logits = {0, 1, 2, -1, Float.NEGATIVE_INFINITY};
    var sampler = new Sampler(CONFIG, Penalties.NONE, Warping.NONE, 1);
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
  void aDrawDependsOnSeedAndStepAlone() {
    var one = new Sampler(CONFIG, Penalties.NONE, Warping.NONE, 7);
    var other = new Sampler(CONFIG, Penalties.NONE, Warping.NONE, 7);
    float[] flat = new float[5];
    int[] forward = new int[50];
    for (int step = 0; step < 50; step++) {
      forward[step] = one.choose(flat, new int[60], 1, 1 + step);
    }
    for (int step = 49; step >= 0; step--) { // in another order, after a prompt of another length
      assertThat(other.choose(flat, new int[60], 5, 5 + step)).isEqualTo(forward[step]);
    }
    assertThat(forward).contains(0, 1, 2, 3, 4);
    assertThat(draws(6)).isNotEqualTo(draws(7));
  }

  private static List<Integer> draws(long seed) {
    var sampler = new Sampler(CONFIG, Penalties.NONE, Warping.NONE, seed);
    return IntStream.range(0, 50)
        .mapToObj(step -> sampler.choose(new float[5], new int[60], 1, 1 + step))
        .toList();
  }

  /** In any order of choices, for all that a choice needs is in its arguments. */
  @Test
  void samplersMayShareTheirBuffers() {
    var penalties = new Penalties(List.of(), 2, 1, 1, -1, 2, List.of(), 9);
    var warping = new Warping(0.5, 3, 0.9, 0.1, 0.9);
    var first = new Sampler(CONFIG, penalties, warping, 3);
    var second = first.another(Penalties.NONE, Warping.NONE, 4);
    float[] logits = {1, 2, 3, 2.5f, 0};
    for (int length = 1; length <= 4; length++) {
      assertThat(first.choose(logits, TEXT, 1, length))
          .isEqualTo(new Sampler(CONFIG, penalties, warping, 3).choose(logits, TEXT, 1, length));
      assertThat(second.choose(logits, TEXT, 1, length))
          .isEqualTo(
              new Sampler(CONFIG, Penalties.NONE, Warping.NONE, 4).choose(logits, TEXT, 1, length));
    }
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
      assertThat(new Sampler(CONFIG, Penalties.NONE, w, 1).choose(logits, TEXT, 1, 4))
          .as(w + "")
          .isIn(1, 3);
    }
    assertThat(new Sampler(CONFIG, Penalties.NONE, Warping.GREEDY, 1).choose(logits, TEXT, 1, 4))
        .as("of several the first")
        .isEqualTo(1);
  }

  /** OpenAI's: over the new tokens only, here 2 2 3. */
  @Test
  void presenceAndFrequencyPenaltiesCountNewTokens() {
    var penalties = Penalties.NONE.presence(0.5).frequency(0.25);
    double[] score = {1, 1, 1, 1, 1};
    int[] counts = new int[5];
    penalties.apply(score, counts, -1, TEXT, 1, 4);
    assertThat(score).containsExactly(1, 1, 1 - 0.5 - 2 * 0.25, 1 - 0.5 - 0.25, 1);
    assertThat(counts).containsOnly(0);
  }

  /** llama.cpp's repeat_last_n: what is further back might as well not be there. */
  @Test
  void theThreePenaltiesSeeTheLastTokensOnly() {
    var random = new Random(1);
    for (int i = 0; i < 1000; i++) {
      int[] ids = random.ints(random.nextInt(1, 12), 0, 5).toArray();
      int prompt = random.nextInt(1, ids.length + 1);
      int n = random.nextInt(-1, ids.length + 3);
      double[] score = random.doubles(5, -2, 2).toArray();
      double[] expected = score.clone();
      int from = n == -1 || n > ids.length ? 0 : ids.length - n;
      for (int id = 0; id < 5; id++) {
        int wanted = id;
        if (IntStream.range(from, ids.length).anyMatch(t -> ids[t] == wanted)) {
          expected[id] *= expected[id] < 0 ? 1.5 : 1 / 1.5;
        }
        long times =
            IntStream.range(from, ids.length).filter(t -> t >= prompt && ids[t] == wanted).count();
        expected[id] -= times * 0.25 + (times > 0 ? 0.5 : 0);
      }
      var penalties = Penalties.NONE.repetition(1.5).presence(0.5).frequency(0.25).repeatLastN(n);
      int[] counts = new int[5];
      penalties.apply(score, counts, -1, ids, prompt, ids.length);
      assertThat(score).as("case %d", i).containsExactly(expected, within(1e-15));
      assertThat(counts).containsOnly(0);
    }
  }

  @Test
  void theLogitsAreLeftAsTheyAre() {
    float[] logits = {1, 2, 3, 4, 5};
    var penalties = new Penalties(List.of(), 2, 1, 1, -1, 2, List.of(), 9);
    new Sampler(CONFIG, penalties, new Warping(0.5, 2, 0.9, 0.1, 0.9), 1)
        .choose(logits, TEXT, 1, 4);
    assertThat(logits).containsExactly(1, 2, 3, 4, 5);
  }

  @Test
  void eachPenaltyCanBeSaidAlone() {
    var bias = List.of(new Bias(List.of(1), 1));
    var bad = List.of(Bias.forbidding(List.of(2)));
    assertThat(
            Penalties.NONE
                .bias(bias)
                .repetition(2)
                .presence(3)
                .frequency(4)
                .repeatLastN(5)
                .noRepeatNgram(6)
                .badWords(bad)
                .minNewTokens(7))
        .isEqualTo(new Penalties(bias, 2, 3, 4, 5, 6, bad, 7));
  }

  @Test
  void saysWhenNothingIsLeftToChoose() {
    var all = Stream.of(0, 1, 2, 3).map(id -> Bias.forbidding(List.of(id))).toList();
    var penalties = Penalties.NONE.badWords(all).minNewTokens(9);
    var sampler = new Sampler(CONFIG, penalties, Warping.GREEDY, 1);
    assertThatThrownBy(() -> sampler.choose(new float[5], TEXT, 1, 4))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("every token is forbidden");
  }

  @ParameterizedTest
  @CsvSource({"NaN", "Infinity"})
  void refusesLogitsThatAreNoNumbers(float wrong) {
    var sampler = new Sampler(CONFIG, Penalties.NONE, Warping.NONE, 1);
    assertThatThrownBy(() -> sampler.choose(new float[] {0, wrong, 0, 0, 0}, TEXT, 1, 4))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the logit of token 1 is " + (double) wrong + ": a finite number expected");
  }

  @Test
  void refusesIdsThatTheModelDoesNotHave() {
    var penalties = Penalties.NONE.bias(List.of(new Bias(List.of(1, 5), 1)));
    assertThatThrownBy(() -> new Sampler(CONFIG, penalties, Warping.NONE, 1))
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
