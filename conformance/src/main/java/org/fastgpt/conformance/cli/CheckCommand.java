package org.fastgpt.conformance.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.fastgpt.EngineOptions;
import org.fastgpt.cli.ExtraCommand;
import org.fastgpt.cli.ProgressLine;
import org.fastgpt.cli.Terminal;
import org.fastgpt.conformance.Exam;
import org.fastgpt.conformance.Findings;
import org.fastgpt.conformance.Rule;
import org.fastgpt.conformance.Subject;
import org.fastgpt.conformance.Subjects;
import org.fastgpt.conformance.Suite;
import org.fastgpt.conformance.Trial;
import org.fastgpt.conformance.Verdict.Outcome;
import org.fastgpt.conformance.program.ProgramProvider;
import org.fastgpt.conformance.report.Report;
import org.fastgpt.model.ModelException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The rules from the command line, without Maven and JUnit. */
@Command(
    name = "check",
    mixinStandardHelpOptions = true,
    description = {
      "Holds engines to the rules C01 to C19 and prints who keeps which.",
      "Exit code 0: no faults; 1: a fault; 2: bad input."
    },
    footer = {
      "",
      "Examples:",
      "  fastgpt-compare check",
      "  fastgpt-compare check --engine djl,nd4j --model synthetic-124M --report out",
      "  fastgpt-compare check --external mine='python3 gpt2.py' --model synthetic-awkward"
    })
public final class CheckCommand implements Callable<Integer> {

  private final Terminal terminal;

  @Option(
      names = "--engine",
      split = ",",
      paramLabel = "NAME",
      description = "Engines, or one way of running one such as core-scalar (default: all).")
  private List<String> engines = new ArrayList<>();

  @Option(
      names = "--external",
      paramLabel = "NAME=COMMAND",
      description = "A program that speaks the protocol of ENGINE-PROTOCOL.md.")
  private Map<String, String> external = new LinkedHashMap<>();

  @Option(
      names = {"-m", "--model"},
      split = ",",
      paramLabel = "MODEL",
      defaultValue = "synthetic-awkward,synthetic-small,tiny-shakespeare",
      description = "Models, by name or folder (default: ${DEFAULT-VALUE}).")
  private List<String> models;

  @Option(
      names = "--report",
      paramLabel = "FOLDER",
      description = "Also write index.html, report.md and report.json there.")
  private Path report;

  CheckCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() {
    List<Subject> subjects = subjects();
    for (String model : models) {
      try (Exam exam = Exam.of(model, new ProgressLine(terminal, false))) {
        for (Subject subject : subjects) {
          check(exam, subject);
        }
      }
    }
    Findings findings = Suite.findings();
    terminal.out().println(Report.console(findings));
    if (report != null) {
      Report.write(findings, report);
      terminal.say("Report: " + report.resolve("index.html"));
    }
    return findings.verdicts().stream().anyMatch(v -> v.outcome() == Outcome.FAULT) ? 1 : 0;
  }

  private List<Subject> subjects() {
    var subjects = new ArrayList<Subject>();
    engines.forEach(name -> subjects.addAll(Subjects.named(name)));
    external.forEach(
        (name, command) ->
            subjects.add(
                Subject.of(
                    name,
                    new ProgramProvider(),
                    new EngineOptions(0, Map.of("command", command)))));
    return subjects.isEmpty() ? Subjects.all() : subjects;
  }

  private void check(Exam exam, Subject subject) {
    String what = subject.name() + " on " + exam.model().name();
    try (Trial trial = Trial.open(exam, subject)) {
      int faults = 0;
      for (Rule rule : Rule.values()) {
        var verdict = trial.check(rule);
        Suite.add(verdict);
        if (verdict.outcome() == Outcome.FAULT) {
          faults++;
          terminal.say(what + ": " + rule + " " + rule.title() + ": " + verdict.detail());
        }
      }
      Suite.add(trial.evidence());
      terminal.say(what + ": " + (faults == 0 ? "no faults" : faults + " faults"));
    } catch (ModelException e) {
      terminal.say(what + ": cannot be opened: " + e.getMessage());
      Suite.unavailable(subject.name(), exam.model().name(), e.getMessage());
    }
  }

  /** What makes it a command of the command line. */
  public static final class Extra implements ExtraCommand {
    @Override
    public String name() {
      return "check";
    }

    @Override
    public Callable<Integer> command(Terminal terminal) {
      return new CheckCommand(terminal);
    }
  }
}
