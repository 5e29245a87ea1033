package org.fastgpt.conformance;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.fastgpt.Probe;
import org.fastgpt.Session;
import org.fastgpt.Tolerances;

/** Activations of an engine beside the oracle's. */
final class Activations {
  private Activations() {}

  /**
   * All activations of the exam's sequence that the engine shows, whole; empty if it shows none.
   */
  static Map<String, float[]> of(Trial trial) {
    int[] ids = trial.exam().sequence();
    var seen = new LinkedHashMap<String, float[]>();
    try (Session session = trial.engine().newSession()) {
      boolean shows =
          session.observe(
              (name, position, shape, values) ->
                  seen.merge(name, part(ids.length, position, shape, values), Activations::sum));
      if (shows) {
        Trial.all(session, ids);
      }
    }
    return seen;
  }

  /** The part of the whole activation [n_seq, width] that came in one call, zero elsewhere. */
  private static float[] part(int n, int position, int[] shape, float[] values) {
    int rank = shape.length;
    if (rank == 3) { // softmax [n_head, rows, position + rows] -> [n_head, n, n]
      float[] whole = new float[shape[0] * n * n];
      for (int h = 0; h < shape[0]; h++) {
        for (int t = 0; t < shape[1]; t++) {
          System.arraycopy(
              values,
              (h * shape[1] + t) * shape[2],
              whole,
              (h * n + position + t) * n,
              Math.min(shape[2], n));
        }
      }
      return whole;
    }
    int width = shape[1];
    float[] whole = new float[n * width];
    System.arraycopy(values, 0, whole, position * width, shape[0] * width);
    return whole;
  }

  private static float[] sum(float[] a, float[] b) {
    float[] sum = a.clone();
    for (int i = 0; i < sum.length; i++) {
      sum[i] += b[i];
    }
    return sum;
  }

  /** The largest error relative to the largest exact value; NaN counts as infinite. */
  static double relativeError(float[] actual, double[] exact) {
    if (actual.length != exact.length) {
      return Double.POSITIVE_INFINITY;
    }
    double scale = Arrays.stream(exact).map(Math::abs).max().orElse(1);
    double worst = 0;
    for (int i = 0; i < exact.length; i++) {
      double error = Math.abs(actual[i] - exact[i]);
      worst = Math.max(worst, Double.isNaN(error) ? Double.POSITIVE_INFINITY : error);
    }
    return worst / scale;
  }

  /**
   * The first activation, in order of computation, whose error is more than rounding explains. The
   * logits are left to the rule that asks.
   */
  static Optional<Divergence> firstDivergence(Trial trial) {
    Map<String, float[]> seen = of(trial);
    double before = 0;
    for (String name : Probe.names(trial.config().nLayer())) {
      float[] actual = seen.get(name);
      double[] exact = trial.exam().activations().get(name);
      if (actual == null || (name.equals("embd") && exactly(trial, actual))) {
        continue;
      }
      double error = relativeError(actual, exact);
      double bound = Tolerances.activation(trial.config(), name);
      if (error > bound) {
        int position = name.endsWith("softmax") ? 0 : firstRow(trial, actual, exact, bound);
        return Optional.of(new Divergence(name, position, before, error, bound));
      }
      before = error;
    }
    return Optional.empty();
  }

  private static boolean exactly(Trial trial, float[] embd) {
    double[] exact = trial.exam().activations().get("embd");
    for (int i = 0; i < exact.length; i++) {
      if (embd[i] != (float) exact[i]) {
        return false;
      }
    }
    return embd.length == exact.length;
  }

  private static int firstRow(Trial trial, float[] actual, double[] exact, double bound) {
    int rows = trial.exam().sequence().length;
    double scale = Arrays.stream(exact).map(Math::abs).max().orElse(1);
    for (int i = 0; i < Math.min(actual.length, exact.length); i++) {
      if (!(Math.abs(actual[i] - exact[i]) <= bound * scale)) {
        return i / (exact.length / rows);
      }
    }
    return 0;
  }
}
