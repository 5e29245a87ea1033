package org.fastgpt.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.fastgpt.BatchRunner;
import org.fastgpt.EngineOptions;
import org.fastgpt.FastGpt;
import org.fastgpt.GeneratedText;
import org.fastgpt.GenerationOptions;
import org.fastgpt.Scores;
import org.fastgpt.tokenizer.Tokenizer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The examples of the Javadoc: what stands between start and end is what it shows. */
class ExamplesTest {

  private final PrintStream console = System.out;
  private final ByteArrayOutputStream printed = new ByteArrayOutputStream();

  @BeforeEach
  void listen() {
    System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
  }

  @AfterEach
  void restore() {
    System.setOut(console);
  }

  private String printed() {
    return printed.toString(StandardCharsets.UTF_8).replace(System.lineSeparator(), "\n");
  }

  @Test
  void generate() {
    // @start region="generate"
    try (var gpt = FastGpt.open("tiny-shakespeare")) { // or "124M", a folder, a file
      gpt.generate("Alan Turing theorized that computers would one day become")
          .forEach(System.out::print);
    }
    // @end
    assertThat(printed()).isEqualTo("\nthene, and the body of the gates of the\nsom");
  }

  @Test
  void stream() {
    // @start region="stream"
    try (var gpt = FastGpt.open("tiny-shakespeare");
        Stream<String> pieces =
            gpt.generate("ROMEO:", GenerationOptions.DEFAULT.maxNewTokens(-1))) {
      pieces.takeWhile(piece -> !piece.contains(".")).forEach(System.out::print);
    }
    // @end
    assertThat(printed()).isEqualTo("\nI'll tell thee, I'll tell thee, and I'll not");
  }

  @Test
  void sample() {
    // @start region="sample"
    try (var gpt = FastGpt.open("tiny-shakespeare")) {
      var options = GenerationOptions.DEFAULT.maxNewTokens(30).temperature(0.8).topP(0.95).seed(1);
      GeneratedText text = gpt.generateText("ROMEO:", options);
      System.out.println(text.text());
      System.out.println(text.ids().length + " tokens, " + text.stop());
    }
    // @end
    assertThat(printed())
        .isEqualTo(
            "\nIt is no first mery.\n\nFRIAR LAURENCE:\nGo, good lord,\n30 tokens, LENGTH\n");
  }

  @Test
  void options() {
    // @start region="options"
    var sampled = GenerationOptions.DEFAULT.temperature(0.8).topK(40).seed(1);
    var speech = sampled.maxNewTokens(200).stopStrings("\n\n", "JULIET:").repetitionPenalty(1.1);
    // @end
    try (var gpt = FastGpt.open("tiny-shakespeare")) {
      GeneratedText text = gpt.generateText("ROMEO:", speech);
      assertThat(text.text())
          .isEqualTo("\nThis mercy in your bonsomicible bid them;\nI'll lak no winter to further.");
      assertThat(text.stop()).hasToString("STOP_STRING");
    }
  }

  @Test
  void score() {
    // @start region="score"
    try (var gpt = FastGpt.open("tiny-shakespeare")) {
      Scores scores = gpt.score("O Romeo, Romeo! wherefore art thou Romeo?");
      System.out.println(scores.count() + " tokens: " + Math.round(scores.perplexity()));
    }
    // @end
    assertThat(printed()).isEqualTo("13 tokens: 14\n");
  }

  @Test
  void threads() {
    // @start region="threads"
    try (var gpt = FastGpt.open("tiny-shakespeare")) {
      var options = GenerationOptions.DEFAULT.maxNewTokens(8).ignoreEos(true);
      List<String> texts =
          Stream.of("ROMEO:", "JULIET:", "First Citizen:")
              .parallel()
              .map(prompt -> prompt + gpt.generateText(prompt, options).text())
              .toList();
      texts.forEach(System.out::println);
    }
    // @end
    assertThat(printed())
        .isEqualTo(
            """
            ROMEO:
            I'll tell thee, I'll
            JULIET:
            I'll tell thee, I'll
            First Citizen:
            I'll tell you, sir,
            """);
  }

  @Test
  void engine() {
    // @start region="engine"
    var options = new EngineOptions(1, Map.of("kernels", "scalar"));
    try (var gpt = FastGpt.open("tiny-shakespeare", "core", options)) {
      System.out.println(gpt.engine().name());
      gpt.generate("ROMEO:").forEach(System.out::print);
    }
    // @end
    assertThat(printed())
        .isEqualTo("core-scalar\n\nI'll tell thee, I'll tell thee, and I'll not.\n\nROMEO:");
  }

  @Test
  void batch() {
    // @start region="batch"
    try (var gpt = FastGpt.open("tiny-shakespeare")) {
      Tokenizer tokenizer = gpt.tokenizer();
      Stream<BatchRunner.Request> requests =
          Stream.of("ROMEO:", "JULIET:", "First Citizen:")
              .map(prompt -> new BatchRunner.Request(tokenizer.encode(prompt), 8));
      new BatchRunner(gpt.engine(), 2) // two at a time share each reading of the weights
          .run(requests.iterator(), result -> System.out.println(tokenizer.decode(result.ids())));
    }
    // @end
    assertThat(printed())
        .isEqualTo("\nI'll tell thee, I'll\n\nI'll tell thee, I'll\n\nI'll tell you, sir,\n");
  }
}
