package org.fastgpt.conformance;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.fastgpt.Engine;
import org.fastgpt.GptConfig;
import org.fastgpt.Promise;
import org.fastgpt.Session;
import org.fastgpt.Tolerances;
import org.fastgpt.conformance.Verdict.Outcome;
import org.fastgpt.conformance.program.NoLogitsException;

/** One engine on one exam: what the rules work with. */
public final class Trial implements AutoCloseable {

  private final Exam exam;
  private final Subject subject;
  private final Engine engine;
  private final List<GreedyRun> greedyRuns = new ArrayList<>();
  private final Map<String, Double> errorByActivation = new LinkedHashMap<>();
  private final long[] ulpHistogram = new long[Evidence.BINS];
  private Optional<Divergence> divergence = Optional.empty();

  private Trial(Exam exam, Subject subject, Engine engine) {
    this.exam = exam;
    this.subject = subject;
    this.engine = engine;
  }

  /**
   * Opens the engine on the exam's model.
   *
   * @throws RuntimeException whatever the engine throws where it cannot be had
   */
  public static Trial open(Exam exam, Subject subject) {
    return new Trial(exam, subject, subject.way().open(exam.model()));
  }

  /** Applies a rule. Whatever the engine throws that the rule does not expect is a fault. */
  public Verdict check(Rule rule) {
    if (rule.promise().isPresent() && !engine.promises().contains(rule.promise().get())) {
      return verdict(rule, Outcome.NOT_PROMISED, "binds engines that promise it");
    }
    try {
      return Rules.check(rule, this);
    } catch (NoLogitsException e) {
      return verdict(rule, Outcome.NOT_OBSERVED, e.getMessage());
    } catch (RuntimeException | Error e) {
      return verdict(rule, Outcome.FAULT, e.getClass().getSimpleName() + ": " + e.getMessage());
    }
  }

  /** What was measured on the way. */
  public Evidence evidence() {
    return new Evidence(
        subject.name(),
        exam.model().name(),
        List.copyOf(greedyRuns),
        ulpHistogram.clone(),
        new LinkedHashMap<>(errorByActivation),
        boundByActivation(),
        divergence);
  }

  private Map<String, Double> boundByActivation() {
    var bounds = new LinkedHashMap<String, Double>();
    for (String name : errorByActivation.keySet()) {
      bounds.put(name, Tolerances.activation(config(), name));
    }
    return bounds;
  }

  Exam exam() {
    return exam;
  }

  Subject subject() {
    return subject;
  }

  Engine engine() {
    return engine;
  }

  GptConfig config() {
    return exam.config();
  }

  boolean promises(Promise promise) {
    return engine.promises().contains(promise);
  }

  void keep(GreedyRun run) {
    greedyRuns.add(run);
  }

  void keepError(String activation, double error) {
    errorByActivation.merge(activation, error, Math::max);
  }

  void keepUlp(double ulp) {
    ulpHistogram[Evidence.bin(ulp)]++;
  }

  /** The first divergence is looked for once, where a fault asks for it. */
  Optional<Divergence> divergence() {
    if (divergence.isEmpty()) {
      divergence = Activations.firstDivergence(this);
    }
    return divergence;
  }

  /** The logits [rows][n_vocab] after each of {@code ids}, appended to the session. */
  static float[][] all(Session session, int... ids) {
    var rows = new ArrayList<float[]>();
    session.forward(ids, (position, logits) -> rows.add(logits.clone()));
    return rows.toArray(float[][]::new);
  }

  Verdict pass(Rule rule) {
    return verdict(rule, Outcome.PASS, "");
  }

  Verdict verdict(Rule rule, Outcome outcome, String detail) {
    return new Verdict(
        rule,
        subject.name(),
        exam.model().name(),
        outcome,
        Double.NaN,
        Double.NaN,
        0,
        oneLine(detail));
  }

  /** Pass or fault by a measured error; a fault says where it begins. */
  Verdict measured(Rule rule, double error, double bound, String what) {
    boolean within = error <= bound; // false for NaN
    String detail = within ? "" : what;
    if (!within && bound > 0) {
      detail += divergence().map(d -> "; " + d).orElse("");
    }
    return new Verdict(
        rule,
        subject.name(),
        exam.model().name(),
        within ? Outcome.PASS : Outcome.FAULT,
        error,
        bound,
        0,
        oneLine(detail));
  }

  private static String oneLine(String text) {
    return text.replaceAll("\\s+", " ").strip();
  }

  @Override
  public void close() {
    engine.close();
  }
}
