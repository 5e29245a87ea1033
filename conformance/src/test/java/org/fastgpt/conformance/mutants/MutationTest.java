package org.fastgpt.conformance.mutants;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.fastgpt.Session;
import org.fastgpt.model.Model;
import org.fastgpt.model.Models;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Every mutation shows: what nobody can tell from a healthy engine, no rule could catch. */
class MutationTest {
  private static Model model;
  private static Map<String, String> healthy;

  @BeforeAll
  static void observeTheHealthyEngine() {
    model = PlainEngineTest.open(Models.EMBEDDED);
    healthy = observe(Mutation.NONE);
  }

  @AfterAll
  static void close() {
    model.close();
  }

  @Test
  void theHealthyEngineShowsTheSameTwice() {
    assertThat(observe(Mutation.NONE)).isEqualTo(healthy);
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
  void aFaultShows(Mutation mutation) {
    Map<String, String> broken = observe(mutation);
    assertThat(broken).hasSameSizeAs(healthy).isNotEqualTo(healthy);
  }

  /** Its merges are right: only where it cuts does it differ from GPT-2's. */
  @Test
  void theFaultyTokenizerCutsAsFastGpt() {
    try (var right = PlainEngineTest.engine(model, Mutation.NONE);
        var wrong = PlainEngineTest.engine(model, Mutation.FASTGPT_TOKENIZER)) {
      String text = "Alan Turing theorized that computers, one day. Ondřej Čertík";
      assertThat(wrong.encode(text)).isEqualTo(right.encode(text));
      assertThat(wrong.encode("one  two")).isEqualTo(right.encode("one"));
      assertThat(wrong.encode("one ")).isEqualTo(right.encode("one"));
      assertThat(wrong.encode("say'st")).isNotEqualTo(right.encode("say'st"));
    }
  }

  /** 3.0e-3 at 4.92 and 1.00293 at 5: what a scan of fastGPT's own function finds. */
  @Test
  void fastTanhIsAsFarOffAsFastGpts() {
    double worst = 0;
    for (double x = -8; x < 8; x += 1e-3) {
      worst = Math.max(worst, fastTanhError(x));
    }
    assertThat(worst).isCloseTo(3.021e-3, within(1e-6));
    assertThat(fastTanhError(4.9206)).isCloseTo(3.021e-3, within(1e-6));
    assertThat(PlainSession.fastTanh(5)).isCloseTo(1.00293, within(1e-5));
    assertThat(PlainSession.fastTanh(-5.001)).isEqualTo(-1);
  }

  private static double fastTanhError(double x) {
    return Math.abs(PlainSession.fastTanh(x) - StrictMath.tanh(x));
  }

  /** What can be seen of an engine from outside, by what was tried. */
  private static Map<String, String> observe(Mutation mutation) {
    int nCtx = model.config().nCtx();
    int[] ids =
        IntStream.range(0, nCtx).map(t -> (t * 389 + 7) % model.config().nVocab()).toArray();
    int[] few = Arrays.copyOf(ids, 12);
    var seen = new LinkedHashMap<String, String>();
    try (var engine = PlainEngineTest.engine(model, mutation);
        Session session = engine.newSession();
        Session other = engine.newSession()) {
      seen.put(
          "parameters",
          bits(model.tensors().keySet().stream().map(engine::parameter).toArray(float[][]::new)));
      seen.put("last logits", bits(session.forward(few)));
      session.rewind(0);
      seen.put("all logits", allLogits(session, few));
      session.rewind(3);
      seen.put("rewound", bits(session.forward(9, 8, 7)));
      session.rewind(0);
      seen.put("stepwise", stepwise(session, few));
      session.rewind(5);
      seen.put("chunk", bits(session.forward(1, 2, 3, 4)));
      other.forward(few);
      seen.put("interleaved", bits(session.forward(5)));
      session.rewind(0);
      seen.put("whole context", result(() -> bits(session.forward(ids))));
      seen.put("context full", result(() -> bits(session.forward(0))));
      other.rewind(0);
      seen.put("outside the vocabulary", result(() -> bits(other.forward(0, 1024))));
      seen.put(
          "batch",
          Arrays.deepToString(engine.generateBatch(List.of(few, new int[] {3}), 9).toArray()));
      seen.put("ids of text", Arrays.toString(engine.encode("Don't  go,\n\nsir. I'll be back.")));
      int half = engine.encode("é")[0];
      seen.put(
          "half a character", new String(engine.decodeBytes(half), StandardCharsets.ISO_8859_1));
    }
    return seen;
  }

  private static String allLogits(Session session, int[] ids) {
    var all = new ArrayList<float[]>();
    session.forward(ids, (position, logits) -> all.add(logits.clone()));
    return bits(all.toArray(float[][]::new));
  }

  private static String stepwise(Session session, int[] ids) {
    return bits(
        IntStream.of(ids).mapToObj(id -> session.forward(id).clone()).toArray(float[][]::new));
  }

  private static String bits(float[]... arrays) {
    return Integer.toHexString(Arrays.deepHashCode(arrays));
  }

  private static String result(Supplier<String> call) {
    try {
      return call.get();
    } catch (RuntimeException e) {
      return e.toString();
    }
  }
}
