package org.fastgpt.inspect;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import org.fastgpt.Distribution;
import org.fastgpt.Generator;
import org.fastgpt.GptConfig;
import org.fastgpt.Session;
import org.fastgpt.core.LogitLens;
import org.fastgpt.inspect.Inspection.Expectation;
import org.fastgpt.inspect.Inspection.Head;
import org.fastgpt.inspect.Inspection.Layer;
import org.fastgpt.inspect.Inspection.Reading;
import org.fastgpt.sampling.LogProbabilities.Likely;

/**
 * Looks on while a model reads a text, in one pass. Each activation is looked at as it comes, and
 * only what is asked for is kept: the memory is that of the result.
 */
public final class Inspector {

  private final int[] ids;
  private final int top;
  private final Optional<LogitLens> lens;
  private final List<Expectation> expectations = new ArrayList<>();
  private final Map<String, Reading[]> readings = new LinkedHashMap<>(); // [n_seq] by name
  private final SortedMap<Head, float[][]> attention = new TreeMap<>(); // [n_seq][t + 1]

  private Inspector(
      GptConfig config, int[] ids, int top, Optional<LogitLens> lens, Set<Head> heads) {
    this.ids = ids;
    this.top = top;
    this.lens = lens;
    if (lens.isPresent()) {
      streams(config).forEach(name -> readings.put(name, new Reading[ids.length]));
    }
    heads.forEach(head -> attention.put(head, new float[ids.length][]));
  }

  /** The residual stream at its beginning and after each block, by the names that a probe sees. */
  public static List<String> streams(GptConfig config) {
    var names = new ArrayList<>(List.of("embd"));
    for (int l = 0; l < config.nLayer(); l++) {
      names.add("h." + l);
    }
    return names;
  }

  /**
   * Has {@code ids} read, and tells what was seen. What the engine does not show is not in the
   * result.
   *
   * @param session any session; what it holds is forgotten
   * @param ids at least one, and no more than the context holds
   * @param top how many of the likeliest tokens to tell
   * @param lens of the same model; none: no logit lens
   * @param heads whose attention to keep
   * @throws IllegalArgumentException no ids, or one outside the vocabulary
   * @throws IllegalStateException the text is longer than the context, or logits are not numbers
   */
  public static Inspection inspect(
      Session session,
      GptConfig config,
      int[] ids,
      int top,
      Optional<LogitLens> lens,
      Set<Head> heads) {
    config.checkInput(ids, 0);
    var inspector = new Inspector(config, ids, top, lens, heads);
    boolean observes = lens.isPresent() || !heads.isEmpty();
    session.rewind(0);
    if (observes) {
      session.observe(inspector::see);
    }
    try {
      session.forward(ids, inspector::expect);
    } finally {
      if (observes) {
        session.observe(null);
      }
    }
    return inspector.result();
  }

  private void expect(int position, float[] logits) {
    var distribution = new Distribution(logits);
    List<Likely> likely =
        Arrays.stream(distribution.top(top))
            .mapToObj(id -> new Likely(id, distribution.logProbability(id)))
            .toList();
    boolean comes = position + 1 < ids.length;
    expectations.add(
        new Expectation(
            comes ? distribution.logProbability(ids[position + 1]) : Double.NaN,
            comes ? distribution.rank(ids[position + 1]) : 0,
            distribution.entropyBits(),
            likely));
  }

  private void see(String name, int position, int[] shape, float[] values) {
    Reading[] row = readings.get(name);
    if (row != null) {
      lens.orElseThrow()
          .read(values, shape[0], (t, logits) -> row[position + t] = read(position + t, logits));
    } else if (name.endsWith(".attn.softmax")) {
      attend(Integer.parseInt(name.split("\\.", 3)[1]), position, shape, values);
    }
  }

  private Reading read(int position, float[] logits) {
    var distribution = new Distribution(logits);
    int best = Generator.argmax(logits);
    boolean comes = position + 1 < ids.length;
    return new Reading(
        new Likely(best, distribution.logProbability(best)),
        comes ? distribution.logProbability(ids[position + 1]) : Double.NaN,
        comes ? distribution.rank(ids[position + 1]) : 0);
  }

  /** Keeps the rows of a layer's heads: {@code weights [n_head, n_seq, width]}. */
  private void attend(int layer, int position, int[] shape, float[] weights) {
    int n = shape[1];
    int width = shape[2];
    attention
        .subMap(new Head(layer, 0), new Head(layer, shape[0]))
        .forEach(
            (head, rows) -> {
              for (int t = 0; t < n; t++) {
                int at = (head.head() * n + t) * width;
                rows[position + t] = Arrays.copyOfRange(weights, at, at + position + t + 1);
              }
            });
  }

  private Inspection result() {
    var layers = new ArrayList<Layer>();
    if (readings.values().stream().flatMap(Arrays::stream).allMatch(Objects::nonNull)) {
      readings.forEach((name, row) -> layers.add(new Layer(name, List.of(row))));
    }
    attention.values().removeIf(rows -> Arrays.stream(rows).anyMatch(Objects::isNull));
    return new Inspection(
        ids.clone(),
        List.copyOf(expectations),
        List.copyOf(layers),
        Collections.unmodifiableSortedMap(attention));
  }
}
