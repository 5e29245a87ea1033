package org.fastgpt.djl;

import static org.junit.jupiter.api.Assumptions.assumeFalse;

import ai.djl.util.Platform;
import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.fastgpt.EngineOptions;
import org.fastgpt.Session;
import org.fastgpt.model.Model;

/** The facts of data/golden, and the models that they are about. */
final class Golden {
  static final Path DATA = Path.of("..", "data");
  static final Path TINY = DATA.resolve("models/tiny-shakespeare");

  private Golden() {}

  /** One greedy continuation, computed by HuggingFace in float64. */
  @SuppressWarnings("ArrayRecordComponent") // read by its parts, never compared whole
  record Greedy(int[] promptIds, int[] newIds) {}

  static Map<String, Object> read(String name) {
    try {
      return JSON.std.mapFrom(Files.readString(DATA.resolve("golden").resolve(name + ".json")));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The list of cases {@code key}: of greedy continuations, or of the padded batch. */
  static List<Greedy> cases(Map<String, Object> golden, String key) {
    return ((List<?>) golden.get(key))
        .stream()
            .map(c -> (Map<?, ?>) c)
            .map(c -> new Greedy(ints(c.get("prompt_ids")), ints(c.get("new_ids"))))
            .toList();
  }

  static int[] ints(Object list) {
    return ((List<?>) list).stream().mapToInt(x -> ((Number) x).intValue()).toArray();
  }

  static double[] doubles(Object list) {
    return ((List<?>) list).stream().mapToDouble(x -> ((Number) x).doubleValue()).toArray();
  }

  /** A copy of the model's configuration and weights in {@code folder}, without its trace. */
  static Path copyWithoutTrace(Path model, Path folder) throws IOException {
    for (String file : List.of("config.json", "model.safetensors")) {
      Files.copy(model.resolve(file), folder.resolve(file));
    }
    return folder;
  }

  /** Skips the test where no library of PyTorch is on the class path. */
  static void assumePyTorch() {
    Platform platform = Platform.detectPlatform("pytorch");
    assumeFalse(platform.isPlaceholder(), "no PyTorch for " + platform.getClassifier());
  }

  static DjlEngine open(Model model, String archive) {
    assumePyTorch();
    var options = new EngineOptions(1, Map.of("archive", archive));
    return (DjlEngine) new DjlProvider().open(model, options);
  }

  /** The {@code newTokens} ids that follow, each the likeliest after those before. */
  static int[] greedy(Session session, int[] prompt, int newTokens) {
    var ids = new int[newTokens];
    float[] logits = session.forward(prompt);
    for (int n = 0; n < newTokens; n++) {
      ids[n] = argmax(logits);
      if (n + 1 < newTokens) {
        logits = session.forward(ids[n]);
      }
    }
    return ids;
  }

  /** The first of the highest, as {@code torch.argmax}. */
  static int argmax(float[] logits) {
    int best = 0;
    for (int v = 1; v < logits.length; v++) {
      if (logits[v] > logits[best]) {
        best = v;
      }
    }
    return best;
  }
}
