package org.fastgpt.conformance;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.fastgpt.BatchGenerator;
import org.fastgpt.Generator;
import org.fastgpt.Probe;
import org.fastgpt.Session;
import org.fastgpt.Tolerances;
import org.fastgpt.conformance.Verdict.Outcome;

/** The rules on numbers: against the oracle and against HuggingFace. */
final class LogitsRules {
  private LogitsRules() {}

  static Verdict embedding(Rule rule, Trial trial) {
    float[] embd = Activations.of(trial).get("embd");
    if (embd == null) {
      return trial.verdict(rule, Outcome.NOT_OBSERVED, "shows no activation 'embd'");
    }
    double[] exact = trial.exam().activations().get("embd");
    double worst = embd.length == exact.length ? 0 : Double.POSITIVE_INFINITY;
    for (int i = 0; i < Math.min(embd.length, exact.length); i++) {
      worst = embd[i] == (float) exact[i] ? worst : Math.max(worst, Math.abs(embd[i] - exact[i]));
    }
    return trial.measured(rule, worst, 0, "not the float32 sum of wte[id] and wpe[position]");
  }

  static Verdict activations(Rule rule, Trial trial) {
    Map<String, float[]> seen = Activations.of(trial);
    if (seen.isEmpty()) {
      return trial.verdict(rule, Outcome.NOT_OBSERVED, "shows no activations");
    }
    double worst = 0;
    String missing = "";
    for (String name : Probe.names(trial.config().nLayer())) {
      if (!seen.containsKey(name)) {
        missing = name;
        continue;
      }
      double error =
          Activations.relativeError(seen.get(name), trial.exam().activations().get(name));
      trial.keepError(name, error);
      double bound = Tolerances.activation(trial.config(), name);
      worst = Math.max(worst, error / bound);
    }
    if (!missing.isEmpty() && worst <= 1) {
      return trial.verdict(rule, Outcome.NOT_OBSERVED, "shows no activation '" + missing + "'");
    }
    return trial.measured(rule, worst, 1, "largest error as a share of its bound");
  }

  static Verdict logits(Rule rule, Trial trial) {
    int vocab = trial.config().nVocab();
    double[] exact = trial.exam().logits();
    float[][] rows;
    try (Session session = trial.engine().newSession()) {
      rows = Trial.all(session, trial.exam().sequence());
    }
    double worst = rows.length * vocab == exact.length ? 0 : Double.POSITIVE_INFINITY;
    for (int t = 0; t < Math.min(rows.length, exact.length / vocab); t++) {
      double[] row = Arrays.copyOfRange(exact, t * vocab, (t + 1) * vocab);
      worst = Math.max(worst, Activations.relativeError(rows[t], row));
      double ulp = Math.ulp((float) Arrays.stream(row).map(Math::abs).max().orElse(1));
      for (int i = 0; i < vocab && i < rows[t].length; i++) {
        trial.keepUlp(Math.abs(rows[t][i] - row[i]) / ulp);
      }
    }
    return trial.measured(
        rule, worst, Tolerances.logits(trial.config()), "error relative to the largest logit");
  }

  static Verdict greedy(Rule rule, Trial trial) {
    int ties = 0;
    double worst = 0;
    double bound = Tolerances.logits(trial.config());
    for (Exam.Greedy greedy : trial.exam().greedy()) {
      GreedyRun run = run(trial, greedy);
      trial.keep(run);
      for (int step = 0; step < run.actual().length; step++) {
        double scale = Math.abs(greedy.topLogits()[step][0]);
        worst = Math.max(worst, run.errors()[step] / largest(greedy, step));
        if (run.actual()[step] == run.expected()[step]) {
          continue;
        }
        double explained = Tolerances.betweenTwo(bound) * Math.max(scale, largest(greedy, step));
        if (!(run.margins()[step] <= explained)) {
          return trial.measured(
              rule,
              run.margins()[step],
              explained,
              "new token %d of prompt %s: %d expected, %d found; the gap is larger than rounding"
                  .formatted(
                      step,
                      Arrays.toString(greedy.prompt()),
                      run.expected()[step],
                      run.actual()[step]));
        }
        ties++;
      }
    }
    Verdict verdict = trial.measured(rule, worst, bound, "error of the largest logits");
    return ties == 0 || verdict.outcome() == Outcome.FAULT
        ? verdict
        : new Verdict(
            rule,
            verdict.engine(),
            verdict.model(),
            Outcome.TIE,
            worst,
            bound,
            ties,
            ties + " numerical ties");
  }

  private static double largest(Exam.Greedy greedy, int step) {
    return Arrays.stream(greedy.topLogits()[step]).map(Math::abs).max().orElse(1);
  }

  private static GreedyRun run(Trial trial, Exam.Greedy greedy) {
    int n = greedy.ids().length;
    int[] actual = new int[n];
    double[] margins = new double[n];
    double[] errors = new double[n];
    try (Session session = trial.engine().newSession()) {
      float[] logits = session.forward(greedy.prompt());
      for (int step = 0; step < n; step++) {
        actual[step] = Generator.argmax(logits);
        double[] top = greedy.topLogits()[step];
        margins[step] = top.length > 1 ? top[0] - top[1] : Double.POSITIVE_INFINITY;
        for (int i = 0; i < top.length; i++) {
          double error = Math.abs(logits[greedy.topIds()[step][i]] - top[i]);
          errors[step] =
              Math.max(errors[step], Double.isNaN(error) ? Double.POSITIVE_INFINITY : error);
        }
        if (step + 1 < n) {
          logits = session.forward(greedy.ids()[step]); // teacher forcing
        }
      }
    }
    var tokenizer = trial.exam().model().tokenizer();
    return new GreedyRun(
        greedy.prompt(),
        greedy.ids(),
        actual,
        margins,
        errors,
        tokenizer.map(t -> t.decode(greedy.ids())).orElse(null),
        tokenizer.map(t -> t.decode(actual)).orElse(null));
  }

  static Verdict wholeContext(Rule rule, Trial trial) {
    int[] ids = trial.exam().wholeContext();
    Optional<double[]> exact = trial.exam().lastLogitsOfWholeContext();
    if (exact.isEmpty()) {
      return trial.verdict(
          rule, Outcome.NOT_APPLICABLE, "the exact logits of a context this long take minutes");
    }
    try (Session session = trial.engine().newSession()) {
      double error = Activations.relativeError(session.forward(ids), exact.get());
      if (session.position() != ids.length) {
        return trial.verdict(rule, Outcome.FAULT, "position " + session.position() + " after all");
      }
      return trial.measured(
          rule, error, Tolerances.logits(trial.config()), "error at the last position");
    }
  }

  /** By windows that do not overlap, as HuggingFace's documentation has it for stride = n_ctx. */
  static Verdict perplexity(Rule rule, Trial trial) {
    Optional<Golden> golden = trial.exam().golden().filter(g -> g.has("perplexity"));
    if (golden.isEmpty()) {
      return trial.verdict(rule, Outcome.NOT_APPLICABLE, "no text with a known perplexity");
    }
    Golden held = golden.get().object("perplexity");
    int[] ids = trial.exam().model().requireTokenizer().encode(held.text("text"));
    Golden window =
        held.objects("windows").stream()
            .filter(w -> w.number("stride") == trial.config().nCtx())
            .findFirst()
            .orElseThrow();
    double[] sum = {0};
    double[] largest = {0};
    try (Session session = trial.engine().newSession()) {
      for (int from = 0; from < ids.length; from += trial.config().nCtx()) {
        int[] part =
            Arrays.copyOfRange(ids, from, Math.min(ids.length, from + trial.config().nCtx()));
        session.rewind(0);
        session.forward(
            part,
            (position, logits) -> {
              if (position + 1 < part.length) {
                sum[0] -= logProbability(logits, part[position + 1]);
                largest[0] = Math.max(largest[0], max(logits));
              }
            });
      }
    }
    double tokens = window.number("scored_tokens");
    double error = Math.abs(sum[0] - window.number("nll")) / tokens;
    double bound = Tolerances.meanLogProbability(Tolerances.logits(trial.config()) * largest[0]);
    return trial.measured(rule, error, bound, "error of the mean of -log p");
  }

  private static double max(float[] logits) {
    double max = 0;
    for (float v : logits) {
      max = Math.max(max, Math.abs(v));
    }
    return max;
  }

  private static double logProbability(float[] logits, int id) {
    double max = max(logits);
    double sum = 0;
    for (float v : logits) {
      sum += StrictMath.exp(v - max);
    }
    return logits[id] - max - StrictMath.log(sum);
  }

  static Verdict raggedBatch(Rule rule, Trial trial) {
    if (!(trial.engine() instanceof BatchGenerator batch)) {
      return trial.verdict(rule, Outcome.NOT_OBSERVED, "has no batches");
    }
    List<Exam.Greedy> cases = trial.exam().greedy().stream().limit(6).toList();
    int longest = cases.stream().mapToInt(c -> c.prompt().length).max().orElseThrow();
    int steps = Math.min(cases.getFirst().ids().length, trial.config().nCtx() - longest);
    List<int[]> rows = batch.generateBatch(cases.stream().map(Exam.Greedy::prompt).toList(), steps);
    for (int row = 0; row < cases.size(); row++) {
      int[] expected = Arrays.copyOf(cases.get(row).ids(), steps);
      int split = Arrays.mismatch(expected, rows.get(row));
      if (split >= 0) {
        return trial.verdict(
            rule,
            Outcome.FAULT,
            "row %d, new token %d: %s expected, %s found"
                .formatted(row, split, Arrays.toString(expected), Arrays.toString(rows.get(row))));
      }
    }
    return trial.pass(rule);
  }
}
