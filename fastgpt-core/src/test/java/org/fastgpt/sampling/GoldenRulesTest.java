package org.fastgpt.sampling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.fastgpt.Fixtures;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What HuggingFace's logits processors and warpers leave, in float64. */
class GoldenRulesTest {

  /**
   * Two sums of the same probabilities in another order, and a logarithm in place of a quotient.
   */
  private static final double ROUNDING = 1e-13;

  private static final Map<String, Object> GENERATION = Fixtures.golden("generation");
  private static final Map<String, Object> SAMPLING =
      Fixtures.object(Fixtures.golden("tiny-shakespeare"), "sampling");

  static List<Map<String, Object>> rules() {
    return Fixtures.objects(GENERATION, "rules");
  }

  /** One rule, or several in HuggingFace's own order, with ties, bans and extreme values. */
  @ParameterizedTest
  @MethodSource("rules")
  void keepsWhatHuggingFaceKeeps(Map<String, Object> rule) {
    int eos = ((Number) GENERATION.get("eos")).intValue();
    Scores scores =
        apply(
            Fixtures.object(rule, "params"),
            Fixtures.doubles(rule, "logits"),
            Fixtures.ids(rule, "ids"),
            ((Number) rule.get("prompt_length")).intValue(),
            eos);
    assertThat(scores.kept()).containsExactly(Fixtures.ids(rule, "kept"));
    assertClose(scores.probabilities(), Fixtures.doubles(rule, "probs"));
  }

  static List<Map<String, Object>> rulesOnTheModel() {
    var all = new ArrayList<>(Fixtures.objects(SAMPLING, "rules"));
    all.add(Fixtures.object(SAMPLING, "chain"));
    return all;
  }

  /** On the logits of a real model, of which the fixture has the 50 likeliest that are left. */
  @ParameterizedTest
  @MethodSource("rulesOnTheModel")
  void keepsWhatHuggingFaceKeepsOfTheModelsLogits(Map<String, Object> rule) {
    int[] context = Fixtures.ids(SAMPLING, "context_ids");
    double[] logits = Fixtures.doubles(SAMPLING, "logits");
    Scores scores =
        apply(Fixtures.object(rule, "params"), logits, context, context.length, logits.length - 1);
    assertThat(scores.count()).isEqualTo(((Number) rule.get("n_kept")).intValue());
    double[] byId = new double[logits.length];
    int[] kept = scores.kept();
    double[] probabilities = scores.probabilities();
    for (int i = 0; i < kept.length; i++) {
      byId[kept[i]] = probabilities[i];
    }
    var ranking = new Ranking(byId.length);
    ranking.begin(byId, kept, kept.length);
    int[] top = Fixtures.ids(rule, "top_ids");
    assertThat(Arrays.stream(top).map(_ -> ranking.poll())).containsExactly(box(top));
    assertClose(
        Arrays.stream(top).mapToDouble(id -> byId[id]).toArray(),
        Fixtures.doubles(rule, "top_probs"));
  }

  @Test
  void theFixtureHasEachRuleAndItsEdges() {
    assertThat(rules()).hasSizeGreaterThanOrEqualTo(200);
    assertThat(rules().stream().filter(r -> Fixtures.ids(r, "kept").length == 1))
        .hasSizeGreaterThan(10);
    assertThat(rules().stream().filter(r -> Fixtures.object(r, "params").size() >= 4))
        .hasSizeGreaterThan(50);
  }

  private static Scores apply(
      Map<String, Object> params, double[] logits, int[] ids, int promptLength, int eos) {
    var scores = new Scores(logits.length);
    scores.load(logits);
    penalties(params)
        .apply(scores.array(), new int[logits.length], eos, ids, promptLength, ids.length);
    scores.begin();
    warping(params).apply(scores);
    return scores;
  }

  static Penalties penalties(Map<String, Object> params) {
    return new Penalties(
        list(params, "sequence_bias").stream()
            .map(pair -> (List<?>) pair)
            .map(pair -> new Bias(ints(pair.getFirst()), ((Number) pair.getLast()).doubleValue()))
            .toList(),
        number(params, "repetition_penalty", 1),
        0,
        0,
        -1,
        (int) number(params, "no_repeat_ngram_size", 0),
        list(params, "bad_words_ids").stream().map(w -> Bias.forbidding(ints(w))).toList(),
        (int) number(params, "min_new_tokens", 0));
  }

  private static Warping warping(Map<String, Object> params) {
    return new Warping(
        number(params, "temperature", 1),
        (int) number(params, "top_k", 0),
        number(params, "top_p", 1),
        number(params, "min_p", 0),
        number(params, "typical_p", 1));
  }

  private static double number(Map<String, Object> params, String key, double otherwise) {
    return ((Number) params.getOrDefault(key, otherwise)).doubleValue();
  }

  private static List<?> list(Map<String, Object> params, String key) {
    return (List<?>) params.getOrDefault(key, List.of());
  }

  private static List<Integer> ints(Object json) {
    return ((List<?>) json).stream().map(n -> ((Number) n).intValue()).toList();
  }

  private static Integer[] box(int[] ids) {
    return Arrays.stream(ids).boxed().toArray(Integer[]::new);
  }

  private static void assertClose(double[] actual, double[] expected) {
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < actual.length; i++) {
      assertThat(actual[i]).isCloseTo(expected[i], within(ROUNDING));
    }
  }
}
