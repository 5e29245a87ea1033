package org.fastgpt.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jline.reader.EndOfFileException;
import org.jline.reader.LineReader;
import org.jline.reader.LineReaderBuilder;
import org.jline.reader.UserInterruptException;
import org.jline.terminal.Terminal.Signal;
import org.jline.terminal.Terminal.SignalHandler;
import org.jline.terminal.TerminalBuilder;

/**
 * Lines that a person edits, with a history: by JLine. The only class that knows it, so that
 * nothing of it is loaded where nobody types. Where TERM says "dumb", JLine does not see Ctrl-C
 * between lines: there it ends the program.
 */
final class EditedLines implements Lines {

  private static final int HISTORY_LINES = 1000;

  private final org.jline.terminal.Terminal terminal;
  private final LineReader reader;

  /** At a terminal of any kind; without a history file, the history ends with the chat. */
  EditedLines(org.jline.terminal.Terminal terminal, Optional<Path> history) {
    this.terminal = terminal;
    LineReaderBuilder builder =
        LineReaderBuilder.builder()
            .terminal(terminal)
            .option(LineReader.Option.DISABLE_EVENT_EXPANSION, true) // "!" is part of a question
            .option(LineReader.Option.HISTORY_TIMESTAMPED, false) // plain lines, any of them
            .variable(LineReader.HISTORY_SIZE, HISTORY_LINES)
            .variable(LineReader.HISTORY_FILE_SIZE, HISTORY_LINES);
    history.ifPresent(file -> builder.variable(LineReader.HISTORY_FILE, file));
    reader = builder.build();
  }

  /** At the terminal that the program was started from. */
  static EditedLines here(Terminal terminal) throws IOException {
    Path file = historyFile(System.getenv("XDG_STATE_HOME"), System.getProperty("user.home"));
    Optional<Path> history = usable(file, terminal);
    return new EditedLines(
        TerminalBuilder.builder().system(true).encoding(StandardCharsets.UTF_8).build(), history);
  }

  /** That file, or none and why: JLine would show where in its code it failed. */
  static Optional<Path> usable(Path file, Terminal terminal) {
    try {
      makePrivate(file);
      var _ = Files.readString(file);
      if (Files.isWritable(file)) {
        return Optional.of(file);
      }
      throw new AccessDeniedException(file.toString());
    } catch (IOException e) {
      terminal.say("No history is kept in " + file + ": " + e);
      return Optional.empty();
    }
  }

  /** By the XDG base directory specification, in which a relative folder does not count. */
  static Path historyFile(String stateHome, String userHome) {
    Path state =
        stateHome != null && Path.of(stateHome).isAbsolute()
            ? Path.of(stateHome)
            : Path.of(userHome, ".local", "state");
    return state.resolve("fastgpt").resolve("chat_history");
  }

  /**
   * What people ask is nobody else's business: makes the file, if it is not there, for its owner.
   */
  static void makePrivate(Path file) throws IOException {
    if (Files.exists(file)) {
      return;
    }
    boolean posix = FileSystems.getDefault().supportedFileAttributeViews().contains("posix");
    Files.createDirectories(file.getParent());
    Files.createFile(
        file,
        posix
            ? new FileAttribute<?>[] {
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"))
            }
            : new FileAttribute<?>[0]);
  }

  /** Ctrl-C clears what is typed, and on an empty line ends, as Ctrl-D does. */
  @Override
  public Optional<String> next(String prompt) {
    while (true) {
      try {
        return Optional.of(reader.readLine(prompt));
      } catch (UserInterruptException e) {
        if (e.getPartialLine().isBlank()) {
          return Optional.empty();
        }
      } catch (EndOfFileException _) {
        return Optional.empty();
      }
    }
  }

  @Override
  public Watch watch() {
    var interrupted = new AtomicBoolean();
    SignalHandler before = terminal.handle(Signal.INT, _ -> interrupted.set(true));
    return new Watch() {
      @Override
      public boolean interrupted() {
        return interrupted.get();
      }

      @Override
      public void close() {
        terminal.handle(Signal.INT, before);
      }
    };
  }

  @Override
  public void close() throws IOException {
    terminal.close();
  }
}
