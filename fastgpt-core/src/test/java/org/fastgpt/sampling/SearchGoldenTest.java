package org.fastgpt.sampling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.Engines;
import org.fastgpt.Fixtures;
import org.fastgpt.Generator;
import org.fastgpt.Generator.Stop;
import org.fastgpt.Session;
import org.fastgpt.Tolerances;
import org.fastgpt.model.Model;
import org.fastgpt.sampling.BeamSearch.EarlyStopping;
import org.fastgpt.sampling.BeamSearch.Hypothesis;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Beam search and contrastive search through the core engine: HuggingFace's texts and scores. */
class SearchGoldenTest {

  private static final Map<String, Object> GENERATION = Fixtures.golden("generation");

  private static Model model;
  private static Engine engine;

  @BeforeAll
  static void open() {
    model = Model.open(Fixtures.TINY_SHAKESPEARE);
    engine = Engines.named("core").open(model, EngineOptions.threads(1));
  }

  @AfterAll
  static void close() {
    engine.close();
    model.close();
  }

  static List<Map<String, Object>> beamSearches() {
    return Fixtures.objects(GENERATION, "beam_search");
  }

  /** Any number of beams, each way to end, length penalties of each sign, several ends. */
  @ParameterizedTest
  @MethodSource("beamSearches")
  void beamSearchIsHuggingFaces(Map<String, Object> c) {
    var ends = new TreeSet<Integer>();
    Arrays.stream(Fixtures.ids(c, "eos")).forEach(ends::add);
    var search =
        new BeamSearch(
            number(c, "num_beams"),
            ((Number) c.get("length_penalty")).doubleValue(),
            EarlyStopping.valueOf(((String) c.get("early_stopping")).toUpperCase(Locale.ROOT)),
            GoldenRulesTest.penalties(Fixtures.object(c, "extra")),
            false,
            ends);
    List<Hypothesis> found =
        search.search(engine, Fixtures.ids(c, "prompt_ids"), number(c, "n"), () -> true);
    assertSame(found, c, ends);
  }

  static List<Map<String, Object>> beamSearchesOfTheModelsOwnFixture() {
    return Fixtures.objects(Fixtures.golden("tiny-shakespeare"), "beam_search");
  }

  @ParameterizedTest
  @MethodSource("beamSearchesOfTheModelsOwnFixture")
  void beamSearchIsHuggingFacesToTheLength(Map<String, Object> c) {
    var search =
        new BeamSearch(
            number(c, "num_beams"), 1, EarlyStopping.TRUE, Penalties.NONE, true, Set.of());
    List<Hypothesis> found = search.search(engine, Fixtures.ids(c, "prompt_ids"), 24, () -> true);
    assertSame(found.subList(0, 2), c, Set.of());
  }

  /** HuggingFace adds up log probabilities in float32; a sequence includes the token that ends. */
  private static void assertSame(List<Hypothesis> found, Map<String, Object> c, Set<Integer> ends) {
    var sequences = new ArrayList<List<Integer>>();
    for (Object sequence : (List<?>) c.get("sequences")) {
      sequences.add(((List<?>) sequence).stream().map(id -> ((Number) id).intValue()).toList());
    }
    assertThat(found).hasSameSizeAs(sequences);
    for (int i = 0; i < found.size(); i++) {
      Hypothesis h = found.get(i);
      List<Integer> expected = sequences.get(i);
      boolean ended = !expected.isEmpty() && ends.contains(expected.getLast());
      assertThat(Arrays.stream(h.ids()).boxed())
          .containsExactlyElementsOf(ended ? expected.subList(0, expected.size() - 1) : expected);
      assertThat(h.stop()).isEqualTo(ended ? Stop.STOP_TOKEN : Stop.LENGTH);
      if (c.containsKey("scores")) {
        double score = Fixtures.doubles(c, "scores")[i];
        double float32 = Math.abs(score) * expected.size() * 0x1p-24;
        double perToken = 2 * Tolerances.logits(engine.config()) * LARGEST_LOGIT;
        assertThat(h.score()).isCloseTo(score, within(float32 + perToken * perLength(c, expected)));
      }
    }
  }

  /** The tiny model's logits are less than that in size. */
  private static final double LARGEST_LOGIT = 20;

  /** Errors of the tokens add up; the score divides the sum by length ^ penalty. */
  private static double perLength(Map<String, Object> c, List<Integer> sequence) {
    double penalty = ((Number) c.getOrDefault("length_penalty", 1)).doubleValue();
    return sequence.size() / Math.pow(sequence.size(), penalty);
  }

  @Test
  void theFixtureHasBeamsThatEndEarlyAndBeamsThatDoNot() {
    List<String> kinds = beamSearches().stream().map(c -> c.get("early_stopping") + "").toList();
    assertThat(kinds).contains("false", "true", "never");
    assertThat(beamSearches().stream().filter(c -> shortest(c) < number(c, "n")))
        .hasSizeGreaterThan(10);
  }

  private static int shortest(Map<String, Object> c) {
    return ((List<?>) c.get("sequences"))
        .stream().mapToInt(s -> ((List<?>) s).size()).min().orElse(0);
  }

  static List<Map<String, Object>> contrastiveSearches() {
    return Fixtures.objects(GENERATION, "contrastive");
  }

  @ParameterizedTest
  @MethodSource("contrastiveSearches")
  void contrastiveSearchIsHuggingFaces(Map<String, Object> c) {
    int[] expected = Fixtures.ids(c, "new_ids");
    double alpha = ((Number) c.get("penalty_alpha")).doubleValue();
    try (Session session = engine.newSession()) {
      var chooser =
          new ContrastiveSearch(
              session, engine.config(), Penalties.NONE, alpha, number(c, "top_k"));
      int[] ids =
          new Generator(true, false)
              .with(chooser)
              .generate(
                  session,
                  engine.config(),
                  Fixtures.ids(c, "prompt_ids"),
                  expected.length,
                  _ -> true)
              .ids();
      assertThat(ids).containsExactly(expected);
    }
  }

  private static int number(Map<String, Object> json, String key) {
    return ((Number) json.get(key)).intValue();
  }
}
