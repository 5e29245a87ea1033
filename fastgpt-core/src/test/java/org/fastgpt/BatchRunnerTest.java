package org.fastgpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.fastgpt.BatchRunner.Request;
import org.fastgpt.Generator.Result;
import org.fastgpt.Generator.Stop;
import org.fastgpt.model.Model;
import org.fastgpt.sampling.Penalties;
import org.fastgpt.sampling.Sampler;
import org.fastgpt.sampling.Warping;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BatchRunnerTest {

  private static Model model;
  private static Engine core;

  @BeforeAll
  static void open() {
    model = Model.open(Fixtures.TINY_SHAKESPEARE);
    core = Engines.named("core").open(model, new EngineOptions(1, Map.of()));
  }

  @AfterAll
  static void close() {
    core.close();
    model.close();
  }

  /** Long and short ones mixed, so that rows are passed on at different times. */
  @ParameterizedTest
  @CsvSource({"1, true", "3, true", "3, false", "8, true", "50, true"})
  void resultsAreThoseOfTheGeneratorInTheOrderOfTheRequests(int rows, boolean shared) {
    var random = new Random(rows);
    List<Request> requests =
        IntStream.range(0, 20)
            .mapToObj(_ -> request(random.ints(random.nextInt(1, 30), 0, 1024).toArray(), random))
            .toList();
    Engine engine = shared ? core : new WithoutBatches(core);
    List<Result> results = run(new BatchRunner(engine, rows), requests.iterator());
    assertThat(results).hasSize(20);
    try (Session session = core.newSession()) {
      for (int i = 0; i < 20; i++) {
        Request request = requests.get(i);
        Result expected = generate(request, session, core);
        assertThat(results.get(i))
            .as("request %d", i)
            .usingRecursiveComparison()
            .isEqualTo(expected);
      }
    }
  }

  /** More texts than rows, so that forks are made at different times. */
  @ParameterizedTest
  @CsvSource({"1, true", "3, true", "3, false", "50, true"})
  void textsOfOnePromptAreThoseOfTheGenerator(int rows, boolean forkable) {
    Engine engine = forkable ? core : new FakeEngine(1024, 256, 5);
    int[] prompt = {3, 1, 4, 1, 5, 9};
    var warping = new Warping(1, 0, 1, 0, 1);
    List<Request> requests =
        IntStream.range(0, 12)
            .mapToObj(
                i ->
                    new Request(
                        new Generator(true, i != 7)
                            .stoppingAt(Set.of(i))
                            .with(new Sampler(engine.config(), Penalties.NONE, warping, i)),
                        prompt,
                        i == 7 ? -1 : i % 5 * 6, // 0 also
                        _ -> true))
            .toList();
    var results = new ArrayList<Result>();
    new BatchRunner(engine, rows).runForks(prompt, requests.iterator(), results::add);
    assertThat(results).hasSize(12);
    try (Session session = engine.newSession()) {
      for (int i = 0; i < 12; i++) {
        Result expected = generate(requests.get(i), session, engine);
        assertThat(results.get(i)).as("text %d", i).usingRecursiveComparison().isEqualTo(expected);
      }
    }
  }

  @Test
  void aPromptOfSeveralTextsIsProcessedOnce() {
    var forks = new CountingForks(new FakeEngine(50, 200, 5));
    int[] prompt = new int[100];
    List<Request> requests =
        Collections.nCopies(10, new Request(new Generator(true, false), prompt, 4, _ -> true));
    new BatchRunner(forks, 3).runForks(prompt, requests.iterator(), _ -> {});
    assertThat(forks.processed).isEqualTo(100 + 10 * 3); // the last token of each is not
    assertThat(forks.open).isZero();
  }

  @Test
  void refusesAnotherPromptAmongForks() {
    Iterator<Request> requests = List.of(new Request(new int[] {2}, 3)).iterator();
    assertThatThrownBy(() -> new BatchRunner(core, 2).runForks(new int[] {1}, requests, _ -> {}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a fork of another prompt");
  }

  private static Request request(int[] prompt, Random random) {
    int n = random.nextInt(10) == 0 ? -1 : random.nextInt(25); // 0 also
    return new Request(new Generator(true, random.nextBoolean()), prompt, n, _ -> true);
  }

  private static Result generate(Request request, Session session, Engine engine) {
    return request
        .generator()
        .generate(session, engine.config(), request.prompt(), request.n(), _ -> true);
  }

  /**
   * Contexts that are full from the beginning, that fill up at different times and more than once,
   * and that do not.
   */
  @ParameterizedTest
  @CsvSource({"1, true", "2, true", "4, false", "5, true"})
  void aFullContextSlidesAsInTheGenerator(int rows, boolean shared) {
    int[][] lengthAndNew = {{300, 9}, {250, 20}, {3, 9}, {200, 200}, {256, 1}, {257, 0}, {255, 2}};
    var random = new Random(rows);
    List<Request> requests =
        Arrays.stream(lengthAndNew)
            .map(pair -> sliding(random.ints(pair[0], 0, 1024).toArray(), pair[1]))
            .toList();
    Engine engine = shared ? core : new WithoutBatches(core);
    List<Result> results = run(new BatchRunner(engine, rows), requests.iterator());
    assertThat(results).hasSameSizeAs(requests);
    try (Session session = core.newSession()) {
      for (int i = 0; i < results.size(); i++) {
        assertThat(results.get(i))
            .as("request %d", i)
            .usingRecursiveComparison()
            .isEqualTo(generate(requests.get(i), session, core));
      }
    }
    assertThat(results).extracting(Result::left).containsExactly(53, 14, 0, 144, 1, 0, 1);
  }

  private static Request sliding(int[] prompt, int n) {
    return new Request(new Generator(true, false).sliding(), prompt, n, _ -> true);
  }

  /** The failing one amid others, as first and as last, at its first token and later. */
  @ParameterizedTest
  @CsvSource({"1, true", "2, true", "2, false", "4, true"})
  void aChooserThatFailsEndsItsTextAlone(int rows, boolean shared) {
    Engine engine = shared ? core : new WithoutBatches(core);
    List<Request> requests =
        IntStream.range(0, 9)
            .mapToObj(i -> with(i % 4 == 0 ? failing(i) : Chooser.GREEDY, new int[] {i + 1}))
            .toList();
    var delivered = new ArrayList<Object>();
    new BatchRunner(engine, rows)
        .run(requests.iterator(), r -> delivered.add(r.ids()), e -> delivered.add(e.getMessage()));
    try (Session session = core.newSession()) {
      for (int i = 0; i < 9; i++) {
        Object expected =
            i % 4 == 0 ? "none after " + i : generate(requests.get(i), session, core).ids();
        assertThat(delivered.get(i)).as("text %d", i).isEqualTo(expected);
      }
    }
    assertThat(delivered).hasSize(9);
  }

  @Test
  void aChooserThatFailsIsThrownToThoseWhoDoNotAsk() {
    var results = new ArrayList<Result>();
    assertThatThrownBy(
            () ->
                new BatchRunner(core, 2)
                    .run(
                        List.of(
                                with(Chooser.GREEDY, new int[] {1}),
                                with(failing(2), new int[] {1}))
                            .iterator(),
                        results::add))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("none after 2");
    assertThat(results).hasSize(1);
  }

  private static Request with(Chooser chooser, int[] prompt) {
    return new Request(new Generator(true, false).with(chooser), prompt, 12, _ -> true);
  }

  private static Chooser failing(int after) {
    return (logits, ids, promptLength, length) -> {
      if (length - promptLength == after) {
        throw new IllegalStateException("none after " + after);
      }
      return Chooser.GREEDY.choose(logits, ids, promptLength, length);
    };
  }

  @Test
  void asksForTheNextRequestOnlyWhenARowIsFree() {
    var asked = new ArrayList<Integer>();
    var delivered = new ArrayList<Integer>();
    Iterator<Request> requests =
        IntStream.range(0, 6)
            .mapToObj(
                i -> {
                  asked.add(i);
                  assertThat(asked.size() - delivered.size()).isLessThanOrEqualTo(2);
                  return new Request(new int[] {5}, 3);
                })
            .iterator();
    new BatchRunner(new WithoutBatches(core), 2).run(requests, _ -> delivered.add(0));
    assertThat(asked).containsExactly(0, 1, 2, 3, 4, 5);
    assertThat(delivered).hasSize(6);
  }

  @Test
  void aRequestChoosesAndSeesItsOwnTokens() {
    var seen = new ArrayList<Integer>();
    Chooser counts = (_, _, promptLength, length) -> 100 + length - promptLength;
    var first =
        new Request(
            new Generator(true, true).with(counts),
            new int[] {1, 2},
            9,
            id -> seen.add(id) && id < 102);
    List<Result> results =
        run(new BatchRunner(core, 2), List.of(first, new Request(new int[] {3}, 2)).iterator());
    assertThat(seen).containsExactly(100, 101, 102);
    assertThat(results.get(0).ids()).containsExactly(100, 101, 102);
    assertThat(results).extracting(Result::stop).containsExactly(Stop.CANCELLED, Stop.LENGTH);
  }

  @Test
  void endOfTextAndStopTokensEndATextUnlessToldOtherwise() {
    int end = core.config().eosTokenId();
    Chooser ends = (_, _, promptLength, length) -> length == promptLength + 2 ? end : 4;
    Iterator<Request> requests =
        Stream.of(
                new Generator(true, true),
                new Generator(true, false),
                new Generator(true, true).stoppingAt(Set.of(7, 4)))
            .map(generator -> new Request(generator.with(ends), new int[] {1}, 5, _ -> true))
            .iterator();
    List<Result> results = run(new BatchRunner(core, 2), requests);
    assertThat(results.get(0).ids()).containsExactly(4, 4);
    assertThat(results.get(1).ids()).containsExactly(4, 4, end, 4, 4);
    assertThat(results.get(2).ids()).isEmpty();
    assertThat(results)
        .extracting(Result::stop)
        .containsExactly(Stop.END_OF_TEXT, Stop.LENGTH, Stop.STOP_TOKEN);
  }

  @Test
  void nothingToDoIsDone() {
    assertThat(run(new BatchRunner(core, 2), List.<Request>of().iterator())).isEmpty();
  }

  @Test
  void refusesWhatTheModelCannotContinue() {
    assertThatThrownBy(() -> new Request(new int[0], 1).check(core.config()))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Request(new int[] {1024}, 1).check(core.config()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("outside the vocabulary");
    assertThatThrownBy(() -> new Request(new int[256], 1).check(core.config()))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("leaves no room");
    assertThatThrownBy(() -> sliding(new int[256], -1).check(core.config()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("give a number of tokens");
    for (var wrong : List.of(new Generator(false, true), new Generator(true, true).drafting(2))) {
      assertThatThrownBy(() -> new Request(wrong, new int[1], 1, _ -> true))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("a batch has its cache, and no drafts");
    }
  }

  private static List<Result> run(BatchRunner runner, Iterator<Request> requests) {
    var results = new ArrayList<Result>();
    runner.run(requests, results::add);
    return results;
  }

  /** Core as an engine that knows of sessions only. */
  private record WithoutBatches(Engine engine) implements Engine {
    @Override
    public String name() {
      return engine.name();
    }

    @Override
    public GptConfig config() {
      return engine.config();
    }

    @Override
    public Session newSession() {
      return engine.newSession();
    }

    @Override
    public void close() {}
  }

  /** Sessions that fork, by processing again, which is not counted. */
  private static final class CountingForks implements Engine {
    private final Engine engine;
    private int processed;
    private int open;

    CountingForks(Engine engine) {
      this.engine = engine;
    }

    @Override
    public String name() {
      return engine.name();
    }

    @Override
    public GptConfig config() {
      return engine.config();
    }

    @Override
    public Session newSession() {
      return new Counting(engine.newSession(), new int[0]);
    }

    @Override
    public void close() {}

    private final class Counting implements Session, Forkable {
      private final Session session;
      private int[] held;

      Counting(Session session, int[] held) {
        this.session = session;
        this.held = held;
        open++;
        if (held.length > 0) {
          session.forward(held);
        }
      }

      @Override
      public Session fork() {
        return new Counting(engine.newSession(), held);
      }

      @Override
      public int position() {
        return session.position();
      }

      @Override
      public float[] forward(int... ids) {
        processed += ids.length;
        held = IntStream.concat(IntStream.of(held), IntStream.of(ids)).toArray();
        return session.forward(ids);
      }

      @Override
      public void forward(int[] ids, LogitsSink each) {
        throw new UnsupportedOperationException("not needed for a batch");
      }

      @Override
      public void rewind(int position) {
        throw new UnsupportedOperationException("not needed for a batch");
      }

      @Override
      public void close() {
        open--;
        session.close();
      }
    }
  }
}
