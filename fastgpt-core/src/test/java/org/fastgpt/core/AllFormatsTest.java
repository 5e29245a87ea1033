package org.fastgpt.core;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.Engines;
import org.fastgpt.Generator;
import org.fastgpt.Session;
import org.fastgpt.model.Model;
import org.fastgpt.model.Progress;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * One small model in every layout, each written by the program whose layout it is, or its script.
 */
class AllFormatsTest {
  private static final Path FORMATS = Path.of("..", "data", "formats");
  private static final List<String> BESIDE = List.of("config.json", "vocab.json", "merges.txt");

  @ParameterizedTest
  @ValueSource(
      strings = {
        "sharded",
        "openai",
        "fastgpt.gguf",
        "dat/model.dat",
        "llama.gguf",
        "llmc/gpt2.bin",
        "pt/pytorch_model.bin",
        "pt/legacy.bin",
        "pt/mingpt.pt",
        "pt/nanogpt.pt"
      })
  void hasTheSameWeightsAndGivesTheGoldenIds(String file, @TempDir Path temp) throws IOException {
    try (Model expected = Model.open(FORMATS);
        Model model = Model.open(place(file, temp))) {
      if (model.config().tieWordEmbeddings()) {
        assertThat(model.weightsHash(Progress.NONE)).isEqualTo(expected.weightsHash(Progress.NONE));
      } else { // minGPT stores the head beside the embeddings
        assertThat(model.floats("lm_head.weight").mismatch(model.floats("wte.weight")))
            .isEqualTo(-1);
      }
      var golden = json(FORMATS.resolve("golden.json"));
      assertThat(generated(model, golden)).containsExactly(ids(golden, "new_ids"));
      var micro = json(Path.of("..", "data", "golden", "synthetic-micro.json")); // the same weights
      for (Object one : (List<?>) micro.get("greedy")) {
        assertThat(generated(model, (Map<?, ?>) one))
            .containsExactly(ids((Map<?, ?>) one, "new_ids"));
      }
    }
  }

  /** PyTorch's files have no configuration and no vocabulary: those lie beside them. */
  private static Path place(String file, Path temp) throws IOException {
    if (!file.startsWith("pt/")) {
      return FORMATS.resolve(file);
    }
    for (String name : BESIDE) {
      Files.copy(FORMATS.resolve(name), temp.resolve(name));
    }
    boolean isHuggingFaces = file.endsWith(".bin");
    Path copy = temp.resolve(isHuggingFaces ? "pytorch_model.bin" : "model.pt");
    Files.copy(FORMATS.resolve(file), copy);
    return isHuggingFaces ? temp : copy;
  }

  private static int[] generated(Model model, Map<?, ?> golden) {
    try (Engine engine = Engines.named("core").open(model, EngineOptions.DEFAULT);
        Session session = engine.newSession()) {
      int n = ids(golden, "new_ids").length;
      return new Generator(true, false)
          .generate(session, model.config(), ids(golden, "prompt_ids"), n, _ -> true)
          .ids();
    }
  }

  private static Map<String, Object> json(Path file) throws IOException {
    return JSON.std.mapFrom(Files.readString(file));
  }

  private static int[] ids(Map<?, ?> golden, String name) {
    Object[] ids = ((List<?>) golden.get(name)).toArray();
    return Arrays.stream(ids).mapToInt(id -> ((Number) id).intValue()).toArray();
  }
}
