package org.fastgpt.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.fastgpt.Probe;
import org.fastgpt.Session;
import org.fastgpt.model.Model;
import org.fastgpt.model.Models;
import org.fastgpt.model.Progress;
import org.fastgpt.model.Synthetic;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Synthetic checkpoints by the archive written in Java, against HuggingFace's float64. */
class SyntheticGpt2Test {
  // Relative to the largest value of an activation. Measured: 1.2e-6.
  private static final double ACTIVATION_BOUND = 1e-5;
  // Logits of up to 18, whose float spacing is 1.9e-6. Measured: 2.9e-5.
  private static final double LOGIT_BOUND = 2e-4;

  @TempDir private Path folder;

  private Model synthetic(String name) {
    Path path = folder.resolve(name);
    Synthetic.write(name, path, Progress.NONE);
    return Model.open(path);
  }

  private static void assertGreedy(DjlEngine engine, Map<String, Object> golden) {
    for (Golden.Greedy g : Golden.cases(golden, "greedy")) {
      assertThat(engine.generateBatch(List.of(g.promptIds()), g.newIds().length))
          .containsExactly(g.newIds());
      try (Session session = engine.newSession()) {
        assertThat(Golden.greedy(session, g.promptIds(), g.newIds().length)).isEqualTo(g.newIds());
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"synthetic-awkward", "synthetic-micro", "synthetic-small"})
  void continuesAsHuggingFaceDoes(String name) {
    try (Model model = synthetic(name);
        DjlEngine engine = Golden.open(model, "auto")) {
      assertThat(engine.name()).isEqualTo("djl-archive");
      assertGreedy(engine, Golden.read(name));
    }
  }

  @Test
  void givesHuggingFacesLogits() {
    var golden = (Map<?, ?>) Golden.read("synthetic-small").get("logits");
    double[] expected = Golden.doubles(golden.get("last_logits"));
    try (Model model = synthetic("synthetic-small");
        DjlEngine engine = Golden.open(model, "java");
        Session session = engine.newSession()) {
      float[] logits = session.forward(Golden.ints(golden.get("ids")));
      for (int v = 0; v < logits.length; v++) {
        assertThat((double) logits[v])
            .as("logit %d", v)
            .isEqualTo(expected[v], within(LOGIT_BOUND));
      }
    }
  }

  /** In one call and in two, where the second looks back at the cache. */
  @ParameterizedTest
  @ValueSource(ints = {8, 5})
  void showsEveryActivationAsHuggingFaceComputesIt(int split) {
    var trace = (Map<?, ?>) Golden.read("synthetic-awkward").get("trace");
    int[] ids = Golden.ints(trace.get("ids"));
    var activations = (Map<?, ?>) trace.get("activations");
    var seen = new ArrayList<String>();
    try (Model model = synthetic("synthetic-awkward");
        DjlEngine engine = Golden.open(model, "java");
        Session session = engine.newSession()) {
      assertThat(
              session.observe(
                  (name, position, shape, values) -> {
                    seen.add(name);
                    assertActivation(name, activations.get(name), position, shape, values);
                  }))
          .isTrue();
      session.forward(Arrays.copyOf(ids, split));
      assertThat(seen).isEqualTo(Probe.names(model.config().nLayer()));
      if (split < ids.length) {
        session.forward(Arrays.copyOfRange(ids, split, ids.length));
      }
      session.observe(null);
      seen.clear();
      session.forward(1);
      assertThat(seen).isEmpty();
    }
  }

  private static void assertActivation(
      String name, Object golden, int position, int[] shape, float[] values) {
    List<?> tensor = (List<?>) golden;
    boolean softmax = shape.length == 3;
    int rows = shape[shape.length - 2];
    int width = shape[shape.length - 1];
    double largest = softmax ? 1 : largest(tensor);
    for (int i = 0; i < values.length; i++) {
      int t = position + i / width % rows;
      List<?> matrix = softmax ? (List<?>) tensor.get(i / width / rows) : tensor;
      double expected = ((Number) ((List<?>) matrix.get(t)).get(i % width)).doubleValue();
      if (softmax && i % width > t) {
        assertThat(values[i]).as("%s, masked", name).isZero();
      }
      assertThat((double) values[i])
          .as("%s of position %d, element %d", name, t, i % width)
          .isEqualTo(expected, within(ACTIVATION_BOUND * largest));
    }
    assertThat(values).hasSize((softmax ? shape[0] : 1) * rows * width);
  }

  private static double largest(List<?> matrix) {
    return matrix.stream()
        .flatMap(row -> ((List<?>) row).stream())
        .mapToDouble(x -> Math.abs(((Number) x).doubleValue()))
        .max()
        .orElseThrow();
  }

  @Test
  void runsTheSizeOfGpt2() {
    try (Model model = Model.open(Models.resolve("synthetic-124M", Progress.NONE));
        DjlEngine engine = Golden.open(model, "java")) {
      assertGreedy(engine, Golden.read("synthetic-124M"));
      assertThat(parameters(engine)).isEqualTo(124_439_808).isEqualTo(model.config().parameters());
    }
  }

  /** Needs a Python that has torch, PyTorch itself: {@code PYTHON=/usr/bin/python3 mvn test}. */
  @Test
  void pythonsPyTorchLoadsTheSameArchive() throws Exception {
    String python = System.getenv().getOrDefault("PYTHON", "python3");
    assumeTrue(output(python, "import torch; print(1)").equals("1"), python + " has no torch");
    Path path = Models.resolve("synthetic-124M", Progress.NONE);
    try (Model model = Model.open(path);
        DjlEngine engine = Golden.open(model, "java")) {
      assertThat(engine.name()).isEqualTo("djl-archive");
    }
    String count =
        "import torch; m = torch.jit.load('%s'); print(sum(p.numel() for p in m.parameters()))"
            .formatted(path.resolve("torchscript.pt"));
    assertThat(output(python, count)).isEqualTo("124439808");
  }

  /** What the program prints; nothing if it cannot be run. */
  private static String output(String python, String program) throws InterruptedException {
    try {
      Process process =
          new ProcessBuilder(python, "-c", program)
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      process.waitFor();
      return output.strip();
    } catch (IOException e) {
      return "";
    }
  }

  /** Elements of all parameters that PyTorch has; tensors at one address are one tensor. */
  private static long parameters(DjlEngine engine) {
    var sizes = new HashMap<Long, Long>();
    engine
        .parameters()
        .forEach(
            (name, array) ->
                sizes.put(
                    MemorySegment.ofBuffer(array.toByteBuffer(true)).address(), array.size()));
    return sizes.values().stream().mapToLong(n -> n).sum();
  }
}
