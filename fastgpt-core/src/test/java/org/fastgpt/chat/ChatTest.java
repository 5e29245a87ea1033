package org.fastgpt.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;
import org.fastgpt.Chooser;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.Engines;
import org.fastgpt.Fixtures;
import org.fastgpt.Generator;
import org.fastgpt.Generator.Stop;
import org.fastgpt.Session;
import org.fastgpt.chat.Chat.Answer;
import org.fastgpt.chat.ChatFormat.Turn;
import org.fastgpt.model.Model;
import org.fastgpt.tokenizer.Tokenizer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ChatTest {

  /** The questions of fastGPT's tests/test_chat.f90. */
  private static final List<String> QUESTIONS =
      List.of(
          "What color does the sky have?",
          "What can you type a document on?",
          "What can you drive in?");

  private static final ChatFormat FORMAT = new ChatFormat(ChatFormat.FASTGPT, "User", "fastGPT");
  private static final Tokenizer TOKENIZER = Tokenizer.load(Fixtures.TINY_SHAKESPEARE);
  private static final int MANY = 1000; // positions

  private final StringBuilder given = new StringBuilder();

  /** The embedded model; the answers, by a cache that is kept, are those by none at all. */
  @Test
  void answersAreThoseOfAPlainGeneration() {
    int n = 12;
    try (Model model = Model.open(Fixtures.TINY_SHAKESPEARE);
        Engine engine = Engines.named("core").open(model, EngineOptions.DEFAULT);
        Session session = engine.newSession();
        Chat chat = new Chat(engine, TOKENIZER, FORMAT, n, false, ChatTest::greedy)) {
      String text = ChatFormat.FASTGPT + "\nUser:";
      for (String question : QUESTIONS) {
        text += " " + question + "\nfastGPT:";
        int[] prompt = TOKENIZER.encode(text);
        int[] plain =
            new Generator(false, true)
                .generate(session, engine.config(), prompt, n, _ -> true)
                .ids();
        String expected = TOKENIZER.decode(plain).split("User:", -1)[0];
        assertThat(ask(chat, question).text()).isEqualTo(expected).isNotBlank();
        text += expected + (expected.endsWith("\n") ? "" : "\n") + "User:";
      }
      assertThat(chat.turns()).extracting(Turn::question).isEqualTo(QUESTIONS);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "' Blue.', '\n', 'User:'",
    "' Bl', 'ue.\nUs', 'er:'",
    "' Blue.\nU', 's', 'er: more'",
    "' Blue.\n', 'User', ': and more'",
  })
  void anAnswerEndsBeforeTheUsersNextLineHoweverItIsCut(String a, String b, String c) {
    var engine = engine().answer("Sky?", a, b, c);
    try (Chat chat = chat(engine)) {
      Answer answer = ask(chat, "Sky?");
      assertThat(answer).isEqualTo(new Answer(" Blue.\n", Stop.STOP_STRING, 0));
      assertThat(given.toString()).isEqualTo(" Blue.\n");
      assertThat(chat.turns()).containsExactly(new Turn("Sky?", " Blue.\n"));
      ask(chat, "Why?");
      assertThat(engine.seen().getLast())
          .isEqualTo(ChatFormat.FASTGPT + "\nUser: Sky?\nfastGPT: Blue.\nUser: Why?\nfastGPT:");
    }
  }

  @Test
  void theBeginOfTheUsersNameIsPartOfAnAnswerThatEndsThere() {
    try (Chat chat = chat(engine().answer("Which?", " Use"))) {
      assertThat(ask(chat, "Which?")).isEqualTo(new Answer(" Use", Stop.END_OF_TEXT, 0));
      assertThat(given.toString()).isEqualTo(" Use");
    }
  }

  @Test
  void aTurnCostsItsOwnTokensOnly() {
    var engine = engine().answer("Sky?", " Blue.\nUser:").answer("Snow?", " White.\nUser:");
    try (Chat chat = chat(engine)) {
      ask(chat, "Sky?");
      int first = ids("Sky?");
      int answer = TOKENIZER.encode(" Blue.\nUser:").length;
      assertThat(engine.processed()).isEqualTo(first + answer - 1); // the last one: by nobody yet
      int before = engine.processed();
      ask(chat, "Snow?");
      int second =
          TOKENIZER.encode(
                  ChatFormat.FASTGPT + "\nUser: Sky?\nfastGPT: Blue.\nUser: Snow?\nfastGPT:")
              .length;
      int answer2 = TOKENIZER.encode(" White.\nUser:").length;
      assertThat(engine.processed() - before).isEqualTo(second - before + answer2 - 1);
      assertThat(engine.processed()).isEqualTo(second + answer2 - 1); // each token once
    }
  }

  @Test
  void aChatBegunAnewKeepsTheOpeningInItsCache() {
    var engine = engine().answer("Sky?", " Blue.\nUser:").answer("Snow?", " White.\nUser:");
    try (Chat chat = chat(engine)) {
      ask(chat, "Sky?");
      chat.resume(List.of());
      assertThat(chat.turns()).isEmpty();
      int before = engine.processed();
      assertThat(ask(chat, "Snow?").text()).isEqualTo(" White.\n");
      int opening = TOKENIZER.encode(ChatFormat.FASTGPT + "\nUser:").length;
      assertThat(engine.processed() - before)
          .isLessThanOrEqualTo(
              ids("Snow?") - opening + TOKENIZER.encode(" White.\nUser:").length - 1);
      assertThat(engine.seen().getLast())
          .startsWith(ChatFormat.FASTGPT + "\nUser: Snow?\nfastGPT:");
    }
  }

  @Test
  void goesOnAfterTurnsFromElsewhere() {
    var engine = engine().answer("Why?", " So.");
    try (Chat chat = chat(engine)) {
      chat.resume(List.of(new Turn("a", " b"), new Turn("c", "d\n")));
      assertThat(ask(chat, " Why?\n ").stop()).isEqualTo(Stop.END_OF_TEXT);
      assertThat(engine.seen().getFirst())
          .isEqualTo(
              ChatFormat.FASTGPT
                  + "\nUser: a\nfastGPT: b\nUser: c\nfastGPT:d\nUser: Why?\nfastGPT:");
      assertThat(chat.turns()).hasSize(3).last().isEqualTo(new Turn("Why?", " So.\n"));
    }
  }

  @Test
  void anAnswerHasAsManyTokensAsItMay() {
    var engine = engine().answer("Sky?", " Blue", " blue", " blue");
    int[] two = TOKENIZER.encode(" Blue blue");
    try (Chat chat = new Chat(engine, TOKENIZER, FORMAT, two.length, true, ChatTest::greedy)) {
      assertThat(ask(chat, "Sky?")).isEqualTo(new Answer(" Blue blue", Stop.LENGTH, 0));
      assertThat(chat.turns()).containsExactly(new Turn("Sky?", " Blue blue\n"));
    }
  }

  @Test
  void aCancelledAnswerIsKeptIfItHasBegun() {
    var engine = engine().answer("Sky?", " Blue", " is", " it");
    try (Chat chat = chat(engine)) {
      Answer begun = chat.ask("Sky?", given::append, () -> !given.toString().endsWith("is"));
      assertThat(begun).isEqualTo(new Answer(" Blue is", Stop.CANCELLED, 0));
      assertThat(chat.turns()).containsExactly(new Turn("Sky?", " Blue is\n"));
      chat.resume(List.of());
      assertThat(chat.ask("Nothing", given::append, () -> false).stop())
          .isEqualTo(Stop.END_OF_TEXT);
      assertThat(chat.turns()).containsExactly(new Turn("Nothing", "\n"));
      engine.answer("Space", "  ", "x");
      assertThat(chat.ask("Space", given::append, () -> false).stop()).isEqualTo(Stop.CANCELLED);
      assertThat(chat.turns()).hasSize(1);
    }
  }

  @Test
  void leavesOutTheOlderHalfOfTheTurnsWhenTheContextIsFull() {
    int nCtx = ids("Q0") * 4 / 3 + 40;
    var engine = new ScriptedEngine(TOKENIZER, nCtx);
    int left = 0;
    try (Chat chat = chat(engine)) {
      for (int i = 0; i < 12; i++) {
        engine.answer("Q" + i, " A" + i + ".\nUser:");
        int before = chat.turns().size() - left;
        Answer answer = ask(chat, "Q" + i);
        assertThat(answer.text()).isEqualTo(" A" + i + ".\n");
        assertThat(answer.left()).isIn(0, (before + 1) / 2);
        left += answer.left();
        assertThat(engine.seen().getLast())
            .startsWith(ChatFormat.FASTGPT + "\nUser: Q" + left + "\nfastGPT:");
      }
      assertThat(left).isPositive();
      assertThat(chat.turns()).hasSize(12); // all are remembered, for who saves them
    }
  }

  @Test
  void refusesAQuestionThatDoesNotFitWhereNothingMayBeLeftOut() {
    int nCtx = ids("Q") + 30;
    var engine = new ScriptedEngine(TOKENIZER, nCtx).answer("Q", " A.\nUser:");
    try (Chat chat = new Chat(engine, TOKENIZER, FORMAT, 50, false, ChatTest::greedy)) {
      assertThatIllegalStateException()
          .isThrownBy(
              () -> {
                while (true) {
                  ask(chat, "Q");
                }
              })
          .withMessageMatching(
              "the chat with this question has \\d+ tokens, and n_ctx = "
                  + nCtx
                  + ": no room for an answer; ask less, or begin anew");
      assertThat(chat.turns()).isNotEmpty();
      chat.resume(List.of());
      assertThat(ask(chat, "Q").text()).isEqualTo(" A.\n");
    }
  }

  @Test
  void refusesAnOpeningThatFillsTheContext() {
    assertThatIllegalStateException()
        .isThrownBy(() -> chat(new ScriptedEngine(TOKENIZER, ids("") - 1)).close())
        .withMessageContaining("leaves no room");
  }

  @Test
  void eachTurnHasAChooserOfItsOwn() {
    var turns = new ArrayList<Integer>();
    IntFunction<Chooser> choosers =
        turn -> {
          turns.add(turn);
          return Chooser.GREEDY;
        };
    try (Chat chat = new Chat(engine(), TOKENIZER, FORMAT, 5, true, choosers)) {
      ask(chat, "a");
      ask(chat, "b");
      chat.resume(List.of());
      ask(chat, "c");
      assertThat(turns).containsExactly(0, 1, 0);
    }
  }

  private static Chooser greedy(int turn) {
    return Chooser.GREEDY;
  }

  private static ScriptedEngine engine() {
    return new ScriptedEngine(TOKENIZER, MANY);
  }

  private static Chat chat(Engine engine) {
    return new Chat(engine, TOKENIZER, FORMAT, 50, true, ChatTest::greedy);
  }

  /** How many tokens the first question's prompt has. */
  private static int ids(String question) {
    return TOKENIZER.encode(ChatFormat.FASTGPT + "\nUser: " + question + "\nfastGPT:").length;
  }

  private Answer ask(Chat chat, String question) {
    return chat.ask(question, given::append, () -> true);
  }
}
