package org.fastgpt.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.abort;

import java.math.BigDecimal;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
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
import org.fastgpt.model.MissingModelException;
import org.fastgpt.model.Model;
import org.fastgpt.model.Models;
import org.fastgpt.model.Progress;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Log-probabilities and losses that HuggingFace, minicons, pangoling and TransformerLens published
 * for OpenAI's 124M. They run where the weights are installed and are skipped where not.
 */
@Tag("model")
class PublishedScoresTest {

  /** The cases of trust A. */
  static Stream<Map<String, Object>> cases() {
    return Fixtures.objects(Fixtures.golden("published"), "generation").stream()
        .filter(c -> c.containsKey("logprobs") || c.containsKey("loss"))
        .filter(c -> ((String) c.get("trust")).startsWith("A"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void scoresAreThePublishedOnes(Map<String, Object> published) {
    int[] prompt = Fixtures.ids(published, "prompt_ids");
    boolean generated = published.containsKey("new_ids_published");
    int[] more = generated ? Fixtures.ids(published, "new_ids_published") : new int[0];
    int[] ids = IntStream.concat(IntStream.of(prompt), IntStream.of(more)).toArray();
    int first = generated ? prompt.length : 1;
    try (Model model = Model.open(installed());
        Engine engine = Engines.named("core").open(model, EngineOptions.DEFAULT);
        Session session = engine.newSession()) {
      GptConfig config = engine.config();
      Scores scores = Scorer.whole(config).score(session, config, ids, first);
      double bound = bound(config, largestLogit(session, ids));
      if (published.get("loss") instanceof Double loss) {
        assertThat(-scores.mean()).isCloseTo(loss, within(bound));
      } else {
        double[] expected = Fixtures.doubles(published, "logprobs");
        for (int i = 0; i < expected.length; i++) {
          assertThat(scores.logProbability(first + i))
              .as("token %d", first + i)
              .isCloseTo(expected[i], within(bound + rounding(expected[i])));
        }
      }
    }
  }

  /** pangoling's ten likeliest tokens after "The apple doesn't fall far from the", in order. */
  @Test
  void theLikeliestNextTokensAreThePublishedOnes() {
    Map<String, Object> published =
        cases().filter(c -> c.containsKey("next_token_top10_after_the")).findFirst().orElseThrow();
    List<?> top = (List<?>) published.get("next_token_top10_after_the");
    int[] ids = Fixtures.ids(published, "prompt_ids"); // which end with " the tree."
    int[] context = Arrays.copyOf(ids, ids.length - 2);
    assertThat(top).hasSize(10);
    try (Model model = Model.open(installed());
        Engine engine = Engines.named("core").open(model, EngineOptions.DEFAULT);
        Session session = engine.newSession()) {
      double bound = bound(engine.config(), largestLogit(session, context));
      session.rewind(0);
      var next = new Distribution(session.forward(context));
      double last = 0;
      for (Object pair : top) {
        int[] token = model.requireTokenizer().encode((String) ((List<?>) pair).getFirst());
        double expected = ((Number) ((List<?>) pair).getLast()).doubleValue();
        double actual = next.logProbability(token[0]);
        assertThat(token).hasSize(1);
        assertThat(actual).isCloseTo(expected, within(bound + rounding(expected))).isLessThan(last);
        last = actual;
      }
    }
  }

  /** Of log-probabilities, and of their means, between two engines. */
  static double bound(GptConfig config, double largestLogit) {
    return Tolerances.meanLogProbability(
        Tolerances.betweenTwo(Tolerances.logits(config)) * largestLogit);
  }

  /** Half a unit of the last digit: some published three. */
  private static double rounding(double published) {
    return BigDecimal.valueOf(published).ulp().doubleValue() / 2;
  }

  static double largestLogit(Session session, int[] ids) {
    double[] largest = {0};
    session.rewind(0);
    session.forward(
        ids,
        (_, logits) -> {
          for (float logit : logits) {
            largest[0] = Math.max(largest[0], Math.abs(logit));
          }
        });
    return largest[0];
  }

  static Path installed() {
    try {
      return Models.resolve("124M", Progress.NONE);
    } catch (MissingModelException e) {
      return abort("GPT-2 124M is not installed; to get it: fastgpt download 124M");
    }
  }
}
