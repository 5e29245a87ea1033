package org.fastgpt.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.stream.Collectors;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.fastgpt.Fixtures;
import org.fastgpt.chat.ChatFormat.Turn;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ChatFormatTest {

  private static final ChatFormat FORMAT = new ChatFormat(ChatFormat.FASTGPT, "User", "fastGPT");

  /** The file is what fastGPT published: its chat begins as this one's, and goes on in turns. */
  @Test
  void isFastGptsOwn() throws IOException {
    String published = published();
    assertThat(published).startsWith(ChatFormat.FASTGPT + "\n");
    List<Turn> turns = FORMAT.read(published.substring(ChatFormat.FASTGPT.length() + 1));
    assertThat(turns).hasSize(15).contains(new Turn("What color is snow?", " White.\n"));
    assertThat(FORMAT.prompt(turns, "")).isEqualTo(published + "User: \nfastGPT:");
  }

  static String published() throws IOException {
    return Files.readString(Fixtures.DATA.resolve("golden/fastgpt/fastgpt-chat.txt"))
        .lines()
        .collect(Collectors.joining("\n", "", "\n"));
  }

  /** Lines of the bot, empty lines and half labels among them. */
  @Provide
  Arbitrary<List<Turn>> turns() {
    Arbitrary<String> line =
        Arbitraries.of("", "a", " b ", "fastGPT:", "fastGPT: c", "Use", "é\u2028🐱");
    Arbitrary<String> answer = line.list().ofMinSize(1).ofMaxSize(4).map(l -> String.join("\n", l));
    Arbitrary<String> question = Arbitraries.of("", "What?", "User: why?", "/quit", "fastGPT:");
    return Combinators.combine(question, answer).as(Turn::new).list().ofMinSize(1).ofMaxSize(5);
  }

  @Property(seed = "20190214")
  void whatIsWrittenIsRead(@ForAll("turns") List<Turn> turns) {
    String text = FORMAT.write(turns);
    assertThat(FORMAT.read(text)).isEqualTo(turns);
    assertThat(FORMAT.read(text.replace("\n", "\r\n"))).isEqualTo(turns);
  }

  @Test
  void aFileMayEndWithoutANewline() {
    assertThat(FORMAT.read("User:  Why? \nfastGPT: So."))
        .containsExactly(new Turn("Why?", " So.\n"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "''| line 1: 'User: …' expected, found ''",
        "Hello| line 1: 'User: …' expected, found 'Hello'",
        "User: a| line 2: 'fastGPT: …' expected, found 'the end'",
        "User: a;User: b| line 2: 'fastGPT: …' expected, found 'User: b'",
        "User: a;fastGPT: b;c;User: d;e| line 5: 'fastGPT: …' expected, found 'e'",
        "0123456789012345678901234567890123456789x"
            + "| line 1: 'User: …' expected, found '0123456789012345678901234567890123456789…'",
      })
  void saysWhichLineIsWrong(String text, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> FORMAT.read(text.replace(';', '\n')))
        .withMessage(message);
  }

  @ParameterizedTest
  @ValueSource(strings = {"Be brief.\n\n", "Be brief.\nUser:", "Be brief.\nUser: \n", "Be brief."})
  void anOpeningMayEndAsSuchPromptsDo(String opening) {
    assertThat(new ChatFormat(opening, "User", "Bot").prompt(List.of(), "Why?"))
        .isEqualTo("Be brief.\nUser: Why?\nBot:");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "User:", "\n"})
  void anOpeningMayBeEmpty(String opening) {
    assertThat(new ChatFormat(opening, "User", "Bot").prompt(List.of(), "Why?"))
        .isEqualTo("User: Why?\nBot:");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", "a:", " a", "a\nb", "Bot"})
  void refusesNamesThatCannotBeTold(String user) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new ChatFormat("", user, "Bot"))
        .withMessageContaining("'" + user + "'");
  }
}
