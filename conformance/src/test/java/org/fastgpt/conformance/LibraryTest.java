package org.fastgpt.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.abort;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Random;
import org.fastgpt.BatchRunner;
import org.fastgpt.Batching;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.FastGpt;
import org.fastgpt.GeneratedText;
import org.fastgpt.GenerationOptions;
import org.fastgpt.Generator;
import org.fastgpt.Session;
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

  /** Neither has batches: each row is a session. One text is longer than the context. */
  @ParameterizedTest
  @ValueSource(strings = {"djl", "nd4j"})
  void textsOfABatchAreThoseOfSingleRuns(String name) {
    int[][] lengthAndNew = {{255, 3}, {1, 6}, {9, 4}, {4, 5}};
    var generator = new Generator(true, false).sliding();
    List<BatchRunner.Request> requests =
        Arrays.stream(lengthAndNew)
            .map(pair -> new BatchRunner.Request(generator, ids(pair[0]), pair[1], _ -> true))
            .toList();
    try (var gpt = open(name)) {
      Engine engine = gpt.engine();
      assertThat(engine).isNotInstanceOf(Batching.class);
      var results = new ArrayList<Generator.Result>();
      new BatchRunner(engine, 3).run(requests.iterator(), results::add);
      assertThat(results).extracting(Generator.Result::left).containsExactly(2, 0, 0, 0);
      for (int i = 0; i < results.size(); i++) {
        try (Session session = engine.newSession()) {
          int[] prompt = requests.get(i).prompt();
          Generator.Result alone =
              generator.generate(session, engine.config(), prompt, requests.get(i).n(), _ -> true);
          assertThat(results.get(i).ids())
              .as("text %d", i)
              .hasSize(lengthAndNew[i][1])
              .containsExactly(alone.ids());
        }
      }
    }
  }

  private static int[] ids(int length) {
    return new Random(length).ints(length, 0, 1024).toArray();
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
