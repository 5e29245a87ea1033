package org.fastgpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class PrefixSessionTest {

  static final int N_CTX = 24;
  private static final String SEED = "20190214";

  private final FakeEngine engine = new FakeEngine(3, N_CTX, N_CTX);

  /** Any texts after one another, whole or in two parts: three tokens only, so many begin alike. */
  @Property(seed = SEED)
  void logitsAreThoseOfAFreshSession(
      @ForAll @Size(min = 1, max = 8)
          List<@Size(min = 1, max = N_CTX) List<@IntRange(max = 2) Integer>> texts,
      @ForAll @IntRange(max = N_CTX) int cut,
      @ForAll boolean all) {
    try (Session session = prefixSession()) {
      for (List<Integer> text : texts) {
        int[] ids = text.stream().mapToInt(id -> id).toArray();
        session.rewind(0);
        int middle = Math.min(cut, ids.length - 1);
        if (middle > 0) {
          session.forward(part(ids, 0, middle));
        }
        List<float[]> rest = logits(session, part(ids, middle, ids.length), all);
        try (Session fresh = engine.newSession()) {
          List<float[]> expected = logits(fresh, ids, all);
          assertThat(rest)
              .usingRecursiveComparison()
              .isEqualTo(expected.subList(expected.size() - rest.size(), expected.size()));
        }
        assertThat(session.position()).isEqualTo(ids.length);
      }
    }
  }

  private static int[] part(int[] ids, int from, int to) {
    return Arrays.copyOfRange(ids, from, to);
  }

  /** After each of the ids, or after the last one. */
  private static List<float[]> logits(Session session, int[] ids, boolean all) {
    var logits = new ArrayList<float[]>();
    if (all) {
      session.forward(ids, (_, each) -> logits.add(each.clone()));
    } else {
      logits.add(session.forward(ids).clone());
    }
    return logits;
  }

  @Test
  void onlyWhatDiffersIsProcessed() {
    try (Session session = prefixSession()) {
      session.forward(0, 1, 2, 0);
      assertThat(engine.processed()).isEqualTo(4);
      session.rewind(0);
      session.forward(0, 1, 2, 0, 1); // one is new
      assertThat(engine.processed()).isEqualTo(5);
      session.rewind(0);
      session.forward(0, 1, 2); // known, but for the logits
      assertThat(engine.processed()).isEqualTo(6);
      session.rewind(1);
      session.forward(2, 2); // the text has another second token
      assertThat(engine.processed()).isEqualTo(8);
      session.rewind(0);
      session.forward(0, 2, 2, 0); // what follows a difference is forgotten
      assertThat(engine.processed()).isEqualTo(9);
      assertThat(engine.sessions()).isEqualTo(1);
    }
  }

  @Test
  void refusesWhatEverySessionRefuses() {
    try (Session session = prefixSession()) {
      session.forward(0, 1);
      session.rewind(1);
      assertThatThrownBy(() -> session.rewind(2)).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> session.forward(3)).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> session.forward(new int[N_CTX]))
          .isInstanceOf(IllegalStateException.class);
      assertThat(session.position()).isEqualTo(1);
      assertThat(engine.processed()).isEqualTo(2);
    }
  }

  private Session prefixSession() {
    return new PrefixSession(engine.newSession(), engine.config());
  }
}
