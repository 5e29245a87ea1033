package org.fastgpt.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Map;
import org.fastgpt.Distribution;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.Engines;
import org.fastgpt.Fixtures;
import org.fastgpt.GptConfig;
import org.fastgpt.Scorer;
import org.fastgpt.Scores;
import org.fastgpt.Session;
import org.fastgpt.Tolerances;
import org.fastgpt.model.Model;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The core engine's scores against HuggingFace's in float64, on the embedded model. */
class ScoresTest {

  private static final Map<String, Object> GOLDEN = Fixtures.golden("tiny-shakespeare");

  private static Model model;
  private static Engine engine;
  private static Session session;

  @BeforeAll
  static void open() {
    model = Model.open(Fixtures.TINY_SHAKESPEARE);
    engine = Engines.named("core").open(model, EngineOptions.DEFAULT);
    session = engine.newSession();
  }

  @AfterAll
  static void close() {
    session.close();
    engine.close();
    model.close();
  }

  /** Error of the mean measured, as a share of the bound: 0.00003, for errors have no direction. */
  @ParameterizedTest
  @ValueSource(ints = {256, 128, 64})
  void perplexityIsHuggingFaces(int stride) {
    Map<String, Object> golden = Fixtures.object(GOLDEN, "perplexity");
    Map<String, Object> expected =
        Fixtures.objects(golden, "windows").stream()
            .filter(w -> w.get("stride").equals(stride))
            .findFirst()
            .orElseThrow();
    int[] ids = model.requireTokenizer().encode((String) golden.get("text"));
    assertThat(ids).hasSize((int) golden.get("n_tokens"));
    Scores scores = new Scorer(config().nCtx(), stride).score(session, config(), ids, 0);
    assertThat(scores.count()).isEqualTo(expected.get("scored_tokens"));
    double mean = (double) expected.get("nll") / scores.count();
    double bound = Tolerances.meanLogProbability(Tolerances.logits(config()) * largestLogit());
    assertThat(-scores.mean()).isCloseTo(mean, within(bound));
    double perplexity = (double) expected.get("perplexity");
    assertThat(scores.perplexity()).isCloseTo(perplexity, within(perplexity * 2 * bound));
  }

  /** Errors measured, as a share of the bound: up to 0.009. */
  @Test
  void everyLogProbabilityOfAFullContextIsHuggingFaces() {
    Map<String, Object> golden = Fixtures.object(GOLDEN, "full_context");
    double[] expected = Fixtures.doubles(golden, "next_logprob");
    int[] ids = Fixtures.ids(golden, "ids");
    Scores scores = Scorer.whole(config()).score(session, config(), ids, 0);
    double bound = 2 * Tolerances.logits(config()) * largestLogit();
    assertThat(scores.count()).isEqualTo(expected.length);
    for (int t = 1; t < ids.length; t++) {
      assertThat(scores.logProbability(t)).isCloseTo(expected[t - 1], within(bound));
    }
  }

  @Test
  void whatGreedyGenerationChoseIsGreedyAndNothingElse() {
    for (Map<String, Object> golden : Fixtures.objects(GOLDEN, "greedy")) {
      int[] prompt = Fixtures.ids(golden, "prompt_ids");
      int[] chosen = Fixtures.ids(golden, "new_ids");
      int[] ids = Arrays.copyOf(prompt, prompt.length + chosen.length);
      System.arraycopy(chosen, 0, ids, prompt.length, chosen.length);
      Scorer scorer = Scorer.whole(config());
      assertThat(scorer.score(session, config(), ids, prompt.length).isGreedy()).isTrue();
      ids[ids.length - 1] ^= 1;
      assertThat(scorer.score(session, config(), ids, prompt.length).isGreedy()).isFalse();
    }
  }

  /** Each of the 1024 terms, and the sum, within some roundings of float64. */
  @Test
  void theProbabilitiesOfAllTokensAddUpToOne() {
    int[] ids = Fixtures.ids(Fixtures.object(GOLDEN, "full_context"), "ids");
    session.rewind(0);
    session.forward(
        Arrays.copyOf(ids, 20),
        (_, logits) -> {
          var distribution = new Distribution(logits);
          double sum = 0;
          for (int id = 0; id < logits.length; id++) {
            sum += StrictMath.exp(distribution.logProbability(id));
          }
          assertThat(sum).isCloseTo(1, within(1e-12));
        });
  }

  /** The logits are the same bits however a text is cut, so only the sums are rounded apart. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 31, 100, 255})
  void aContinuationIsTheDifferenceOfPrefixes(int first) {
    int[] ids = Fixtures.ids(Fixtures.object(GOLDEN, "full_context"), "ids");
    Scorer scorer = Scorer.whole(config());
    double all = scorer.score(session, config(), ids, 0).sum();
    double context = scorer.score(session, config(), Arrays.copyOf(ids, first), 0).sum();
    double continuation = scorer.score(session, config(), ids, first).sum();
    assertThat(continuation).isCloseTo(all - context, within(1e-10));
  }

  private static GptConfig config() {
    return engine.config();
  }

  /** What the bound is relative to: of one position for all. */
  private static double largestLogit() {
    double[] logits = Fixtures.doubles(Fixtures.object(GOLDEN, "full_context"), "last_logits");
    return Arrays.stream(logits).map(Math::abs).max().orElseThrow();
  }
}
