package org.fastgpt.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import ai.djl.modality.nlp.generate.SearchConfig;
import ai.djl.pytorch.jni.JniUtils;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.fastgpt.EngineOptions;
import org.fastgpt.Engines;
import org.fastgpt.Session;
import org.fastgpt.model.Model;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;

/** The embedded model by HuggingFace's trace and by the archive written in Java. */
@ParameterizedClass
@ValueSource(strings = {"trace", "java"})
class DjlEngineTest {
  // Against HuggingFace's float64, logits of up to 21. Measured: 9.4e-6 (trace), 8.0e-6 (archive).
  private static final double LOGIT_BOUND = 9e-5;
  // Between two ways to split the same ids. Measured: 6.7e-6 (trace), 2.9e-6 (archive).
  private static final float SPLIT_BOUND = 6e-5f;

  private static final Map<String, Object> GOLDEN = Golden.read("tiny-shakespeare");
  private static final List<Golden.Greedy> GREEDY = Golden.cases(GOLDEN, "greedy");

  @TempDir private static Path folder;
  private static Model model;
  private static DjlEngine engine;

  @Parameter private String archive;

  @BeforeParameterizedClassInvocation
  static void open(String archive) throws IOException {
    model =
        Model.open(
            archive.equals("trace") ? Golden.TINY : Golden.copyWithoutTrace(Golden.TINY, folder));
    engine = Golden.open(model, archive);
  }

  @AfterParameterizedClassInvocation
  static void close() {
    engine.close();
    model.close();
  }

  @Test
  void isFoundByNameAndNamesItsVariant() {
    assertThat(Engines.named("djl")).isInstanceOf(DjlProvider.class);
    assertThat(engine.name()).isEqualTo(archive.equals("trace") ? "djl-trace" : "djl-archive");
    assertThat(engine.config()).isEqualTo(model.config());
  }

  @Test
  void continuesEveryPromptAsHuggingFaceDoes() {
    assertThat(GREEDY).hasSize(14);
    try (Session session = engine.newSession()) {
      for (Golden.Greedy g : GREEDY) {
        session.rewind(0);
        assertThat(Golden.greedy(session, g.promptIds(), 60)).isEqualTo(g.newIds());
      }
    }
  }

  @Test
  void continuesWithoutACacheJustTheSame() {
    Golden.Greedy g = GREEDY.get(1);
    int[] ids = g.promptIds();
    try (Session session = engine.newSession()) {
      for (int id : Arrays.copyOf(g.newIds(), 20)) {
        session.rewind(0);
        assertThat(Golden.argmax(session.forward(ids))).isEqualTo(id);
        ids = Arrays.copyOf(ids, ids.length + 1);
        ids[ids.length - 1] = id;
      }
    }
  }

  @Test
  void givesHuggingFacesLogitsAtEveryPositionOfAFullContext() {
    var full = (Map<?, ?>) GOLDEN.get("full_context");
    int[] ids = Golden.ints(full.get("ids"));
    double[] max = Golden.doubles(full.get("max"));
    double[] logsumexp = Golden.doubles(full.get("logsumexp"));
    var argmax = new ArrayList<Integer>();
    var worst = new double[1];
    try (Session session = engine.newSession()) {
      session.forward(
          ids,
          (position, logits) -> {
            assertThat(position).isEqualTo(argmax.size());
            int best = Golden.argmax(logits);
            argmax.add(best);
            double sum = 0;
            for (float l : logits) {
              sum += Math.exp(l - max[position]);
            }
            worst[0] = Math.max(worst[0], Math.abs(logits[best] - max[position]));
            worst[0] =
                Math.max(worst[0], Math.abs(max[position] + Math.log(sum) - logsumexp[position]));
          });
      assertThat(argmax).isEqualTo(full.get("argmax"));
      assertThat(session.position()).isEqualTo(model.config().nCtx());
      double[] last = Golden.doubles(full.get("last_logits"));
      session.rewind(0);
      float[] logits = session.forward(ids);
      for (int v = 0; v < last.length; v++) {
        worst[0] = Math.max(worst[0], Math.abs(logits[v] - last[v]));
      }
    }
    assertThat(worst[0]).isLessThan(LOGIT_BOUND);
  }

  @Test
  void goesOnAfterARewindAsAFreshSessionDoes() {
    int[] prompt = GREEDY.get(3).promptIds();
    int[] other = GREEDY.get(12).promptIds();
    try (Session rewound = engine.newSession();
        Session fresh = engine.newSession()) {
      rewound.forward(Arrays.copyOf(prompt, 20));
      rewound.forward(other);
      rewound.rewind(20);
      assertThat(rewound.position()).isEqualTo(20);
      float[] after = rewound.forward(Arrays.copyOfRange(prompt, 20, prompt.length));
      fresh.forward(Arrays.copyOf(prompt, 20));
      float[] expected = fresh.forward(Arrays.copyOfRange(prompt, 20, prompt.length));
      assertThat(after).isEqualTo(expected);
    }
  }

  @Test
  void givesTheSameLogitsHoweverTheIdsAreSplit() {
    int[] ids = GREEDY.get(9).promptIds();
    try (Session whole = engine.newSession();
        Session chunked = engine.newSession()) {
      float[] expected = whole.forward(ids).clone();
      int from = 0;
      for (int length : new int[] {1, 2, 30, 7, ids.length - 40}) {
        chunked.forward(Arrays.copyOfRange(ids, from, from + length));
        from += length;
      }
      chunked.rewind(ids.length - 1);
      float[] split = chunked.forward(ids[ids.length - 1]);
      assertThat(split).containsExactly(expected, within(SPLIT_BOUND));
    }
  }

  @Test
  void servesSessionsOfManyThreadsAtOnce() throws Exception {
    var jobs = new ArrayList<Callable<int[]>>();
    for (Golden.Greedy g : GREEDY.subList(0, 6)) {
      jobs.add(
          () -> {
            try (Session session = engine.newSession()) {
              return Golden.greedy(session, g.promptIds(), 20);
            }
          });
    }
    try (ExecutorService threads = Executors.newFixedThreadPool(jobs.size())) {
      List<Future<int[]>> results = threads.invokeAll(jobs);
      for (int i = 0; i < results.size(); i++) {
        assertThat(results.get(i).get()).isEqualTo(Arrays.copyOf(GREEDY.get(i).newIds(), 20));
      }
    }
  }

  @Test
  void continuesAPaddedBatchAsEachRowAlone() {
    List<Golden.Greedy> batch = Golden.cases(GOLDEN, "ragged_batch");
    List<int[]> prompts = batch.stream().map(Golden.Greedy::promptIds).toList();
    assertThat(prompts.stream().map(p -> p.length).distinct().count()).isGreaterThan(3);
    assertThat(engine.generateBatch(prompts, 40))
        .containsExactlyElementsOf(batch.stream().map(Golden.Greedy::newIds).toList());
  }

  @Test
  void refusesABatchThatIsEmptyOrTooLong() {
    int nCtx = model.config().nCtx();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> engine.generateBatch(List.of(), 1))
        .withMessage("no prompts");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> engine.generateBatch(List.of(new int[] {1}, new int[0]), 1));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> engine.generateBatch(List.of(new int[] {1}), 0))
        .withMessageContaining("new tokens 0");
    assertThatIllegalStateException()
        .isThrownBy(() -> engine.generateBatch(List.of(new int[nCtx]), 2))
        .withMessageContaining("context full");
    assertThat(engine.generateBatch(List.of(new int[nCtx]), 1).getFirst()).hasSize(1);
  }

  @Test
  void greedySearchOfDjlFindsTheSameIds() {
    for (Golden.Greedy g : GREEDY.subList(0, 4)) {
      assertThat(engine.search("greedy", new SearchConfig(), g.promptIds(), 60))
          .containsExactly(g.newIds());
    }
  }

  @Test
  void beamSearchOfDjlWithOneBeamIsGreedy() {
    var one = new SearchConfig();
    one.setBeam(1);
    Golden.Greedy g = GREEDY.getFirst();
    assertThat(engine.search("beam", one, g.promptIds(), 30))
        .containsExactly(Arrays.copyOf(g.newIds(), 30));
    assertThat(engine.search("beam", one, g.promptIds(), 1))
        .containsExactly(Arrays.copyOf(g.newIds(), 1));
  }

  /** In which order DJL leaves its beams is not defined: it takes the best four unsorted. */
  @Test
  void beamSearchOfDjlFindsTheBeamsOfHuggingFace() {
    var four = new SearchConfig();
    four.setBeam(4);
    for (Object o : (List<?>) GOLDEN.get("beam_search")) {
      var golden = (Map<?, ?>) o;
      List<int[]> best = ((List<?>) golden.get("sequences")).stream().map(Golden::ints).toList();
      assertThat(best).hasSize(2);
      assertThat(engine.search("beam", four, Golden.ints(golden.get("prompt_ids")), 24))
          .hasSize(4)
          .containsAll(best);
    }
  }

  @Test
  void refusesASearchThatDjlDoesNotHave() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> engine.search("best", new SearchConfig(), new int[] {1}, 1));
  }

  @Test
  void contrastiveSearchOfDjlWithoutPenaltyIsGreedy() {
    Golden.Greedy g = GREEDY.getFirst();
    var settings = new SearchConfig();
    if (archive.equals("trace")) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> engine.search("contrastive", settings, g.promptIds(), 24))
          .withMessageContaining("archive=java");
      return;
    }
    int[] greedy = Arrays.copyOf(g.newIds(), 24);
    assertThat(engine.search("contrastive", settings, g.promptIds(), 24).getFirst())
        .hasSize(24)
        .isNotEqualTo(greedy);
    settings.setAlpha(0);
    assertThat(engine.search("contrastive", settings, g.promptIds(), 24)).containsExactly(greedy);
  }

  @Test
  void refusesWrongInputAndStaysAsItWas() {
    int nCtx = model.config().nCtx();
    try (Session session = engine.newSession()) {
      float[] before = session.forward(1, 2, 3).clone();
      assertThatIllegalArgumentException().isThrownBy(() -> session.forward());
      assertThatIllegalArgumentException()
          .isThrownBy(() -> session.forward(1, 1024))
          .withMessage("token 1024 is outside the vocabulary [0, 1024)");
      assertThatIllegalArgumentException().isThrownBy(() -> session.forward(-1));
      assertThatIllegalStateException()
          .isThrownBy(() -> session.forward(new int[nCtx - 2]))
          .withMessageContaining("context full: position 3");
      assertThatIllegalArgumentException().isThrownBy(() -> session.rewind(4));
      assertThatIllegalArgumentException().isThrownBy(() -> session.rewind(-1));
      assertThat(session.position()).isEqualTo(3);
      session.rewind(2);
      assertThat(session.forward(3)).containsExactly(before, within(SPLIT_BOUND));
    }
  }

  @Test
  void refusesEverythingOnceClosed() {
    Session session = engine.newSession();
    session.forward(1);
    session.close();
    session.close();
    assertThatIllegalStateException()
        .isThrownBy(() -> session.forward(1))
        .withMessage("session is closed");
    assertThatIllegalStateException().isThrownBy(() -> session.rewind(0));
    assertThatIllegalStateException().isThrownBy(() -> session.observe(null));
  }

  @Test
  void endsItsSessionsWhenItIsClosed() {
    DjlEngine closed = Golden.open(model, archive);
    Session session = closed.newSession();
    session.forward(1);
    closed.close();
    assertThatIllegalStateException().isThrownBy(() -> session.forward(1));
    assertThatIllegalStateException().isThrownBy(closed::newSession);
    session.close();
  }

  @Test
  void usesTheThreadsThatItWasGiven() {
    try (Model again = Model.open(model.path());
        var two = new DjlProvider().open(again, new EngineOptions(2, Map.of("archive", archive)));
        Session ofTwo = two.newSession();
        Session ofOne = engine.newSession()) {
      ofTwo.forward(1);
      assertThat(JniUtils.getNumThreads()).isEqualTo(2);
      ofOne.forward(1);
      assertThat(JniUtils.getNumThreads()).isEqualTo(1);
      assertThat(JniUtils.getNumInteropThreads()).isEqualTo(1);
    }
  }
}
