package org.fastgpt.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.stream.IntStream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.fastgpt.Fixtures;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

/** The page of inspect. It is XML too, so that a parser of the JDK can judge it. */
class InspectPageTest {

  private static final String TINY = Fixtures.TINY_SHAKESPEARE.toString();

  @TempDir private Path folder;

  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @ParameterizedTest
  @ValueSource(
      strings = {
        "</script><script>alert(1)</script>",
        "\"' onclick='alert(1)' title=\"",
        "<!-- <![CDATA[ ]]> --> &amp; &lt;",
        "{{tokens}} {{title}} $1 \\",
        "\u0000\b\u001b[31m\r\n\t",
      })
  void aTextIsNeverMarkup(String text) throws Exception {
    Document page = page(text);
    List<Element> tokens = tokens(page);
    assertThat(text(tokens)).isEqualTo(TokenText.visible(text.getBytes(StandardCharsets.UTF_8)));
    assertThat(elements(page, "script")).hasSize(1);
    int plain = all(page("--ids", "5 ".repeat(tokens.size()))).size();
    assertThat(all(page)).as("no element comes from the text").hasSize(plain);
    for (Element element : all(page)) {
      assertThat(element.hasAttribute("onclick")).isFalse();
    }
  }

  private static String text(List<Element> tokens) {
    var text = new StringBuilder();
    tokens.forEach(token -> text.append(token.getTextContent()));
    return text.toString();
  }

  @Test
  void nothingComesFromOutsideAndOnlyItsOwnScriptMayRun() throws Exception {
    Document page = page("ROMEO:");
    for (Element element : all(page)) {
      assertThat(element.hasAttribute("src")).isFalse();
      assertThat(element.getAttribute("href")).matches("(#[a-z]+)?");
    }
    assertThat(elements(page, "link")).isEmpty();
    assertThat(elements(page, "style").getFirst().getTextContent())
        .doesNotContain("url(", "@import");
    String script = elements(page, "script").getFirst().getTextContent();
    byte[] hash =
        MessageDigest.getInstance("SHA-256").digest(script.getBytes(StandardCharsets.UTF_8));
    String policy =
        elements(page, "meta").stream()
            .filter(meta -> meta.getAttribute("http-equiv").equals("Content-Security-Policy"))
            .map(meta -> meta.getAttribute("content"))
            .findFirst()
            .orElseThrow();
    assertThat(policy)
        .isEqualTo(
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-"
                + Base64.getEncoder().encodeToString(hash)
                + "'");
  }

  @Test
  void aShortTextHasTheLensAndAllMaps() throws Exception {
    Document page = page("-n", "3", "ROMEO:\nMy lord");
    assertThat(tokens(page)).hasSize(8);
    assertThat(tokens(page).stream().filter(t -> t.getAttribute("class").equals("own"))).hasSize(3);
    assertThat(tokens(page).get(3).getAttribute("title"))
        .isEqualTo(
            "3 \"My\", id 536\nlog p -4.3305, p 1.32%, rank 27, entropy 5.73 bits\nlikeliest: \"I\""
                + " 9.61%  \"O\" 5.44%  \"A\" 5.07%  \"And\" 3.85%  \"S\" 3.12%");
    assertThat(elements(page, "tr")).hasSize(1 + 9 + 1 + 5); // numbers, lens
    List<Element> heads = elements(page, "button");
    assertThat(heads).hasSize(16);
    assertThat(heads.get(5).getAttribute("title")).isEqualTo("layer 1, head 1");
    for (Element head : heads) {
      byte[] weights = Base64.getDecoder().decode(head.getAttribute("data-weights"));
      assertThat(weights).hasSize(8 * 9 / 2);
      for (int t = 0; t < 8; t++) {
        int from = t * (t + 1) / 2;
        int sum = IntStream.rangeClosed(from, from + t).map(i -> weights[i] & 0xff).sum();
        assertThat(sum / 255.0).isCloseTo(1, within((t + 1) / 2.0 / 255)); // each is rounded
      }
    }
  }

  @Test
  void aLongTextHasOnlyWhatIsAskedFor() throws Exception {
    String ids = "5 ".repeat(65);
    Document page = page("--ids", ids);
    String why =
        "A text of more than 64 tokens, here 65: the page has the logit lens and the attention of"
            + " heads only where --lens and --attention LAYER.HEAD ask for them.";
    assertThat(err.toString(StandardCharsets.UTF_8)).endsWith(why + System.lineSeparator());
    assertThat(elements(page, "p").stream().filter(p -> p.getTextContent().equals(why))).hasSize(2);
    assertThat(elements(page, "button")).isEmpty();
    page = page("--lens", "--attention", "0.1,3.2", "--ids", ids);
    assertThat(elements(page, "button")).hasSize(2);
    assertThat(elements(page, "tr")).hasSize(1 + 66 + 1 + 5);
    assertThat(err.toString(StandardCharsets.UTF_8)).doesNotContain(why);
  }

  /** The page that the command writes. */
  private Document page(String... args) throws Exception {
    Path file = folder.resolve("page.html");
    var all = new ArrayList<>(List.of("inspect", "-m", TINY, "--html", file.toString()));
    all.addAll(Arrays.asList(args));
    err.reset();
    var terminal =
        new Terminal(
            new ByteArrayInputStream(new byte[0]),
            new PrintStream(new ByteArrayOutputStream(), false, StandardCharsets.UTF_8),
            new PrintStream(err, false, StandardCharsets.UTF_8),
            false);
    assertThat(Main.run(all.toArray(String[]::new), terminal)).as(err::toString).isZero();
    return DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(new InputSource(new StringReader(Files.readString(file))));
  }

  private static List<Element> tokens(Document page) {
    return elements(page, "span").stream().filter(e -> e.hasAttribute("data-token")).toList();
  }

  private static List<Element> all(Document page) {
    return elements(page, "*");
  }

  private static List<Element> elements(Document page, String name) {
    NodeList nodes = page.getElementsByTagName(name);
    return IntStream.range(0, nodes.getLength()).mapToObj(i -> (Element) nodes.item(i)).toList();
  }
}
