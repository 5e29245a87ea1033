package org.fastgpt.conformance.program;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.EngineProvider;
import org.fastgpt.model.Model;

/**
 * An engine that is a program: conformance/ENGINE-PROTOCOL.md. By its name {@code program}, or by
 * one of your own with its command. Settings: {@code command}, the command line in words and quotes
 * as a shell has them, without a shell; {@code timeout}, the seconds that any line of an answer may
 * take (default 120).
 */
public final class ProgramProvider implements EngineProvider {
  private final String name;
  private final List<String> command; // empty: it is in the settings

  /** For {@link java.util.ServiceLoader}: the command is a setting. */
  public ProgramProvider() {
    this("program", List.of());
  }

  /** The engine {@code name}, started by {@code command}: the program, then its arguments. */
  public ProgramProvider(String name, List<String> command) {
    this.name = name;
    this.command = List.copyOf(command);
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public Engine open(Model model, EngineOptions options) {
    Duration timeout = seconds(options.settings().getOrDefault("timeout", "120"));
    List<String> words =
        command.isEmpty() ? split(options.settings().getOrDefault("command", "")) : command;
    if (words.isEmpty()) {
      throw new IllegalArgumentException(
          name + ": no command; give the setting command, such as command='python3 gpt2.py'");
    }
    return ProgramEngine.open(
        new Program(name, words, timeout, System.err::println), model, options.threads());
  }

  private static Duration seconds(String text) {
    try {
      double seconds = Double.parseDouble(text);
      if (seconds > 0 && seconds <= 1e6) {
        return Duration.ofMillis((long) Math.ceil(seconds * 1000));
      }
    } catch (NumberFormatException e) {
      // said below, as for a number that is out of range
    }
    throw new IllegalArgumentException("timeout '" + text + "' is not a number of seconds above 0");
  }

  /**
   * The words of a command line: between blanks; {@code '...'} as it stands; in {@code "..."} and
   * outside, a backslash takes the next character as it stands. Nothing else has a meaning.
   */
  public static List<String> split(String line) {
    var words = new ArrayList<String>();
    StringBuilder word = null; // null between words: '' is a word, a blank is none
    char quote = 0;
    for (int i = 0; i < line.length(); i++) {
      char c = line.charAt(i);
      if (quote == 0 && Character.isWhitespace(c)) {
        if (word != null) {
          words.add(word.toString());
        }
        word = null;
        continue;
      }
      word = word == null ? new StringBuilder() : word;
      if (c == quote) {
        quote = 0;
      } else if (quote == 0 && (c == '\'' || c == '"')) {
        quote = c;
      } else if (c == '\\' && quote != '\'' && i + 1 < line.length()) {
        word.append(line.charAt(++i));
      } else {
        word.append(c);
      }
    }
    if (quote != 0) {
      throw new IllegalArgumentException("command: no closing " + quote + " in: " + line);
    }
    if (word != null) {
      words.add(word.toString());
    }
    return words;
  }
}
