package org.fastgpt;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.IntPredicate;
import org.fastgpt.Generator.Result;

/**
 * Generation of many texts over any engine, some at a time: when one is done, its row goes to the
 * next at once, whose prompt is processed beside the new tokens of the others.
 *
 * @param engine runs them; if it is not {@link Batching}, each in a session of its own
 * @param rows how many at a time, at most
 */
public record BatchRunner(Engine engine, int rows) {

  /**
   * A text to be continued, as by {@link Generator#generate}.
   *
   * @param generator with its cache, and without drafts
   * @param prompt at least one token, and fewer than the context holds unless the generator slides
   * @param n up to so many new tokens; -1: as many as the context holds
   * @param each gets every new token as it comes; false ends the text
   */
  public record Request(Generator generator, int[] prompt, int n, IntPredicate each) {

    public Request {
      if (!generator.cached() || generator.draft() > 0) {
        throw new IllegalArgumentException("a batch has its cache, and no drafts");
      }
    }

    /** Greedy, up to end-of-text. */
    public Request(int[] prompt, int n) {
      this(new Generator(true, true), prompt, n, _ -> true);
    }

    /**
     * Checks that a model of these sizes can continue the prompt.
     *
     * @throws IllegalArgumentException the prompt is empty or has a token outside the vocabulary,
     *     or -1 tokens are asked of a generator that slides
     * @throws IllegalStateException the prompt leaves no room for a new token
     */
    public void check(GptConfig config) {
      generator.check(config, prompt, n);
    }
  }

  /**
   * Runs all requests. A next one is asked for when a row is free, and not before; meanwhile the
   * others wait.
   *
   * @param results gets one result for each request, in the order of the requests
   * @param failures gets, in place of a result, what the {@link Chooser} of a text has thrown; the
   *     others go on
   * @throws IllegalArgumentException as {@link Request#check}
   * @throws IllegalStateException as {@link Request#check}
   */
  public void run(
      Iterator<Request> requests,
      Consumer<Result> results,
      Consumer<IllegalStateException> failures) {
    try (Batch batch = Batch.of(engine, rows)) {
      run(batch, row -> row.slot = batch.add(), requests, results, failures);
    }
  }

  /**
   * Runs all requests; what a chooser throws is thrown here, when the result would have come.
   *
   * @param results gets one result for each request, in the order of the requests
   * @throws IllegalArgumentException as {@link Request#check}
   * @throws IllegalStateException as {@link Request#check}, or by a chooser
   */
  public void run(Iterator<Request> requests, Consumer<Result> results) {
    run(requests, results, BatchRunner::fail);
  }

  private static void fail(IllegalStateException failure) {
    throw failure;
  }

  /**
   * Runs requests of one prompt. It is processed once, and each text goes on from a fork; where the
   * engine has none, once for each.
   *
   * @param results gets one result for each request, in the order of the requests
   * @throws IllegalArgumentException as {@link Request#check}, or a request has another prompt
   * @throws IllegalStateException as {@link Request#check}, or by a chooser
   */
  public void runForks(int[] prompt, Iterator<Request> requests, Consumer<Result> results) {
    new Request(prompt, 0).check(engine.config());
    try (Batch batch = Batch.forking(engine, rows + 1)) {
      int root = batch.add();
      var next = new float[engine.config().nVocab()]; // the logits that follow the prompt
      batch.step(
          new int[] {root},
          new int[][] {prompt},
          (_, logits) -> System.arraycopy(logits, 0, next, 0, next.length));
      run(
          batch,
          row -> {
            if (!Arrays.equals(row.prompt, prompt)) {
              throw new IllegalArgumentException("a fork of another prompt");
            }
            row.slot = batch.fork(root);
            row.take(next);
          },
          requests,
          results,
          BatchRunner::fail);
    }
  }

  /** {@code start} gives a text its slot. */
  private void run(
      Batch batch,
      Consumer<Row> start,
      Iterator<Request> requests,
      Consumer<Result> results,
      Consumer<IllegalStateException> failures) {
    var inOrder = new ArrayDeque<Row>();
    var running = new ArrayList<Row>();
    do {
      while (running.size() < rows && requests.hasNext()) {
        var row = new Row(requests.next(), engine.config());
        inOrder.add(row);
        if (row.goesOn()) {
          start.accept(row);
          running.add(row);
        }
        release(batch, running);
      }
      if (!running.isEmpty()) {
        step(batch, running);
        release(batch, running);
      }
      while (!inOrder.isEmpty() && !inOrder.peek().goesOn()) {
        inOrder.remove().deliver(results, failures);
      }
    } while (!running.isEmpty() || requests.hasNext());
  }

  /** One more token for each text. */
  private static void step(Batch batch, List<Row> running) {
    for (Row row : running) {
      if (row.text.slide()) { // what is kept is processed anew, beside the tokens of the others
        batch.remove(row.slot);
        row.slot = batch.add();
      }
    }
    int[] slots = running.stream().mapToInt(row -> row.slot).toArray();
    int[][] ids =
        running.stream().map(row -> row.text.from(batch.position(row.slot))).toArray(int[][]::new);
    var bySlot = new HashMap<Integer, Row>();
    running.forEach(row -> bySlot.put(row.slot, row));
    batch.step(slots, ids, (slot, logits) -> bySlot.get(slot).take(logits));
  }

  /** Texts that are done give up their slots. */
  private static void release(Batch batch, List<Row> running) {
    for (Row row : running) {
      if (!row.goesOn()) {
        batch.remove(row.slot);
      }
    }
    running.removeIf(row -> !row.goesOn());
  }

  /** A text and its place in the batch. */
  private static final class Row {
    private final int[] prompt;
    private final GrowingText text;
    private int slot;
    private IllegalStateException failure; // null unless the chooser has failed

    Row(Request request, GptConfig config) {
      prompt = request.prompt;
      text = new GrowingText(request.generator, config, prompt, request.n, request.each);
    }

    boolean goesOn() {
      return failure == null && text.goesOn();
    }

    void take(float[] logits) {
      int id;
      try {
        id = text.choose(logits);
      } catch (IllegalStateException e) { // not thrown amid a step: the others go on
        failure = e;
        return;
      }
      text.accept(id);
    }

    void deliver(Consumer<Result> results, Consumer<IllegalStateException> failures) {
      if (failure == null) {
        results.accept(text.result());
      } else {
        failures.accept(failure);
      }
    }
  }
}
