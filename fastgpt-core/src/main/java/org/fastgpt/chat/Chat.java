package org.fastgpt.chat;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import org.fastgpt.Chooser;
import org.fastgpt.Engine;
import org.fastgpt.Generator;
import org.fastgpt.Generator.Stop;
import org.fastgpt.GptConfig;
import org.fastgpt.PrefixSession;
import org.fastgpt.Session;
import org.fastgpt.StopStrings;
import org.fastgpt.chat.ChatFormat.Turn;
import org.fastgpt.tokenizer.StreamDecoder;
import org.fastgpt.tokenizer.Tokenizer;

/**
 * A dialogue with a model, as fastGPT's {@code chat} has it: each answer continues the whole text
 * so far, and ends where the model would go on with the user's next line. The KV cache is kept, so
 * a turn costs its own tokens only. For one thread.
 *
 * <p>Where fastGPT leaves an answer of too many tokens as it is, here a line's end follows, so that
 * the next question is always at the begin of a line; and the end-of-text token ends an answer.
 */
public final class Chat implements AutoCloseable {

  /** An answer is given as much of the context: in 1024 positions more than fastGPT's 200. */
  private static final int ROOM_FOR_ANSWER = 4; // one part of so many

  /**
   * One answer.
   *
   * @param text as the model gave it
   * @param stop why it ended: {@link Stop#STOP_STRING} before the user's next line
   * @param left how many of the oldest turns were left out of the context to make room
   */
  public record Answer(String text, Stop stop, int left) {}

  private final ChatFormat format;
  private final Tokenizer tokenizer;
  private final GptConfig config;
  private final Session session;
  private final int n;
  private final boolean truncates;
  private final IntFunction<Chooser> choosers;
  private final List<Turn> turns = new ArrayList<>();
  private int start; // the first turn that the model still sees

  /**
   * A chat that has its opening only.
   *
   * @param n how many tokens an answer has at most; -1: as many as the context holds
   * @param truncates whether, when the context is full, the older half of the turns is left out, if
   *     need be again; if not, the next question is refused
   * @param choosers what chooses the tokens of the answer of that turn, from 0
   * @throws IllegalStateException the opening fills the context
   */
  public Chat(
      Engine engine,
      Tokenizer tokenizer,
      ChatFormat format,
      int n,
      boolean truncates,
      IntFunction<Chooser> choosers) {
    this.format = format;
    this.tokenizer = tokenizer;
    this.n = n;
    this.truncates = truncates;
    this.choosers = choosers;
    config = engine.config();
    Generator.checkRoom(config, tokenizer.encode(format.prompt(List.of(), "")).length);
    session = new PrefixSession(engine.newSession(), config);
  }

  /** All turns, also those that are left out of the context. */
  public List<Turn> turns() {
    return List.copyOf(turns);
  }

  /** Goes on after these turns, and after the opening; forgets all others. */
  public void resume(List<Turn> others) {
    turns.clear();
    turns.addAll(others);
    start = 0;
  }

  /**
   * Asks, and remembers question and answer; not, if the answer was cancelled before it began.
   *
   * @param question line ends in it are read as spaces
   * @param each gets the answer's text as it comes
   * @param goesOn asked after each token; false ends the answer
   * @throws IllegalStateException the context has no room for an answer
   * @throws IllegalArgumentException the vocabulary lacks a character of the question
   */
  public Answer ask(String question, Consumer<String> each, BooleanSupplier goesOn) {
    String line = question.strip().replaceAll("\\s*\\v\\s*", " ");
    int from = firstThatFits(line);
    int[] ids = ids(from, line);
    checkRoom(ids.length);
    int left = from - start;
    start = from;
    var text = new StringBuilder();
    Stop stop = answer(ids, each.andThen(text::append), goesOn);
    if (stop != Stop.CANCELLED || !text.toString().isBlank()) {
      turns.add(new Turn(line, text.toString()));
    }
    return new Answer(text.toString(), stop, left);
  }

  private Stop answer(int[] prompt, Consumer<String> each, BooleanSupplier goesOn) {
    var decoder = new StreamDecoder(tokenizer);
    var end = new StopStrings(List.of(format.userLabel()));
    Stop stop =
        new Generator(true, true)
            .with(choosers.apply(turns.size()))
            .generate(
                session,
                config,
                prompt,
                n,
                id -> {
                  each.accept(end.push(decoder.push(id)));
                  return !end.found() && goesOn.getAsBoolean();
                })
            .stop();
    each.accept(end.push(decoder.flush()) + end.flush());
    return end.found() ? Stop.STOP_STRING : stop;
  }

  /** The first turn to be seen: from {@code start} on, halves of the turns are left out. */
  private int firstThatFits(String question) {
    int room = config.nCtx() / ROOM_FOR_ANSWER;
    int wanted = n < 0 ? room : Math.min(n, room);
    int from = start;
    while (truncates
        && from < turns.size()
        && ids(from, question).length + wanted > config.nCtx()) {
      from += (turns.size() - from + 1) / 2;
    }
    return from;
  }

  private int[] ids(int from, String question) {
    return tokenizer.encode(format.prompt(turns.subList(from, turns.size()), question));
  }

  private void checkRoom(int tokens) {
    if (tokens >= config.nCtx()) {
      throw new IllegalStateException(
          "the chat with this question has "
              + tokens
              + " tokens, and n_ctx = "
              + config.nCtx()
              + ": no room for an answer; ask less, or begin anew");
    }
  }

  @Override
  public void close() {
    session.close();
  }
}
