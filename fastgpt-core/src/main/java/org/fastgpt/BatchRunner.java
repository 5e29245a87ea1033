package org.fastgpt;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.IntPredicate;
import org.fastgpt.Generator.Result;
import org.fastgpt.Generator.Stop;

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
   * @param prompt at least one token, and fewer than the context holds
   * @param n up to so many new tokens; -1: as many as the context holds
   * @param stopAtEndOfText whether the end-of-text token ends it
   * @param stopTokens other tokens that end it
   * @param chooser chooses each token
   * @param each gets every new token as it comes; false ends the text
   */
  public record Request(
      int[] prompt,
      int n,
      boolean stopAtEndOfText,
      Set<Integer> stopTokens,
      Chooser chooser,
      IntPredicate each) {

    public Request {
      stopTokens = Set.copyOf(stopTokens);
    }

    /** Greedy, up to end-of-text. */
    public Request(int[] prompt, int n) {
      this(prompt, n, true, Set.of(), Chooser.GREEDY, _ -> true);
    }

    /**
     * Checks that a model of these sizes can continue the prompt.
     *
     * @throws IllegalArgumentException the prompt is empty or has a token outside the vocabulary
     * @throws IllegalStateException the prompt leaves no room for a new token
     */
    public void check(GptConfig config) {
      Generator.checkRoom(config, prompt.length);
      config.checkInput(prompt, 0);
    }
  }

  /**
   * Runs all requests. A next one is asked for when a row is free, and not before; meanwhile the
   * others wait.
   *
   * @param results gets one result for each request, in the order of the requests
   * @throws IllegalArgumentException as {@link Request#check}
   * @throws IllegalStateException as {@link Request#check}
   */
  public void run(Iterator<Request> requests, Consumer<Result> results) {
    try (Batch batch = Batch.of(engine, rows)) {
      run(batch, text -> text.slot = batch.add(), requests, results);
    }
  }

  /**
   * Runs requests of one prompt. It is processed once, and each text goes on from a fork; where the
   * engine has none, once for each.
   *
   * @param results gets one result for each request, in the order of the requests
   * @throws IllegalArgumentException as {@link Request#check}, or a request has another prompt
   * @throws IllegalStateException as {@link Request#check}
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
          text -> {
            if (!Arrays.equals(text.request.prompt, prompt)) {
              throw new IllegalArgumentException("a fork of another prompt");
            }
            text.slot = batch.fork(root);
            text.take(next);
          },
          requests,
          results);
    }
  }

  /** {@code start} gives a text its row. */
  private void run(
      Batch batch, Consumer<Text> start, Iterator<Request> requests, Consumer<Result> results) {
    var inOrder = new ArrayDeque<Text>();
    var running = new ArrayList<Text>();
    do {
      while (running.size() < rows && requests.hasNext()) {
        var text = new Text(requests.next(), engine.config());
        inOrder.add(text);
        if (text.stop == null) {
          start.accept(text);
          running.add(text);
        }
        release(batch, running);
      }
      if (!running.isEmpty()) {
        step(batch, running);
        release(batch, running);
      }
      while (!inOrder.isEmpty() && inOrder.peek().stop != null) {
        results.accept(inOrder.remove().result());
      }
    } while (!running.isEmpty() || requests.hasNext());
  }

  /** One more token for each text. */
  private static void step(Batch batch, List<Text> running) {
    int[] slots = running.stream().mapToInt(text -> text.slot).toArray();
    int[][] ids =
        running.stream().map(text -> text.from(batch.position(text.slot))).toArray(int[][]::new);
    var bySlot = new HashMap<Integer, Text>();
    running.forEach(text -> bySlot.put(text.slot, text));
    batch.step(slots, ids, (slot, logits) -> bySlot.get(slot).take(logits));
  }

  /** Texts that are done give up their rows. */
  private static void release(Batch batch, List<Text> running) {
    for (Text text : running) {
      if (text.stop != null) {
        batch.remove(text.slot);
      }
    }
    running.removeIf(text -> text.stop != null);
  }

  /** A request and what has come of it. */
  private static final class Text {
    private final Request request;
    private final GptConfig config;
    private final Stop whenFull; // what it means when there is no more room in ids
    private final int[] ids; // the prompt, then the new tokens
    private int length;
    private int slot;
    private Stop stop; // null as long as it goes on

    Text(Request request, GptConfig config) {
      request.check(config);
      this.request = request;
      this.config = config;
      length = request.prompt.length;
      int room = config.nCtx() - length;
      boolean fits = request.n >= 0 && request.n <= room;
      whenFull = fits ? Stop.LENGTH : Stop.CONTEXT_FULL;
      ids = Arrays.copyOf(request.prompt, length + (fits ? request.n : room));
      stop = length == ids.length ? whenFull : null;
    }

    /** The ids from a position on. */
    int[] from(int position) {
      return Arrays.copyOfRange(ids, position, length);
    }

    void take(float[] logits) {
      int id = request.chooser.choose(logits, ids, request.prompt.length, length);
      if (request.stopAtEndOfText && id == config.eosTokenId()) {
        stop = Stop.END_OF_TEXT;
        return;
      }
      if (request.stopTokens.contains(id)) {
        stop = Stop.STOP_TOKEN;
        return;
      }
      ids[length++] = id;
      if (!request.each.test(id)) {
        stop = Stop.CANCELLED;
      } else if (length == ids.length) {
        stop = whenFull;
      }
    }

    Result result() {
      return new Result(from(request.prompt.length), stop, 0);
    }
  }
}
