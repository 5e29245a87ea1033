package org.fastgpt.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.fastgpt.Chooser;
import org.fastgpt.Fixtures;
import org.fastgpt.chat.Chat;
import org.fastgpt.chat.ChatFormat;
import org.fastgpt.chat.ChatFormat.Turn;
import org.fastgpt.chat.ScriptedEngine;
import org.fastgpt.tokenizer.Tokenizer;
import org.jline.terminal.Terminal.Signal;
import org.jline.terminal.impl.ExternalTerminal;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A person at a terminal, played through pipes; what is typed waits for its prompt. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class EditedLinesTest {

  private static final String UP = "\u001bOA";
  private static final String LEFT = "\u001bOD";
  private static final String CTRL_C = "\u0003";
  private static final String CTRL_D = "\u0004";

  private final ByteArrayOutputStream screen = new ByteArrayOutputStream();
  private PipedOutputStream keys;
  private org.jline.terminal.Terminal terminal;
  private int prompts;

  @TempDir private Path folder;

  @BeforeEach
  void open() throws IOException {
    keys = new PipedOutputStream();
    terminal =
        new ExternalTerminal(
            "test", "xterm", new PipedInputStream(keys), screen, StandardCharsets.UTF_8);
  }

  @AfterEach
  void close() throws IOException {
    terminal.close();
  }

  @Test
  void linesCanBeEdited() throws Exception {
    try (var lines = new EditedLines(terminal, Optional.empty())) {
      assertThat(typed(lines, "Wht!" + LEFT + LEFT + "a\r")).contains("What!");
      assertThat(typed(lines, "a \\ 'b \"é🐱\r")).contains("a \\ 'b \"é🐱"); // nothing is special
      assertThat(typed(lines, "/save! x\r")).contains("/save! x");
    }
  }

  @Test
  void historyOutlivesTheProgram() throws Exception {
    Path history = folder.resolve("state").resolve("history");
    EditedLines.makePrivate(history);
    try (var lines = new EditedLines(terminal, Optional.of(history))) {
      typed(lines, "one\r");
      typed(lines, "two\r");
      assertThat(typed(lines, UP + UP + "!\r")).contains("one!");
    }
    open();
    try (var lines = new EditedLines(terminal, Optional.of(history))) {
      assertThat(typed(lines, UP + UP + "\r")).contains("two");
    }
  }

  @Test
  void aHistoryOfAnyTextIsUsedAndWhatIsNoTextIsSaid() throws Exception {
    Path history = Files.writeString(folder.resolve("history"), ":::\nold \\ one\n");
    var print = new PrintStream(screen, true, StandardCharsets.UTF_8);
    var console = new Terminal(InputStream.nullInputStream(), print, print, true);
    try (var lines = new EditedLines(terminal, EditedLines.usable(history, console))) {
      assertThat(typed(lines, UP + UP + "\r")).contains(":::");
    }
    Files.write(history, new byte[] {(byte) 0xff, '\n'});
    assertThat(EditedLines.usable(history, console)).isEmpty();
    assertThat(screen.toString(StandardCharsets.UTF_8))
        .contains("No history is kept in " + history + ": java.nio.charset.MalformedInput");
  }

  @Test
  void controlCClearsALineAndEndsAnEmptyOne() throws Exception {
    try (var lines = new EditedLines(terminal, Optional.empty())) {
      FutureTask<Optional<String>> line = reading(lines);
      type("never asked");
      awaitEcho("never asked"); // Ctrl-C overtakes what is typed and not yet read
      type(CTRL_C);
      awaitPrompt();
      type("asked\r");
      assertThat(line.get()).contains("asked");
      assertThat(typed(lines, CTRL_C)).isEmpty();
      assertThat(typed(lines, CTRL_D)).isEmpty();
    }
  }

  /** The key is pressed when the second token has come; the third one is the last. */
  @Test
  void controlCStopsAnAnswerAndTheChatGoesOn() throws Exception {
    Tokenizer tokenizer = Tokenizer.load(Fixtures.TINY_SHAKESPEARE);
    var engine =
        new ScriptedEngine(tokenizer, 1000).answer("A?", " a", " b", " c").answer("B?", " d");
    var shown = new ByteArrayOutputStream();
    var out =
        new PrintStream(shown, true, StandardCharsets.UTF_8) {
          @Override
          public void print(String text) {
            super.print(text);
            if (text.equals(" b")) {
              terminal.raise(Signal.INT);
            }
          }
        };
    var format = new ChatFormat(ChatFormat.FASTGPT, "User", "fastGPT");
    var console = new Terminal(InputStream.nullInputStream(), out, new PrintStream(screen), true);
    try (var lines = new EditedLines(terminal, Optional.empty());
        Chat chat = new Chat(engine, tokenizer, format, 9, true, _ -> Chooser.GREEDY)) {
      FutureTask<Boolean> loop = started(new ChatLoop(console, lines, chat, format, true)::run);
      awaitPrompt();
      type("A?\r");
      awaitPrompt();
      type("B?\r");
      awaitPrompt();
      type(CTRL_D);
      assertThat(loop.get()).isTrue();
      assertThat(chat.turns()).containsExactly(new Turn("A?", " a b\n"), new Turn("B?", " d\n"));
    }
    assertThat(shown.toString(StandardCharsets.UTF_8).lines()).containsExactly("a b", "d");
  }

  @Test
  void historyIsInTheUsersStateFolder() {
    Path home = folder.resolve("home");
    assertThat(EditedLines.historyFile(folder.toString(), home.toString()))
        .isEqualTo(folder.resolve("fastgpt").resolve("chat_history"));
    Path usual = home.resolve(Path.of(".local", "state", "fastgpt", "chat_history"));
    assertThat(EditedLines.historyFile(null, home.toString())).isEqualTo(usual);
    assertThat(EditedLines.historyFile("", home.toString())).isEqualTo(usual);
    assertThat(EditedLines.historyFile("relative", home.toString())).isEqualTo(usual);
  }

  @Test
  void historyIsForItsOwnerOnly() throws IOException {
    assumeTrue(
        FileSystems.getDefault().supportedFileAttributeViews().contains("posix"),
        "files have no POSIX permissions here: run it on Linux or macOS");
    Path file = folder.resolve("new").resolve("history");
    EditedLines.makePrivate(file);
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
        .isEqualTo("rw-------");
    Files.writeString(file, "old");
    EditedLines.makePrivate(file);
    assertThat(file).hasContent("old");
  }

  private Optional<String> typed(EditedLines lines, String text) throws Exception {
    FutureTask<Optional<String>> line = reading(lines);
    type(text);
    return line.get();
  }

  /** Reads a line elsewhere, and waits until it has been asked for. */
  private FutureTask<Optional<String>> reading(EditedLines lines) throws Exception {
    FutureTask<Optional<String>> line = started(() -> lines.next("User: "));
    awaitPrompt();
    return line;
  }

  private static <T> FutureTask<T> started(Callable<T> task) {
    var future = new FutureTask<>(task);
    Thread.ofPlatform().daemon().start(future);
    return future;
  }

  private void type(String text) throws IOException {
    keys.write(text.getBytes(StandardCharsets.UTF_8));
    keys.flush();
  }

  private void awaitEcho(String text) throws InterruptedException {
    while (!screen.toString(StandardCharsets.UTF_8).contains(text)) {
      TimeUnit.MILLISECONDS.sleep(5);
    }
  }

  /** Until there is one more than before. */
  private void awaitPrompt() throws InterruptedException {
    prompts++;
    while (screen.toString(StandardCharsets.UTF_8).split("User: ", -1).length - 1 < prompts) {
      TimeUnit.MILLISECONDS.sleep(5);
    }
  }
}
