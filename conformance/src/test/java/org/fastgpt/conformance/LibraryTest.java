package org.fastgpt.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.abort;

import java.util.Iterator;
import org.fastgpt.EngineOptions;
import org.fastgpt.FastGpt;
import org.fastgpt.GeneratedText;
import org.fastgpt.GenerationOptions;
import org.fastgpt.model.ModelException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The library with the other engines: each by its name, nothing more. */
class LibraryTest {

  @ParameterizedTest
  @ValueSource(strings = {"djl", "nd4j"})
  void anEngineGivesTheTextOfTheCore(String name) {
    var options = GenerationOptions.DEFAULT.maxNewTokens(40).stopStrings("ROMEO");
    try (var core = FastGpt.open("tiny-shakespeare");
        var other = open(name)) {
      GeneratedText expected = core.generateText("JULIET:", options);
      GeneratedText text = other.generateText("JULIET:", options);
      assertThat(other.engine().name()).startsWith(name);
      assertThat(text.ids()).containsExactly(expected.ids());
      assertThat(text.text()).isEqualTo(expected.text());
    }
  }

  /** The session of a text that is cut off is closed after its engine. */
  @ParameterizedTest
  @ValueSource(strings = {"core", "djl", "nd4j"})
  void closingFailsATextThatIsNotAtItsEnd(String name) {
    FastGpt gpt = open(name);
    Iterator<String> pieces = gpt.generate("JULIET:").iterator();
    pieces.next();
    gpt.close();
    assertThatThrownBy(pieces::next)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageEndingWith("is closed");
  }

  private static FastGpt open(String engine) {
    try {
      return FastGpt.open("tiny-shakespeare", engine, EngineOptions.DEFAULT);
    } catch (ModelException | IllegalStateException e) {
      return abort(engine + " does not run on this machine: " + e.getMessage());
    }
  }
}
