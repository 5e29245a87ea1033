package org.fastgpt.conformance.report;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.fastgpt.conformance.Evidence;
import org.fastgpt.conformance.Findings;
import org.fastgpt.conformance.Findings.Mutant;
import org.fastgpt.conformance.GreedyRun;
import org.fastgpt.conformance.Rule;
import org.fastgpt.conformance.Verdict;
import org.fastgpt.conformance.Verdict.Outcome;

/** The findings in the orders and sums in which all three reports show them. */
final class Overview {
  /** From the worst to the least telling: what is not seen weighs more than what is kept. */
  private static final List<Outcome> WORST_FIRST =
      List.of(
          Outcome.FAULT,
          Outcome.TIE,
          Outcome.NOT_OBSERVED,
          Outcome.PASS,
          Outcome.NOT_PROMISED,
          Outcome.NOT_APPLICABLE);

  private static final Comparator<Verdict> BY_OUTCOME =
      Comparator.comparingInt(v -> WORST_FIRST.indexOf(v.outcome()));

  private record Cell(String engine, String model, Rule rule) {}

  /** One prompt on one model, with what each engine made of it. */
  record Prompt(String model, GreedyRun expected, Map<String, GreedyRun> byEngine) {
    /** The engines whose ids differ somewhere. */
    List<String> splits() {
      return byEngine.keySet().stream().filter(e -> byEngine.get(e).split() >= 0).toList();
    }

    /** The engines whose ids are the expected ones. */
    List<String> same() {
      return byEngine.keySet().stream().filter(e -> byEngine.get(e).split() < 0).toList();
    }
  }

  final Findings findings;
  final List<String> engines;
  final List<String> models;
  private final Map<Cell, Verdict> cells;

  Overview(Findings findings) {
    this.findings = findings;
    this.engines = findings.verdicts().stream().map(Verdict::engine).distinct().toList();
    this.models = findings.verdicts().stream().map(Verdict::model).distinct().toList();
    this.cells =
        findings.verdicts().stream()
            .collect(
                Collectors.toMap(
                    v -> new Cell(v.engine(), v.model(), v.rule()),
                    v -> v,
                    (a, b) -> BY_OUTCOME.compare(a, b) <= 0 ? a : b));
  }

  Optional<Verdict> verdict(String engine, String model, Rule rule) {
    return Optional.ofNullable(cells.get(new Cell(engine, model, rule)));
  }

  /** The worst verdict of an engine on any model. */
  Optional<Verdict> worst(String engine, Rule rule) {
    return models.stream().flatMap(m -> verdict(engine, m, rule).stream()).min(BY_OUTCOME);
  }

  List<Verdict> all(Outcome outcome) {
    return findings.verdicts().stream().filter(v -> v.outcome() == outcome).toList();
  }

  int tiedChoices() {
    return findings.verdicts().stream().mapToInt(Verdict::ties).sum();
  }

  List<Mutant> uncaught() {
    return findings.mutants().stream().filter(m -> m.caughtBy().isEmpty()).toList();
  }

  Optional<Evidence> evidence(String engine, String model) {
    return findings.evidence().stream()
        .filter(e -> e.engine().equals(engine) && e.model().equals(model))
        .findFirst();
  }

  List<Evidence> evidence(String model) {
    return findings.evidence().stream().filter(e -> e.model().equals(model)).toList();
  }

  /** Models of which there is evidence. */
  List<String> measuredModels() {
    return findings.evidence().stream().map(Evidence::model).distinct().toList();
  }

  /** The greedy runs, those of one prompt together. */
  List<Prompt> prompts() {
    record Key(String model, List<Integer> prompt, List<Integer> expected) {}
    var byPrompt = new LinkedHashMap<Key, Prompt>();
    for (Evidence e : findings.evidence()) {
      for (GreedyRun run : e.greedy()) {
        byPrompt
            .computeIfAbsent(
                new Key(e.model(), boxed(run.prompt()), boxed(run.expected())),
                k -> new Prompt(e.model(), run, new LinkedHashMap<>()))
            .byEngine()
            .put(e.engine(), run);
      }
    }
    return List.copyOf(byPrompt.values());
  }

  private static List<Integer> boxed(int[] ids) {
    return Arrays.stream(ids).boxed().toList();
  }

  /**
   * The verdict of the whole run, in words: "2 faults" or "no faults", never more than was seen.
   */
  String headline() {
    if (findings.verdicts().isEmpty()) {
      return "Nothing was checked";
    }
    int faults = all(Outcome.FAULT).size();
    int ties = tiedChoices();
    String text = faults == 0 ? "No faults" : Text.count(faults, "fault");
    text += ties == 0 ? ", no ties" : ", " + Text.count(ties, "numerical tie");
    int gaps = uncaught().size();
    return gaps == 0
        ? text
        : text + ", " + Text.count(gaps, "broken engine") + " that no rule caught";
  }

  /** How it ended, in numbers. */
  String counts() {
    var parts = new ArrayList<String>();
    for (Outcome outcome : Outcome.values()) {
      int n = all(outcome).size();
      if (n > 0) {
        parts.add(n + " " + Text.words(outcome));
      }
    }
    return parts.isEmpty() ? "no verdicts" : String.join(", ", parts);
  }

  /** What was checked, in numbers. */
  String size() {
    return "%s x %s x %s"
        .formatted(
            Text.count(engines.size(), "engine"),
            Text.count(models.size(), "model"),
            Text.count(Rule.values().length, "rule"));
  }
}
