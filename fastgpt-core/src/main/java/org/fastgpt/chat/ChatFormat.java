package org.fastgpt.chat;

import java.util.ArrayList;
import java.util.List;

/**
 * How a chat is written for a model that continues texts: an opening, which shows by examples what
 * is wanted, then the turns, each a line of the user and one or more of the bot.
 *
 * @param opening without the white space at its end, and without a last {@code "User:"} if it has
 *     one, as many such prompts do; may be empty
 * @param user the name before each question
 * @param bot the name before each answer
 */
public record ChatFormat(String opening, String user, String bot) {

  /** The opening of fastGPT's {@code chat} (subroutine chat of its driver.f90). */
  public static final String FASTGPT =
      """
      Your name is fastGPT and you are an AI bot. The user will ask you questions and you answer in \
      a nice, truthful, short way.
      User: What is the capital of Czechia?
      fastGPT: Prague.
      User: How many legs does a dog have?
      fastGPT: Four.\
      """;

  /**
   * One question and its answer.
   *
   * @param question one line
   * @param answer all that follows the bot's name and colon, as the model gave it, up to and with
   *     the last line's end: {@code " Prague.\n"}
   */
  public record Turn(String question, String answer) {
    public Turn {
      answer = answer.endsWith("\n") ? answer : answer + "\n";
    }
  }

  /**
   * Checks the names.
   *
   * @throws IllegalArgumentException a name is empty or cannot be told from the text, or both are
   *     the same
   */
  public ChatFormat {
    checkName(user);
    checkName(bot);
    if (user.equals(bot)) {
      throw new IllegalArgumentException(
          "user and bot are both '" + user + "': two names expected");
    }
    opening = opening.stripTrailing();
    if (opening.equals(user + ":") || opening.endsWith("\n" + user + ":")) {
      opening = opening.substring(0, opening.length() - user.length() - 1).stripTrailing();
    }
  }

  private static void checkName(String name) {
    if (name.isBlank() || !name.equals(name.strip()) || name.matches("(?s).*[:\\v].*")) {
      throw new IllegalArgumentException(
          "speaker '"
              + name
              + "': a name on one line, without a colon or spaces around it, expected");
    }
  }

  /** What the user's lines begin with: where it comes in an answer, the answer has ended. */
  String userLabel() {
    return user + ":";
  }

  private String botLabel() {
    return bot + ":";
  }

  /** The text that the answer to this question continues. */
  String prompt(List<Turn> turns, String question) {
    return (opening.isEmpty() ? "" : opening + "\n") + write(turns) + asked(question);
  }

  private String asked(String question) {
    return userLabel() + " " + question + "\n" + botLabel();
  }

  /** The turns as text, for people to read and for {@link #read}. */
  public String write(List<Turn> turns) {
    var text = new StringBuilder();
    turns.forEach(turn -> text.append(asked(turn.question())).append(turn.answer()));
    return text.toString();
  }

  /**
   * The turns that such a text has: {@code read(write(turns))} are the same turns, and what was
   * edited in between is taken as it is.
   *
   * @throws IllegalArgumentException it is no such text; the message says in which line
   */
  public List<Turn> read(String text) {
    var turns = new ArrayList<Turn>();
    String[] lines = text.replace("\r\n", "\n").replaceFirst("\n\\z", "").split("\n", -1);
    int i = 0;
    while (i < lines.length) {
      String question = after(userLabel(), lines, i).strip();
      var answer = new StringBuilder(after(botLabel(), lines, i + 1)).append('\n');
      i += 2;
      while (i < lines.length && !lines[i].startsWith(userLabel())) {
        answer.append(lines[i++]).append('\n');
      }
      turns.add(new Turn(question, answer.toString()));
    }
    return turns;
  }

  private static String after(String label, String[] lines, int i) {
    String line = i < lines.length ? lines[i] : "the end";
    if (!line.startsWith(label)) {
      throw new IllegalArgumentException(
          "line %d: '%s …' expected, found '%s'".formatted(i + 1, label, shortened(line)));
    }
    return line.substring(label.length());
  }

  private static String shortened(String line) {
    return line.length() <= 40 ? line : line.substring(0, 40) + "…";
  }
}
