package org.fastgpt.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.fastgpt.Fixtures;
import org.fastgpt.chat.ChatFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Chats from a script, with the embedded model, which answers a question by a scene. */
class ChatCommandTest {

  private static final String TINY = Fixtures.TINY_SHAKESPEARE.toString();
  private static final String SKY = "What color does the sky have?\n";
  private static final String DRIVE = "What can you drive in?\n";

  @TempDir private Path folder;
  private ByteArrayOutputStream out;
  private ByteArrayOutputStream err;

  @Test
  void onlyTheAnswersGoToStandardOutput() {
    assertThat(chat(SKY, "-n", "9")).isZero();
    assertThat(out()).isEqualTo("I am a business.\n");
    assertThat(err())
        .startsWith("This model is none of GPT-2's: its answers will make no sense.")
        .contains(
            ChatFormat.FASTGPT + "\nUser: " + SKY + "fastGPT: The answer was cut: it has as many");
    String answers = answers(SKY + DRIVE, "-n", "9");
    assertThat(answers).startsWith("I am a business.\n").hasLineCount(2);
    assertThat(err()).isEmpty();
  }

  @Test
  void aTurnRemembersThoseBefore() {
    String alone = answers(DRIVE, "-n", "30");
    assertThat(answers(SKY + DRIVE, "-n", "30")).doesNotEndWith(alone);
    assertThat(answers(SKY + "/reset\n" + DRIVE, "-n", "30")).endsWith(alone);
  }

  @Test
  void emptyLinesAreNoQuestionsAndQuitEnds() {
    assertThat(answers("\n  \n" + SKY + "/quit\n" + DRIVE, "-n", "9"))
        .isEqualTo("I am a business.\n");
  }

  @Test
  void aSavedChatGoesOnWhereItWas() throws IOException {
    Path file = folder.resolve("a b.chat");
    String whole = answers(SKY + DRIVE, "-n", "9");
    assertThat(chat(SKY + "/save " + file + "\n", "-n", "9")).isZero();
    assertThat(Files.readString(file)).isEqualTo("User: " + SKY + "fastGPT:\nI am a business.\n");
    assertThat(err()).contains("Saved " + file + ", turns: 1.");
    assertThat(answers("/load " + file + "\n" + DRIVE, "-n", "9"))
        .isEqualTo(whole.substring(whole.indexOf('\n') + 1));
    Files.writeString(file, Files.readString(file).replace("business", "merchant"));
    assertThat(chat("/load " + file + "\n/save! " + file + "\n")).isZero();
    assertThat(Files.readString(file)).isEqualTo("User: " + SKY + "fastGPT:\nI am a merchant.\n");
    try (var files = Files.list(folder)) {
      assertThat(files).containsExactly(file); // nothing temporary is left
    }
  }

  @Test
  void aFileThatIsThereIsReplacedOnlyIfThatIsSaid() throws IOException {
    Path file = Files.writeString(folder.resolve("notes"), "mine");
    assertThat(chat("/save " + file + "\n/help\n")).isEqualTo(2);
    assertThat(err()).contains("fastgpt: " + file + ": is there already; /save! replaces it\n");
    assertThat(err()).contains("/load FILE"); // the script went on
    assertThat(Files.readString(file)).isEqualTo("mine");
  }

  @Test
  void aFileThatCannotBeLoadedIsOneLineAndChangesNothing() throws IOException {
    Path broken = Files.writeString(folder.resolve("broken"), "User: a\nHello\n");
    Path latin = Files.write(folder.resolve("latin"), new byte[] {'U', (byte) 0xe9});
    Path large = Files.write(folder.resolve("large"), new byte[(1 << 20) + 1]);
    String alone = answers(SKY + DRIVE, "-n", "9");
    assertThat(
            chat(
                SKY
                    + load(broken)
                    + load(latin)
                    + load(large)
                    + load(folder)
                    + load(folder.resolve("no"))
                    + DRIVE,
                "-q",
                "-n",
                "9"))
        .isEqualTo(2);
    assertThat(out()).isEqualTo(alone);
    assertThat(err().lines())
        .containsExactly(
            "fastgpt: " + broken + ", line 2: 'fastGPT: …' expected, found 'Hello'",
            "fastgpt: " + latin + ": is not UTF-8 text",
            "fastgpt: " + large + ": is larger than 1048576 bytes, so it is no chat",
            "fastgpt: " + folder + ": is not a file",
            "fastgpt: " + folder.resolve("no") + ": no such file or folder");
  }

  private static String load(Path file) {
    return "/load " + file + "\n";
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "/foo bar | /foo: no such command; /help lists them",
        "/save | /save: a file expected",
        "/load | /load: a file expected",
      })
  void aWrongCommandIsOneLine(String line, String message) {
    assertThat(chat(line + "\n", "-q")).isEqualTo(2);
    assertThat(err()).isEqualTo("fastgpt: " + message + "\n");
    assertThat(out()).isEmpty();
  }

  @Test
  void aSlashAfterASpaceIsAQuestion() {
    assertThat(answers(" /foo\n", "-n", "9")).hasLineCount(1);
  }

  @Test
  void theOpeningAndTheNamesCanBeOthers() throws IOException {
    Path file = Files.writeString(folder.resolve("opening"), "Q: a?\nA: b.\nQ:\n");
    assertThat(
            chat(
                "c?\n/save " + folder.resolve("x") + "\n",
                "-f",
                file.toString(),
                "--user-name",
                "Q",
                "--bot-name",
                "A",
                "-n",
                "9"))
        .isZero();
    assertThat(err()).contains("\nQ: a?\nA: b.\nQ: c?\nA: ");
    assertThat(Files.readString(folder.resolve("x"))).startsWith("Q: c?\nA:");
    String answer = out();
    assertThat(
            answers("c?\n", "-p", "Q: a?\nA: b.", "--user-name", "Q", "--bot-name", "A", "-n", "9"))
        .isEqualTo(answer);
  }

  @Test
  void aSeedGivesTheSameChat() {
    String[] options = {"--seed", "7", "--temp", "5", "-n", "9"};
    String first = answers(SKY + "/reset\n" + SKY, options);
    assertThat(first.substring(0, first.length() / 2))
        .isEqualTo(first.substring(first.length() / 2));
    assertThat(answers(SKY, options)).isEqualTo(first.substring(first.length() / 2));
    assertThat(answers(SKY, "--seed", "8", "--temp", "5", "-n", "9"))
        .isNotEqualTo(first.substring(first.length() / 2));
  }

  @Test
  void aFullContextIsSaidOrRefused() {
    String questions = SKY.repeat(6);
    assertThat(chat(questions, "-q", "-n", "40")).isZero();
    assertThat(err()).contains("The context was full: left out the oldest turns: 1.\n");
    assertThat(chat(questions, "-q", "-n", "40", "--on-overflow", "error")).isEqualTo(2);
    assertThat(err())
        .startsWith("fastgpt: the chat with this question has ")
        .contains("n_ctx = 256: no room for an answer");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "-n 0 | -n 0: a number of tokens expected, or -1",
        "-n -2 | -n -2: a number of tokens expected, or -1",
        "--on-overflow slide | --on-overflow slide: truncate or error expected",
        "--user-name fastGPT | user and bot are both 'fastGPT': two names expected",
        "--bot-name a:b"
            + " | speaker 'a:b': a name on one line, without a colon or spaces around it, expected",
        "-f /no/such | /no/such: no such file",
        "--top-p 2 | top-p 2: a number in [0, 1], 1 for all, expected",
        "-l 1024=1 | ",
        "-p a -f b | ",
      })
  void aWrongOptionIsOneLine(String options, String message) {
    assertThat(chat(SKY, options.split(" "))).isEqualTo(2);
    assertThat(err().lines().toList().getLast())
        .startsWith("fastgpt: ")
        .contains(message == null ? "" : message);
    assertThat(err()).doesNotContain("\tat ");
    assertThat(out()).isEmpty();
  }

  /** Of who does not sit at a terminal, JLine takes neither time nor memory. */
  @ParameterizedTest
  @CsvSource({"generate,The dog,GenerateCommand", "chat,-q,ChatCommand"})
  void noClassOfJLineIsLoadedForThose(String command, String argument, String name)
      throws Exception {
    Path log = folder.resolve("classes");
    var java =
        new ArrayList<>(
            List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
    java.addAll(
        List.of("-Xlog:class+load:file=" + log, "-cp", System.getProperty("java.class.path")));
    java.addAll(List.of("org.fastgpt.cli.Main", command, argument, "-n", "2", "-m", TINY));
    var process =
        new ProcessBuilder(java)
            .redirectInput(Files.writeString(folder.resolve("in"), SKY).toFile())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .redirectOutput(new File(folder.toFile(), "out"))
            .start();
    assertThat(process.waitFor()).isZero();
    assertThat(Files.readString(folder.resolve("out"))).isNotBlank();
    List<String> loaded = Files.readAllLines(log);
    assertThat(loaded).anyMatch(line -> line.contains(" org.fastgpt.cli." + name + " "));
    assertThat(loaded).noneMatch(line -> line.contains(" org.jline."));
  }

  private String answers(String in, String... options) {
    var all = new ArrayList<>(List.of("-q"));
    all.addAll(Arrays.asList(options));
    assertThat(chat(in, all.toArray(String[]::new))).isZero();
    return out();
  }

  private int chat(String in, String... options) {
    out = new ByteArrayOutputStream();
    err = new ByteArrayOutputStream();
    var args = new ArrayList<>(List.of("chat", "-m", TINY));
    args.addAll(Arrays.asList(options));
    return Main.run(
        args.toArray(String[]::new),
        new Terminal(
            new ByteArrayInputStream(in.getBytes(StandardCharsets.UTF_8)),
            new PrintStream(out, false, StandardCharsets.UTF_8),
            new PrintStream(err, false, StandardCharsets.UTF_8),
            false));
  }

  private String out() {
    return out.toString(StandardCharsets.UTF_8).replace("\r\n", "\n");
  }

  private String err() {
    return err.toString(StandardCharsets.UTF_8).replace("\r\n", "\n");
  }
}
