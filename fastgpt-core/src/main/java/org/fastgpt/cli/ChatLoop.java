package org.fastgpt.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.fastgpt.chat.Chat;
import org.fastgpt.chat.Chat.Answer;
import org.fastgpt.chat.ChatFormat;

/** Questions and commands, line by line, until the user wants no more. */
final class ChatLoop {

  static final String HELP =
      """
      /reset        begin anew, after the opening
      /save FILE    write the questions and answers to a new file; /save! FILE replaces an old one
      /load FILE    go on after those of a file, which may have been edited
      /quit         end, as Ctrl-D, or Ctrl-C on an empty line; Ctrl-C stops an answer
      All else is a question; one that begins with / is asked with a space before it.\
      """;

  private final Terminal terminal;
  private final Lines lines;
  private final Chat chat;
  private final ChatFormat format;
  private final boolean quiet;
  private boolean ended;
  private boolean failed;

  ChatLoop(Terminal terminal, Lines lines, Chat chat, ChatFormat format, boolean quiet) {
    this.terminal = terminal;
    this.lines = lines;
    this.chat = chat;
    this.format = format;
    this.quiet = quiet;
  }

  /** False if a line could not be obeyed; each was said, and the next one taken. */
  boolean run() throws IOException {
    while (!ended) {
      Optional<String> line = lines.next(format.user() + ": ");
      ended = line.isEmpty();
      try {
        line.ifPresent(this::take);
      } catch (IllegalArgumentException | IllegalStateException e) {
        terminal.say("fastgpt: " + e.getMessage());
        failed = true;
      }
    }
    return !failed;
  }

  private void take(String line) {
    if (line.startsWith("/")) {
      command(line.strip());
    } else if (!line.isBlank()) {
      ask(line);
    }
  }

  private void command(String line) {
    String[] words = line.split("\\s+", 2);
    switch (words[0]) {
      case "/help" -> terminal.say(HELP);
      case "/quit" -> ended = true;
      case "/reset" -> resume(List.of(), "Begun anew, after the opening.");
      case "/save" -> save(file(words), false);
      case "/save!" -> save(file(words), true);
      case "/load" -> load(file(words));
      default ->
          throw new IllegalArgumentException(words[0] + ": no such command; /help lists them");
    }
  }

  private static Path file(String[] words) {
    if (words.length < 2) {
      throw new IllegalArgumentException(words[0] + ": a file expected");
    }
    return Path.of(words[1]);
  }

  private void resume(List<ChatFormat.Turn> turns, String note) {
    chat.resume(turns);
    say(note);
  }

  private void save(Path file, boolean replace) {
    List<ChatFormat.Turn> turns = chat.turns();
    TranscriptFile.write(file, format.write(turns), replace);
    say("Saved " + file + ", turns: " + turns.size() + ".");
  }

  private void load(Path file) {
    String text = TranscriptFile.read(file);
    List<ChatFormat.Turn> turns;
    try {
      turns = format.read(text);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(file + ", " + e.getMessage(), e);
    }
    resume(turns, "Loaded " + file + ", turns: " + turns.size() + ".");
  }

  private void say(String note) {
    if (!quiet) {
      terminal.say(note);
    }
  }

  private void ask(String question) {
    boolean labels = terminal.interactive() || !quiet;
    if (labels) {
      terminal.err().print(format.bot() + ": ");
      terminal.err().flush();
    }
    Answer answer;
    try (Lines.Watch watch = lines.watch()) {
      var shown = new Shown();
      answer =
          chat.ask(
              question,
              text -> print(shown.push(text)),
              () -> !watch.interrupted() && !terminal.out().checkError());
    } catch (RuntimeException e) {
      if (labels) {
        terminal.say(""); // what went wrong has a line of its own
      }
      throw e;
    }
    print(System.lineSeparator());
    ended = terminal.out().checkError(); // nobody reads on
    sayHow(answer);
  }

  private void print(String text) {
    terminal.out().print(text);
    terminal.out().flush();
  }

  private void sayHow(Answer answer) {
    if (answer.left() > 0) {
      terminal.say("The context was full: left out the oldest turns: " + answer.left() + ".");
    }
    switch (answer.stop()) {
      case LENGTH -> say("The answer was cut: it has as many tokens as -n allows.");
      case CONTEXT_FULL -> say("The answer was cut: the context is full.");
      default -> {} // it ended by itself, or the user ended it
    }
  }

  /** What is shown of an answer as it comes: all but the white space before and after it. */
  static final class Shown {
    private final StringBuilder space = new StringBuilder(); // what may be followed by more
    private boolean begun;

    String push(String text) {
      String more = begun ? text : text.stripLeading();
      begun |= !more.isEmpty();
      String certain = more.stripTrailing();
      String before = certain.isEmpty() ? "" : space.toString();
      if (!certain.isEmpty()) {
        space.setLength(0);
      }
      space.append(more, certain.length(), more.length());
      return before + certain;
    }
  }
}
