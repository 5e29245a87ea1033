package org.fastgpt.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Where the text comes from: the argument, a file, or standard input. */
final class PromptOptions {

  @ArgGroup private Source source;

  /** One of the three. */
  static final class Source {
    @Parameters(paramLabel = "TEXT", arity = "0..*", description = "The text (or ids).")
    private List<String> words;

    @Option(
        names = {"-p", "--prompt"},
        paramLabel = "TEXT",
        description = "The text, as an option.")
    private String prompt;

    @Option(
        names = {"-f", "--file"},
        paramLabel = "FILE",
        description = "A file with the text, UTF-8; a newline at its end is left out.")
    private Path file;
  }

  /** Whether a source is named: else it is standard input. */
  boolean isGiven() {
    return source != null;
  }

  /** The text; from standard input if no other source is named. */
  String text(Terminal terminal) throws IOException {
    if (source == null) {
      if (terminal.interactive()) {
        throw new IllegalArgumentException(
            "no text: give it as an argument, with -f FILE, or on standard input");
      }
      return withoutLastNewline(Main.text(terminal.in()));
    }
    if (source.file != null) {
      return text(source.file);
    }
    return source.prompt != null ? source.prompt : String.join(" ", source.words);
  }

  /** A file's text, without a newline at its end. */
  static String text(Path file) throws IOException {
    try {
      return withoutLastNewline(new String(Files.readAllBytes(file), StandardCharsets.UTF_8));
    } catch (NoSuchFileException e) {
      throw new IllegalArgumentException(file + ": no such file", e);
    }
  }

  private static String withoutLastNewline(String text) {
    return text.replaceFirst("\\r?\\n\\z", "");
  }

  /** Ids separated by white space or commas. */
  static int[] ids(String text) {
    return Arrays.stream(text.strip().split("[\\s,]+"))
        .filter(word -> !word.isEmpty())
        .mapToInt(PromptOptions::id)
        .toArray();
  }

  private static int id(String word) {
    try {
      return Integer.parseInt(word);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(
          "'" + word + "' is not a token id: ids are whole numbers, separated by spaces", e);
    }
  }

  /** Ids as they are read. */
  static String join(int[] ids) {
    return String.join(" ", Arrays.stream(ids).mapToObj(String::valueOf).toList());
  }
}
