package org.fastgpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.fastgpt.BatchRunner.Request;
import org.fastgpt.Generator.Result;
import org.fastgpt.Generator.Stop;
import org.fastgpt.model.Model;
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
        Result expected =
            new Generator(true, request.stopAtEndOfText())
                .generate(session, core.config(), request.prompt(), request.n(), _ -> true);
        assertThat(results.get(i).ids()).as("request %d", i).isEqualTo(expected.ids());
        assertThat(results.get(i).stop()).isEqualTo(expected.stop());
      }
    }
  }

  private static Request request(int[] prompt, Random random) {
    int n = random.nextInt(10) == 0 ? -1 : random.nextInt(25); // 0 also
    return new Request(prompt, n, random.nextBoolean(), Chooser.GREEDY, _ -> true);
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
    var first = new Request(new int[] {1, 2}, 9, true, counts, id -> seen.add(id) && id < 102);
    List<Result> results =
        run(new BatchRunner(core, 2), List.of(first, new Request(new int[] {3}, 2)).iterator());
    assertThat(seen).containsExactly(100, 101, 102);
    assertThat(results.get(0).ids()).containsExactly(100, 101, 102);
    assertThat(results).extracting(Result::stop).containsExactly(Stop.CANCELLED, Stop.LENGTH);
  }

  @Test
  void endOfTextEndsATextUnlessToldOtherwise() {
    int end = core.config().eosTokenId();
    Chooser ends = (_, _, promptLength, length) -> length == promptLength + 2 ? end : 4;
    List<Result> results =
        run(
            new BatchRunner(core, 2),
            List.of(
                    new Request(new int[] {1}, 5, true, ends, _ -> true),
                    new Request(new int[] {1}, 5, false, ends, _ -> true))
                .iterator());
    assertThat(results.get(0).ids()).containsExactly(4, 4);
    assertThat(results.get(1).ids()).containsExactly(4, 4, end, 4, 4);
    assertThat(results).extracting(Result::stop).containsExactly(Stop.END_OF_TEXT, Stop.LENGTH);
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
}
