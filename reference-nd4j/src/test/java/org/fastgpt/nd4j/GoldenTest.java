package org.fastgpt.nd4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.fastgpt.Probe;
import org.fastgpt.Session;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What HuggingFace's GPT-2 computes in float64 is what this one computes in float32. */
class GoldenTest {

  @ParameterizedTest
  @CsvSource({
    "tiny-shakespeare, cache, 14",
    "tiny-shakespeare, plain, 14",
    "synthetic-awkward, cache, 3",
    "synthetic-awkward, plain, 3",
    "synthetic-micro, cache, 3",
    "synthetic-micro, plain, 3",
    "synthetic-small, cache, 4",
    "synthetic-small, plain, 4",
    "synthetic-124M, cache, 1",
    "synthetic-124M, plain, 1"
  })
  void greedyIdsAreHuggingFaces(String model, String form, int cases) {
    List<Map<String, Object>> greedy = Golden.maps(Golden.read(model).get("greedy"));
    assertThat(greedy).hasSizeGreaterThanOrEqualTo(cases);
    Golden.withEngine(
        model,
        form,
        engine -> {
          for (Map<String, Object> one : greedy.subList(0, cases)) {
            int[] expected = Golden.ids(one.get("new_ids"));
            try (Session session = engine.newSession()) {
              assertThat(Golden.greedy(session, Golden.ids(one.get("prompt_ids")), expected.length))
                  .isEqualTo(expected);
            }
          }
        });
  }

  @ParameterizedTest
  @ValueSource(strings = {"cache", "plain"})
  void logitsOfAFullContextAreHuggingFaces(String form) {
    Map<String, Object> full = Golden.map(Golden.read(Golden.TINY).get("full_context"));
    int[] ids = Golden.ids(full.get("ids"));
    int[] argmax = Golden.ids(full.get("argmax"));
    double[] max = Golden.doubles(full.get("max"));
    double[] logsumexp = Golden.doubles(full.get("logsumexp"));
    double[] last = Golden.doubles(full.get("last_logits"));
    Golden.withEngine(
        Golden.TINY,
        form,
        engine -> {
          double bound = Golden.bound(engine.config(), last);
          var seen = new ArrayList<Integer>();
          try (Session session = engine.newSession()) {
            session.forward(
                ids,
                (position, logits) -> {
                  seen.add(position);
                  assertThat(Golden.argmax(logits)).isEqualTo(argmax[position]);
                  assertThat(Math.abs(logits[argmax[position]] - max[position])).isLessThan(bound);
                  assertThat(Math.abs(logSumExp(logits) - logsumexp[position])).isLessThan(bound);
                  if (position == ids.length - 1) {
                    assertThat(Golden.maxDifference(logits, last)).isLessThan(bound);
                  }
                });
            assertThat(seen).hasSize(ids.length).isSorted().startsWith(0);
            assertThat(session.position()).isEqualTo(ids.length);
          }
        });
  }

  @Test
  void topLogitsOfEachStepOf124MAreHuggingFaces() {
    Map<String, Object> greedy = Golden.maps(Golden.read("synthetic-124M").get("greedy")).get(0);
    List<Map<String, Object>> steps = Golden.maps(greedy.get("steps"));
    int[] prompt = Golden.ids(greedy.get("prompt_ids"));
    int[] fresh = Golden.ids(greedy.get("new_ids"));
    int[] ids = IntStream.concat(IntStream.of(prompt), IntStream.of(fresh)).toArray();
    Golden.withEngine(
        "synthetic-124M",
        "cache",
        engine -> {
          try (Session session = engine.newSession()) {
            session.forward(
                Arrays.copyOf(ids, ids.length - 1),
                (position, logits) -> {
                  if (position >= prompt.length - 1) {
                    Map<String, Object> step = steps.get(position - prompt.length + 1);
                    int[] top = Golden.ids(step.get("top_ids"));
                    double[] exact = Golden.doubles(step.get("top_logits"));
                    float[] actual = new float[top.length];
                    for (int i = 0; i < top.length; i++) {
                      actual[i] = logits[top[i]];
                    }
                    assertThat(Golden.maxDifference(actual, exact))
                        .isLessThan(Golden.bound(engine.config(), exact));
                  }
                });
          }
        });
  }

  @Test
  void lastLogitsOfTheSmallCheckpointAreHuggingFaces() {
    Map<String, Object> golden = Golden.map(Golden.read("synthetic-small").get("logits"));
    double[] last = Golden.doubles(golden.get("last_logits"));
    Golden.withEngine(
        "synthetic-small",
        "cache",
        engine -> {
          try (Session session = engine.newSession()) {
            float[] logits = session.forward(Golden.ids(golden.get("ids")));
            assertThat(Golden.maxDifference(logits, last))
                .isLessThan(Golden.bound(engine.config(), last));
          }
        });
  }

  @ParameterizedTest
  @CsvSource({"cache, 8", "cache, 3", "plain, 8", "plain, 3"})
  void everyActivationIsHuggingFaces(String form, int firstPart) {
    Map<String, Object> trace = Golden.map(Golden.read("synthetic-awkward").get("trace"));
    Map<String, Object> expected = Golden.map(trace.get("activations"));
    int[] ids = Golden.ids(trace.get("ids"));
    Golden.withEngine(
        "synthetic-awkward",
        form,
        engine -> {
          var seen = new LinkedHashMap<String, float[]>();
          Probe keep =
              (name, position, shape, values) -> {
                int width = shape[shape.length - 1];
                boolean softmax = shape.length == 3;
                int heads = softmax ? shape[0] : 1;
                int rows = softmax ? shape[1] : shape[0];
                int all = softmax ? ids.length : width; // width of a row in the whole trace
                float[] whole =
                    seen.computeIfAbsent(name, _ -> new float[heads * ids.length * all]);
                for (int h = 0; h < heads; h++) {
                  for (int r = 0; r < rows; r++) {
                    System.arraycopy(
                        values,
                        (h * rows + r) * width,
                        whole,
                        (h * ids.length + position + r) * all,
                        width);
                  }
                }
              };
          try (Session session = engine.newSession()) {
            assertThat(session.observe(keep)).isTrue();
            session.forward(Arrays.copyOf(ids, firstPart));
            for (int i = firstPart; i < ids.length; i++) {
              session.forward(ids[i]);
            }
          }
          assertThat(seen.keySet()).containsExactlyElementsOf(Probe.names(2));
          assertThat(seen.keySet()).containsExactlyInAnyOrderElementsOf(expected.keySet());
          for (String name : seen.keySet()) {
            double[] exact = Golden.doubles(expected.get(name));
            double bound = Golden.bound(engine.config(), exact);
            assertThat(Golden.maxDifference(seen.get(name), exact)).as(name).isLessThan(bound);
          }
        });
  }

  private static double logSumExp(float[] logits) {
    double max = logits[Golden.argmax(logits)];
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp(logit - max);
    }
    return max + Math.log(sum);
  }
}
