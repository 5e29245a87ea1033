package org.fastgpt.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.Engines;
import org.fastgpt.Fixtures;
import org.fastgpt.Session;
import org.fastgpt.model.Model;
import org.fastgpt.model.ModelException;
import org.fastgpt.model.Models;
import org.fastgpt.model.Progress;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Greedy ids that fastGPT, picoGPT, HuggingFace and others published for OpenAI's weights. They run
 * where the weights are installed and are skipped, one by one, where not.
 */
@Tag("model")
class PublishedTest {

  /** The cases of trust A (asserted by a maintained test or README), Alan Turing first. */
  static Stream<Map<String, Object>> cases() {
    return Fixtures.objects(Fixtures.golden("published"), "generation").stream()
        .filter(c -> ((String) c.get("decoding")).startsWith("greedy"))
        .filter(c -> ((String) c.get("trust")).startsWith("A"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void greedyIdsAreThePublishedOnes(Map<String, Object> published) {
    String size = ((String) published.get("model")).replaceFirst(".*-", "");
    String key =
        published.containsKey("new_ids_published") ? "new_ids_published" : "new_ids_reencoded";
    try (Model model = Model.open(installed(size));
        Engine engine = Engines.named("core").open(model, EngineOptions.DEFAULT);
        Session session = engine.newSession()) {
      float[] logits = session.forward(Fixtures.ids(published, "prompt_ids"));
      int position = 0;
      for (int id : Fixtures.ids(published, key)) {
        int best = 0;
        for (int i = 1; i < logits.length; i++) {
          best = logits[i] > logits[best] ? i : best;
        }
        assertThat(best).as("new token %d of %s", position++, published.get("id")).isEqualTo(id);
        logits = session.forward(id);
      }
    }
  }

  private static Path installed(String size) {
    try {
      return Models.resolve(size, Progress.NONE);
    } catch (ModelException e) {
      return abort(
          "GPT-2 "
              + size
              + " is not installed: put config.json, model.safetensors, vocab.json and merges.txt"
              + " of HuggingFace's GPT-2 into "
              + Models.folder().resolve(size));
    }
  }
}
