package org.fastgpt.nd4j;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.DoubleStream;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.GptConfig;
import org.fastgpt.Session;
import org.fastgpt.model.Model;
import org.fastgpt.model.Models;
import org.fastgpt.model.Progress;

/** What HuggingFace computed in float64, from data/golden, and the models it belongs to. */
final class Golden {
  static final String TINY = "tiny-shakespeare";

  private static final Path DATA = Path.of("..", "data"); // tests run in the module's folder

  private Golden() {}

  static Map<String, Object> read(String name) {
    try {
      return JSON.std.mapFrom(Files.readString(DATA.resolve("golden").resolve(name + ".json")));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static Path folder(String name) {
    return name.equals(TINY)
        ? DATA.resolve("models").resolve(TINY)
        : Models.resolve(name, Progress.NONE);
  }

  /** Runs {@code test} on an engine of that form, with one thread: the machine may be busy. */
  static void withEngine(String model, String form, Consumer<Engine> test) {
    var options = new EngineOptions(1, Map.of("form", form));
    try (Model opened = Model.open(folder(model));
        Engine engine = new Nd4jProvider().open(opened, options)) {
      test.accept(engine);
    }
  }

  @SuppressWarnings("unchecked")
  static Map<String, Object> map(Object json) {
    return (Map<String, Object>) json;
  }

  @SuppressWarnings("unchecked")
  static List<Map<String, Object>> maps(Object json) {
    return (List<Map<String, Object>>) json;
  }

  static int[] ids(Object json) {
    return ((List<?>) json).stream().mapToInt(id -> ((Number) id).intValue()).toArray();
  }

  /** All numbers of nested lists, in order. */
  static double[] doubles(Object json) {
    return flat(json).toArray();
  }

  private static DoubleStream flat(Object json) {
    return json instanceof List<?> list
        ? list.stream().flatMapToDouble(Golden::flat)
        : DoubleStream.of(((Number) json).doubleValue());
  }

  static int[] greedy(Session session, int[] prompt, int n) {
    int[] ids = new int[n];
    float[] logits = session.forward(prompt);
    for (int i = 0; i < n; i++) {
      ids[i] = argmax(logits);
      if (i + 1 < n) {
        logits = session.forward(ids[i]);
      }
    }
    return ids;
  }

  static int argmax(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      if (logits[i] > logits[best]) {
        best = i;
      }
    }
    return best;
  }

  static double maxAbs(double[] values) {
    return DoubleStream.of(values).map(Math::abs).max().orElseThrow();
  }

  static double maxDifference(float[] actual, double[] expected) {
    double max = 0;
    for (int i = 0; i < expected.length; i++) {
      // A NaN differs from everything.
      max = Double.isNaN(actual[i]) ? actual[i] : Math.max(max, Math.abs(actual[i] - expected[i]));
    }
    return max;
  }

  /**
   * How far an fp32 tensor of a GPT-2 may be from the exact one. Rounding errors add up like a
   * random walk: a sum of n terms errs by sqrt(n) half-units in the last place of its largest
   * value, the longest has n_inner terms, and 2 n_layer + 2 of them follow one another (embedding,
   * attention and MLP of each block, head). Measured: 0.14 of it on tiny-shakespeare, 0.19 on 124M,
   * 0.44 on small, at most 0.66 over all activations of awkward.
   */
  static double bound(GptConfig config, double[] exact) {
    double halfUnit = 0x1p-24 * maxAbs(exact);
    return Math.sqrt(config.nInner()) * Math.sqrt(2 * config.nLayer() + 2) * halfUnit;
  }
}
