package org.fastgpt.conformance.speed;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * What a {@link Race} gave.
 *
 * @param ids the new ids that everyone had to give
 * @param idsBy where they come from
 * @param runs every process of everyone that was right
 * @param problems why a case has no figures
 * @param notes what is to be said of one that has
 * @param commands how the whole process was started
 */
public record Results(
    Task task,
    int[] ids,
    String idsBy,
    int rounds,
    List<Integer> threads,
    List<Case> cases,
    List<Run> runs,
    Map<Case, String> problems,
    Map<Case, String> notes,
    Map<Case, List<String>> commands) {

  /** All measurements of that name, if there are any. */
  Optional<Figure> figure(Case c, String name) {
    return figure(runs.stream().filter(run -> c.equals(run.of())).toList(), name);
  }

  /** The streaming read of that many threads, bytes/s. */
  Optional<Figure> read(int n) {
    return figure(
        runs.stream().filter(run -> run.of() == null && run.threads() == n).toList(), Run.READ);
  }

  private static Optional<Figure> figure(List<Run> runs, String name) {
    double[] values =
        runs.stream()
            .map(run -> run.values().get(name))
            .filter(Objects::nonNull)
            .mapToDouble(value -> value)
            .toArray();
    return values.length == 0 ? Optional.empty() : Optional.of(Figure.of(values));
  }

  /** The best known time of a decode step with the cache: warm, if that was measured. */
  Optional<Figure> decode(Case c) {
    return figure(c, Run.WARM_DECODE).or(() -> figure(c, Run.DECODE));
  }

  /** Which part of what memory gives to a streaming read the weights of a decode step get. */
  Optional<Double> shareOfRead(Case c) {
    if (!c.cached()) {
      return Optional.empty();
    }
    return decode(c)
        .flatMap(
            decode ->
                read(c.threads())
                    .map(read -> task.weightBytesPerStep() / decode.median() / read.median()));
  }

  /** Core's line for the same number of threads: what ratios are to. */
  Optional<Case> core(Case c) {
    return cases.stream()
        .filter(other -> other.entrant().engine().equals("core"))
        .filter(other -> other.threads() == c.threads() && other.cached() == c.cached())
        .findFirst();
  }

  /** The medians' ratio, case to core; above 1 takes longer, or more. */
  Optional<Double> ratioToCore(Case c, String name) {
    return core(c)
        .flatMap(core -> figure(core, name))
        .flatMap(core -> figure(c, name).map(own -> own.median() / core.median()));
  }
}
