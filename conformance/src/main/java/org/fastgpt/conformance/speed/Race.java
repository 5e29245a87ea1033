package org.fastgpt.conformance.speed;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.fastgpt.conformance.speed.Children.Outcome;
import org.fastgpt.conformance.speed.Reference.Check;

/**
 * All runs, in an order that lets a drift of the machine hit everyone alike: round by round, and in
 * each round everyone in turn. Before the first round everyone is asked once, untimed: who is wrong
 * or cannot run takes no further part, and what is done once per machine (libraries unpacked, files
 * written or read from the disk) is done. After that every run's ids are checked all the same.
 */
public final class Race {
  private final Task task;
  private final Reference reference;
  private final Optional<String> expectedOutput;
  private final List<Integer> threads;
  private final int rounds;
  private final Children children;
  private final Consumer<String> say;
  private final Commands commands;
  private final List<Case> cases;
  private final List<Run> runs = new ArrayList<>();
  private final Map<Case, String> problems = new LinkedHashMap<>();
  private final Map<Case, String> notes = new LinkedHashMap<>();
  private long startNanos;
  private int done;

  /**
   * A race that has not begun.
   *
   * @param caches with the KV cache (true), without, or both
   * @param expectedOutput what the output of a foreign program must contain
   * @param say takes a line for the one who waits
   */
  public Race(
      Task task,
      Reference reference,
      List<Entrant> entrants,
      List<Integer> threads,
      List<Boolean> caches,
      Optional<String> expectedOutput,
      int rounds,
      Children children,
      Consumer<String> say) {
    this.task = task;
    this.reference = reference;
    this.expectedOutput = expectedOutput;
    this.threads = List.copyOf(threads);
    this.rounds = rounds;
    this.children = children;
    this.say = say;
    this.commands = new Commands(task);
    this.cases = cases(entrants, threads, caches);
  }

  /** All with cache, then all without; a program has no such choice. */
  private static List<Case> cases(
      List<Entrant> entrants, List<Integer> threads, List<Boolean> caches) {
    var cases = new ArrayList<Case>();
    for (boolean cached : caches) {
      for (int n : threads) {
        for (Entrant entrant : entrants) {
          if (!entrant.isProgram() || cached == caches.getFirst()) {
            cases.add(new Case(entrant, n, entrant.isProgram() || cached));
          }
        }
      }
    }
    return cases;
  }

  /** Runs all of it; minutes. */
  public Results run() {
    startNanos = System.nanoTime();
    threads.stream().max(Integer::compare).ifPresent(this::checkAll);
    for (int round = 1; round <= rounds; round++) {
      for (int n : threads) {
        read(round, n);
      }
      for (Case c : cases) {
        if (!c.entrant().isProgram()) {
          phases(round, c);
        }
        whole(round, c);
      }
    }
    runs.removeIf(run -> problems.containsKey(run.of()));
    return new Results(
        task,
        reference.ids(task.tokens()),
        reference.source(),
        rounds,
        threads,
        cases,
        runs,
        problems,
        notes,
        commandLines());
  }

  /** With the most threads, as most can go wrong then; the verdict is for any number of them. */
  private void checkAll(int most) {
    for (Case c : cases) {
      if (c.threads() == most) {
        if (c.entrant().isProgram()) {
          whole(0, c);
        } else {
          phases(0, c);
        }
        Optional.ofNullable(problems.get(c)).ifPresent(problem -> exclude(c, problem));
      }
    }
  }

  private void exclude(Case wrong, String problem) {
    for (Case c : cases) {
      if (c.entrant().equals(wrong.entrant()) && c.cached() == wrong.cached()) {
        problems.put(c, problem);
      }
    }
  }

  private void read(int round, int n) {
    if (cases.stream().allMatch(c -> c.entrant().isProgram())) {
      return;
    }
    Outcome outcome = children.run(commands.read(n));
    var values = values(outcome.output());
    if (outcome.problem().isEmpty() && values.containsKey(Run.READ)) {
      var measured = Map.of(Run.READ, Double.valueOf(values.get(Run.READ)));
      runs.add(new Run(round, null, n, Run.Kind.READ, measured));
    }
    progress(round, "streaming read, " + Case.threads(n), outcome);
  }

  private void phases(int round, Case c) {
    if (problems.containsKey(c)) {
      return;
    }
    Outcome outcome = children.run(commands.worker(c, round > 0));
    Map<String, String> values = values(outcome.output());
    if (!outcome.problem().isEmpty()) {
      problems.put(c, outcome.problem());
    } else if (!values.containsKey("ids")) {
      problems.put(c, "no result");
    } else {
      checkIds(c, values);
      if (round > 0) {
        runs.add(new Run(round, c, c.threads(), Run.Kind.PHASES, numbers(values)));
      }
    }
    progress(round, c + (round == 0 ? "" : ": phases"), outcome, problems.get(c));
  }

  private void checkIds(Case c, Map<String, String> values) {
    note(c, reference.check(Children.ids(values.get("ids")), task.tokens()));
    if (values.containsKey("long_ids")) {
      note(c, reference.check(Children.ids(values.get("long_ids")), task.longTokens()));
    }
    int[] after = Children.ids(values.getOrDefault("after_prefills", ""));
    for (int which = 0; which < after.length; which++) {
      note(c, reference.checkPrefill(which, after[which]));
    }
  }

  private void note(Case c, Check check) {
    if (!check.right()) {
      problems.putIfAbsent(c, check.note());
    } else if (!check.note().isEmpty()) {
      notes.put(c, check.note());
    }
  }

  private void whole(int round, Case c) {
    if (problems.containsKey(c)) {
      return;
    }
    Outcome outcome = children.run(commands.whole(c));
    if (!outcome.problem().isEmpty()) {
      problems.put(c, outcome.problem());
    } else {
      note(c, checkOutput(c, outcome.output()));
      if (round > 0) {
        runs.add(new Run(round, c, c.threads(), Run.Kind.WHOLE, numbers(c, outcome)));
      }
    }
    progress(round, c + ": whole process", outcome, problems.get(c));
  }

  private Check checkOutput(Case c, String output) {
    if (c.entrant().isProgram()) {
      return reference.checkOutput(output, expectedOutput);
    }
    return output.strip().matches("[\\d\\s]+")
        ? reference.check(Children.ids(output), task.tokens())
        : new Check(false, "no ids in its output");
  }

  /** An engine's first output is its first token; what a program's is, nobody knows. */
  private static Map<String, Double> numbers(Case c, Outcome outcome) {
    var numbers = new LinkedHashMap<String, Double>();
    numbers.put(Run.WHOLE, outcome.seconds());
    if (c.entrant().isProgram()) {
      outcome.peakBytes().ifPresent(bytes -> numbers.put(Run.PEAK, bytes));
    } else {
      outcome.firstOutput().ifPresent(seconds -> numbers.put(Run.FIRST_TOKEN, seconds));
    }
    return numbers;
  }

  /** What a {@link Worker} printed for us. */
  private static Map<String, String> values(String output) {
    var values = new LinkedHashMap<String, String>();
    output
        .lines()
        .filter(line -> line.startsWith(Worker.MARK) && line.indexOf('=') > 0)
        .map(line -> line.substring(Worker.MARK.length()).split("=", 2))
        .forEach(pair -> values.put(pair[0], pair[1]));
    return values;
  }

  private static Map<String, Double> numbers(Map<String, String> values) {
    var numbers = new LinkedHashMap<String, Double>();
    values.forEach(
        (name, value) -> {
          if (name.endsWith("_s") || name.endsWith("_per_token") || name.endsWith("_bytes")) {
            numbers.put(name, Double.valueOf(value));
          }
        });
    return numbers;
  }

  private Map<Case, List<String>> commandLines() {
    var lines = new LinkedHashMap<Case, List<String>>();
    cases.forEach(c -> lines.put(c, commands.whole(c).words()));
    return lines;
  }

  private void progress(int round, String what, Outcome outcome) {
    progress(round, what, outcome, outcome.problem().isEmpty() ? null : outcome.problem());
  }

  private void progress(int round, String what, Outcome outcome, String problem) {
    done++;
    double elapsed = (System.nanoTime() - startNanos) / 1e9;
    say.accept(
        String.format(
            Locale.ROOT,
            "%s %s: %s (%s left)",
            round == 0 ? "check" : "round " + round + "/" + rounds,
            what,
            problem == null ? String.format(Locale.ROOT, "%.2f s", outcome.seconds()) : problem,
            duration(elapsed / done * left(round))));
  }

  /** How many processes are still to come, this round's own counted by those that have run. */
  private int left(int round) {
    int ofRound = threads.size();
    for (Case c : cases) {
      ofRound += problems.containsKey(c) ? 0 : c.entrant().isProgram() ? 1 : 2;
    }
    long thisRound = runs.stream().filter(run -> run.round() == round).count();
    return (int) Math.max(0, (long) (rounds - round + (round == 0 ? 0 : 1)) * ofRound - thisRound);
  }

  private static String duration(double seconds) {
    return seconds < 90 ? Math.round(seconds) + " s" : Math.round(seconds / 60) + " min";
  }
}
