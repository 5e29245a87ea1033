package org.fastgpt.conformance.report;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.fastgpt.GptConfig;
import org.fastgpt.Probe;
import org.fastgpt.Promise;
import org.fastgpt.Tolerances;
import org.fastgpt.conformance.Divergence;
import org.fastgpt.conformance.Evidence;
import org.fastgpt.conformance.Findings;
import org.fastgpt.conformance.Findings.Mutant;
import org.fastgpt.conformance.GreedyRun;
import org.fastgpt.conformance.Rule;
import org.fastgpt.conformance.Verdict;
import org.fastgpt.conformance.Verdict.Outcome;

/** Findings such as a run could make them: every outcome, a fault, ties, awkward characters. */
final class Examples {
  private Examples() {}

  static final List<String> ENGINES =
      List.of(
          "core scalar, 1 thread",
          "core 128 bits, 2 threads",
          "core 256 bits, 2 threads",
          "core 512 bits, 2 threads",
          "djl trace",
          "djl archive",
          "nd4j",
          "program: <python> & \"friends\"");
  static final List<String> MODELS =
      List.of("embedded", "synthetic awkward", "synthetic small", "synthetic 124M");

  /** What a model of bytes may well say. */
  static final String ODD =
      "<script>alert('x')</script> & \"q\" {{matrix}} `code` | pipe\ttab\nline \u202Eback 👩‍💻"
          + " \u0007 \uD800 @someone **bold**";

  private static final String SAID =
      " line, one after the other, until the whole of it had been read aloud and nobody"
          + " was left in the room";

  private static final GptConfig CONFIG =
      new GptConfig(50257, 1024, 768, 12, 12, 3072, 1e-5f, true, false, true, 50256);

  static Findings findings() {
    var verdicts = new ArrayList<Verdict>();
    var evidence = new ArrayList<Evidence>();
    for (String engine : ENGINES) {
      for (String model : MODELS) {
        var random = new Random(7L * ENGINES.indexOf(engine) + MODELS.indexOf(model));
        for (Rule rule : Rule.values()) {
          verdicts.add(verdict(rule, engine, model, random));
        }
        evidence.add(evidence(engine, model, random));
      }
    }
    var environment = new LinkedHashMap<String, String>();
    environment.put("machine", "2 cores, 8 GiB; x86-64 with AVX2");
    environment.put("java", "25.0.3+9-LTS");
    environment.put("git revision", "eb898e7");
    environment.put(
        "embedded, SHA-256", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15");
    environment.put("odd", ODD);
    return new Findings(
        List.copyOf(verdicts),
        List.copyOf(evidence),
        List.of(
            new Mutant("off-by-one", "positions start at 1", List.of(Rule.C04, Rule.C05, Rule.C06)),
            new Mutant("erf-gelu", "GELU by erf instead of tanh", List.of(Rule.C05)),
            new Mutant("eps", "layer norm adds 1e-6 to the variance", List.of())),
        environment);
  }

  private static Verdict verdict(Rule rule, String engine, String model, Random random) {
    boolean measures = rule.compareTo(Rule.C04) >= 0 && rule.compareTo(Rule.C08) <= 0;
    double bound = measures ? Tolerances.logits(CONFIG) : Double.NaN;
    double measured = measures ? bound * (0.02 + 0.3 * random.nextDouble()) : Double.NaN;
    Outcome outcome = Outcome.PASS;
    int ties = 0;
    String detail = "";
    if (rule.promise().equals(Optional.of(Promise.SAME_BITS_HOWEVER_RUN))
        && !engine.startsWith("core")) {
      outcome = Outcome.NOT_PROMISED;
      detail = "not promised: the same bits however it is run";
    } else if (rule == Rule.C05 && engine.startsWith("program")) {
      outcome = Outcome.NOT_OBSERVED;
      detail = "the engine shows no activations";
      measured = bound = Double.NaN;
    } else if ((rule == Rule.C01 || rule == Rule.C02) && model.startsWith("synthetic")) {
      outcome = Outcome.NOT_APPLICABLE;
      detail = "the model has no vocabulary";
    } else if (rule == Rule.C12 && engine.startsWith("djl") && model.equals("embedded")) {
      outcome = Outcome.TIE;
      ties = 2;
      detail = "2 of 40 choices differ, each within 3.1e-5";
    } else if (engine.startsWith("program")
        && model.equals("embedded")
        && (rule == Rule.C06 || rule == Rule.C12)) {
      outcome = Outcome.FAULT;
      measured = rule == Rule.C06 ? 37.5 * bound : Double.NaN;
      detail = "position 3: logit -31.25 found, -33.5 expected, after " + ODD;
    }
    return new Verdict(rule, engine, model, outcome, measured, bound, ties, detail);
  }

  private static Evidence evidence(String engine, String model, Random random) {
    boolean faulty = engine.startsWith("program") && model.equals("embedded");
    var histogram = new long[Evidence.BINS];
    for (int i = 0; i < 20_000; i++) {
      histogram[Evidence.bin(Math.abs(random.nextGaussian()) * (faulty ? 700 : 1.3))]++;
    }
    Map<String, Double> errors = new LinkedHashMap<>();
    Map<String, Double> bounds = new LinkedHashMap<>();
    if (!engine.startsWith("program") || faulty) {
      for (String name : Probe.names(CONFIG.nLayer())) {
        double bound = Tolerances.activation(CONFIG, name);
        bounds.put(name, bound);
        errors.put(
            name, bound * (0.05 + 0.1 * random.nextDouble()) * (faulty && bound > 2e-5 ? 90 : 1));
      }
    }
    return new Evidence(
        engine,
        model,
        greedy(engine, model, random),
        histogram,
        errors,
        bounds,
        faulty
            ? Optional.of(new Divergence("h.3.attn.softmax", 3, 2e-7, 0.031, 1.4e-5))
            : Optional.empty());
  }

  private static List<GreedyRun> greedy(String engine, String model, Random random) {
    boolean words = model.equals("embedded");
    if (!words && !model.equals("synthetic small")) {
      return List.of();
    }
    var seeded = new Random(model.hashCode());
    var expected = seeded.ints(40, 0, 50257).toArray();
    var prompt = seeded.ints(words ? 5 : 300, 0, 50257).toArray();
    var margins = new double[40];
    var errors = new double[40];
    for (int i = 0; i < margins.length; i++) {
      margins[i] = i == 11 || i == 30 ? 2e-6 : Math.exp(2 * seeded.nextGaussian() - 1);
      errors[i] = 2e-5 * random.nextDouble();
    }
    var actual = expected.clone();
    String text = ODD + "\n\nThe next" + SAID;
    String other = text;
    if (words && engine.startsWith("djl")) {
      actual[11] = 11;
      actual[30] = 262;
      other = text.replace("other, until", "second; until");
    } else if (words && engine.startsWith("program")) {
      actual[20] = 198;
      errors[20] = 3;
      other = text.replace("nobody was left", "<b>everybody</b> was left");
    }
    return List.of(
        new GreedyRun(
            prompt, expected, actual, margins, errors, words ? text : null, words ? other : null));
  }
}
