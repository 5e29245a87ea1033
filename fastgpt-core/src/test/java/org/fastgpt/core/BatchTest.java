package org.fastgpt.core;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.fastgpt.Batch;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.Engines;
import org.fastgpt.Fixtures;
import org.fastgpt.Session;
import org.fastgpt.model.Model;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Each row of a batch gives the bits of a session of its own, whoever is beside it. */
@Tag("bits")
class BatchTest {

  private static final Path F16 = Fixtures.DATA.resolve("formats/f16");
  private static final int ROWS = 11; // more than the head takes at once, and no whole tile

  @ParameterizedTest
  @CsvSource({"scalar, 1", "vector, 1", "vector, 2"})
  void rowsEqualSessionsWithWeightsOf16Bits(String kernels, int threads) {
    try (Model model = Model.open(F16);
        Engine engine = engine(model, kernels, threads)) {
      assertRowsEqualSessions(engine, new Random(1), 12);
    }
  }

  /** More new tokens than one pass takes: the batch makes several. */
  @Test
  void rowsEqualSessionsWhenPromptsFillSeveralPasses() {
    try (Model model = Model.open(Fixtures.TINY_SHAKESPEARE);
        Engine engine = engine(model, "vector", 2);
        Batch batch = Batch.of(engine, 4)) {
      int[][] prompts = new int[4][];
      Arrays.setAll(prompts, i -> new Random(i).ints(150 + 30 * i, 0, 1024).toArray());
      int[] slots = new int[4];
      Arrays.setAll(slots, _ -> batch.add());
      var actual = new HashMap<Integer, int[]>();
      batch.step(slots, prompts, (slot, logits) -> actual.put(slot, bits(logits)));
      assertThat(Arrays.stream(prompts).mapToInt(p -> p.length).sum()).isGreaterThan(Rows.MAX);
      for (int i = 0; i < 4; i++) {
        assertThat(batch.position(slots[i])).isEqualTo(prompts[i].length);
        try (Session session = engine.newSession()) {
          assertThat(actual.get(slots[i])).isEqualTo(bits(session.forward(prompts[i])));
        }
      }
    }
  }

  /** Rows come and go at random, with prompts of any length and one token or several a step. */
  static void assertRowsEqualSessions(Engine engine, Random random, int steps) {
    var sessions = new HashMap<Integer, Session>(); // by slot
    try (Batch batch = Batch.of(engine, ROWS)) {
      assertThat(batch).isInstanceOf(Gpt2Batch.class);
      for (int step = 0; step < steps; step++) {
        for (int slot : List.copyOf(sessions.keySet())) {
          if (random.nextInt(4) == 0) {
            batch.remove(slot);
            sessions.remove(slot).close();
          }
        }
        for (int i = random.nextInt(1, 5); i > 0 && sessions.size() < ROWS; i--) {
          sessions.put(batch.add(), engine.newSession());
        }
        step(batch, sessions, engine.config().nVocab(), random);
      }
    }
  }

  /** A step with some of the rows, in any order. */
  private static void step(Batch batch, Map<Integer, Session> sessions, int nVocab, Random random) {
    var chosen = new ArrayList<>(sessions.keySet());
    Collections.shuffle(chosen, random);
    chosen.subList(0, random.nextInt(chosen.size())).clear();
    int[] slots = chosen.stream().mapToInt(slot -> slot).toArray();
    int[][] ids = new int[slots.length][];
    for (int i = 0; i < ids.length; i++) {
      boolean one = batch.position(slots[i]) > 0 && random.nextInt(4) > 0;
      ids[i] = random.ints(one ? 1 : random.nextInt(1, 9), 0, nVocab).toArray();
    }
    var order = new ArrayList<Integer>();
    batch.step(
        slots,
        ids,
        (slot, logits) -> {
          int[] expected = bits(sessions.get(slot).forward(ids[order.size()]));
          assertThat(bits(logits)).as("row %d", slot).isEqualTo(expected);
          order.add(slot);
        });
    assertThat(order).isEqualTo(chosen);
    for (int slot : slots) {
      assertThat(batch.position(slot)).isEqualTo(sessions.get(slot).position());
    }
  }

  static Engine engine(Model model, String kernels, int threads) {
    return Engines.named("core")
        .open(model, new EngineOptions(threads, Map.of("kernels", kernels)));
  }

  private static int[] bits(float[] x) {
    return IntStream.range(0, x.length).map(i -> Float.floatToRawIntBits(x[i])).toArray();
  }
}
