package org.fastgpt.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.Engines;
import org.fastgpt.Fixtures;
import org.fastgpt.Forkable;
import org.fastgpt.Session;
import org.fastgpt.model.Model;

/** A fork is a session like any other, and leaves the one it comes from alone. */
class ForkTest {

  private static final int LONGEST = 120;

  private static Model model;
  private static Engine engine;

  @BeforeContainer
  static void open() {
    model = Model.open(Fixtures.TINY_SHAKESPEARE);
    engine = Engines.named("core").open(model, EngineOptions.threads(1));
  }

  @AfterContainer
  static void close() {
    engine.close();
    model.close();
  }

  /** A session and what it should hold. */
  private record Held(Session session, List<Integer> ids) {}

  /**
   * Sessions are continued, rewound and forked in any order, across the borders of pages; then each
   * gives the bits of one that has processed its ids at once.
   */
  @Property(seed = "20190214", tries = 40)
  void whateverIsForkedEachGoesItsOwnWay(
      @ForAll @Size(min = 5, max = 40) List<@IntRange(max = 999_999) Integer> actions) {
    var all = new ArrayList<Held>();
    all.add(new Held(engine.newSession(), new ArrayList<>()));
    for (int action : actions) {
      Held held = all.get(action % all.size());
      switch (action / 100 % 4) {
        case 0 -> all.add(fork(held));
        case 1 -> rewind(held, action / 1000);
        default -> append(held, 1 + action / 1000 % 45, action);
      }
    }
    all.forEach(ForkTest::assertHolds);
    all.forEach(held -> held.session().close());
  }

  private static Held fork(Held held) {
    Session fork = ((Forkable) held.session()).fork();
    assertThat(fork.position()).isEqualTo(held.ids().size());
    return new Held(fork, new ArrayList<>(held.ids()));
  }

  private static void rewind(Held held, int random) {
    int to = random % (held.ids().size() + 1);
    held.session().rewind(to);
    held.ids().subList(to, held.ids().size()).clear();
  }

  private static void append(Held held, int n, int seed) {
    int[] ids = new int[Math.min(n, LONGEST - held.ids().size())];
    if (ids.length > 0) {
      Arrays.setAll(ids, i -> Math.floorMod(seed * 31 + i * 7, engine.config().nVocab()));
      held.session().forward(ids);
      Arrays.stream(ids).forEach(held.ids()::add);
    }
  }

  private static void assertHolds(Held held) {
    try (Session fresh = engine.newSession()) {
      if (!held.ids().isEmpty()) {
        fresh.forward(held.ids().stream().mapToInt(id -> id).toArray());
      }
      assertThat(held.session().forward(3)).containsExactly(fresh.forward(3));
    }
  }

  @Example
  void aClosedSessionHasNoForksButThoseItHadLiveOn() {
    Session session = engine.newSession();
    session.forward(1);
    Session fork = ((Forkable) session).fork();
    session.close();
    assertThat(fork.forward(2)).isNotEmpty();
    assertThatThrownBy(((Forkable) session)::fork).hasMessage("session is closed");
  }
}
