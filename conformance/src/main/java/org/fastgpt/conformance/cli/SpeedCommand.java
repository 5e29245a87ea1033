package org.fastgpt.conformance.cli;

import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.time.ZoneId;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.fastgpt.EngineProvider;
import org.fastgpt.Engines;
import org.fastgpt.cli.ExtraCommand;
import org.fastgpt.cli.ProgressLine;
import org.fastgpt.cli.Terminal;
import org.fastgpt.conformance.Environment;
import org.fastgpt.conformance.Exam;
import org.fastgpt.conformance.Golden;
import org.fastgpt.conformance.speed.Children;
import org.fastgpt.conformance.speed.Entrant;
import org.fastgpt.conformance.speed.Race;
import org.fastgpt.conformance.speed.Reference;
import org.fastgpt.conformance.speed.Results;
import org.fastgpt.conformance.speed.SpeedReport;
import org.fastgpt.conformance.speed.Task;
import org.fastgpt.model.Model;
import org.fastgpt.model.ModelException;
import org.fastgpt.model.Models;
import org.fastgpt.tokenizer.Tokenizer;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** How fast the engines are, from the command line. */
@Command(
    name = "speed",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Times engines on the same model and prompt, in fresh processes, in turn; checks their ids"
          + " first.",
      "Exit code 0: everyone was right and has a time; 1: someone has none; 2: bad input."
    },
    footer = {
      "",
      "Examples:",
      "  fastgpt-compare speed",
      "  fastgpt-compare speed --engine core,djl,nd4j --threads 1,2 --both -o results",
      "  fastgpt-compare speed --suite -m gpt2 --external llama='llama-cli -m gpt2.gguf -t"
          + " {threads} -n {n} --temp 0 -no-cnv -p {prompt}'"
    })
public final class SpeedCommand implements Callable<Integer> {
  private static final String TURING =
      "Alan Turing theorized that computers would one day become very powerful, but even he could"
          + " not imagine";
  private static final String FALLBACK = "synthetic-124M";
  private static final int SUITE_TOKENS = 200;
  private static final List<Integer> SUITE_LENGTHS = List.of(19, 512, 1000);

  private final Terminal terminal;

  @Spec private CommandSpec spec;

  @Option(
      names = {"-m", "--model"},
      paramLabel = "MODEL",
      description =
          "By name or folder (default: the smallest GPT-2 installed, else synthetic-124M).")
  private String modelName;

  @ArgGroup private Prompt prompt = new Prompt();

  /** One of the two. */
  static final class Prompt {
    @Option(
        names = {"-p", "--prompt"},
        paramLabel = "TEXT",
        description = "The prompt (default: fastGPT's, of Alan Turing).")
    private String text;

    @Option(
        names = "--ids",
        split = "[\\s,]+",
        paramLabel = "ID",
        description = "The prompt as token ids.")
    private List<Integer> ids;
  }

  @Option(
      names = "-n",
      paramLabel = "N",
      defaultValue = "20",
      description = "How many new tokens (default: ${DEFAULT-VALUE}).")
  private int tokens;

  @Option(
      names = "--engine",
      split = ",(?![^\\[]*\\])",
      paramLabel = "NAME",
      description =
          "Engines, or ways of running one, with settings: core, core-vector-256,"
              + " nd4j[form=plain] (default: core, core-scalar and all others).")
  private List<String> engines = new ArrayList<>();

  @Option(
      names = "--external",
      paramLabel = "NAME=COMMAND",
      description = {
        "A foreign program, timed as a whole process. The command has words and quotes as in a"
            + " shell, without a shell; {model}, {prompt}, {ids}, {n} and {threads} are replaced."
      })
  private Map<String, String> external = new LinkedHashMap<>();

  @Option(
      names = "--expect",
      paramLabel = "TEXT",
      description = "What the output of every foreign program must contain.")
  private String expected;

  @Option(
      names = {"-t", "--threads"},
      split = ",",
      paramLabel = "N",
      description = "Numbers of threads (default: 1, 2, 4, ... up to the number of cores).")
  private List<Integer> threads = new ArrayList<>();

  @Option(
      names = "--rounds",
      paramLabel = "N",
      defaultValue = "5",
      description = "How often everyone is timed (default: ${DEFAULT-VALUE}).")
  private int rounds;

  @ArgGroup private Caches caches = new Caches();

  /** One of the two, or neither. */
  static final class Caches {
    @Option(names = "--no-cache", description = "Without the KV cache.")
    private boolean without;

    @Option(names = "--both", description = "With the KV cache, and without.")
    private boolean both;
  }

  @Option(
      names = "--tokens",
      paramLabel = "N",
      description = "Also time the decoding of a longer generation, of so many tokens.")
  private int longTokens;

  @Option(
      names = "--prompt-lengths",
      split = ",",
      paramLabel = "N",
      description = "Also time the prefill of prompts of these lengths: the prompt, over and over.")
  private List<Integer> prefillLengths = new ArrayList<>();

  @Option(names = "--suite", description = "The same as --tokens 200 --prompt-lengths 19,512,1000.")
  private boolean suite;

  @Option(
      names = "--timeout",
      paramLabel = "SECONDS",
      defaultValue = "600",
      description = "When a process is killed (default: ${DEFAULT-VALUE}).")
  private int timeoutSeconds;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FOLDER",
      description = "Also write speed.md, speed.json, speed.csv and speed.svg there.")
  private Path folder;

  SpeedCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() {
    requireUpTo(1000, "--rounds", rounds);
    requireUpTo(1_000_000, "--timeout", timeoutSeconds);
    threads.forEach(n -> requireUpTo(1024, "--threads", n));
    List<Entrant> entrants = entrants();
    Path path = Exam.locate(model(), new ProgressLine(terminal, false));
    try (Model model = Model.open(path)) {
      Task task = task(model, path);
      requireText(entrants, task);
      try (var reference = reference(model, task);
          var children = new Children(Duration.ofSeconds(timeoutSeconds))) {
        var race =
            new Race(
                task,
                reference,
                entrants,
                threads(),
                caches.both ? List.of(true, false) : List.of(!caches.without),
                Optional.ofNullable(expected),
                rounds,
                children,
                terminal::say);
        return show(race.run());
      }
    }
  }

  private Reference reference(Model model, Task task) {
    terminal.say("Finding out the ids that are right ...");
    return new Reference(model, task);
  }

  private int show(Results results) {
    var report = new SpeedReport(results, environment());
    terminal.out().println(report.console());
    if (folder != null) {
      report.write(folder);
      terminal.say("Results: " + folder.resolve("speed.md"));
    }
    return results.problems().isEmpty() ? 0 : 1;
  }

  private static void requireUpTo(int most, String option, int value) {
    if (value < 1 || value > most) {
      throw new IllegalArgumentException(
          "%s %d: a number from 1 to %d expected".formatted(option, value, most));
    }
  }

  private List<Entrant> entrants() {
    var entrants = new ArrayList<Entrant>();
    Stream<String> names = engines.isEmpty() ? byDefault() : engines.stream();
    names.map(Entrant::engine).forEach(entrants::add);
    external.forEach((name, command) -> entrants.add(Entrant.program(name, command)));
    var seen = new LinkedHashSet<String>();
    for (Entrant entrant : entrants) {
      if (!seen.add(entrant.name())) {
        throw new IllegalArgumentException(entrant.name() + " is given twice");
      }
    }
    return entrants;
  }

  private List<Integer> threads() {
    int cores = Runtime.getRuntime().availableProcessors();
    return threads.isEmpty()
        ? IntStream.iterate(1, n -> n <= cores, n -> 2 * n).boxed().toList()
        : threads.stream().distinct().toList();
  }

  private static void requireText(List<Entrant> entrants, Task task) {
    for (Entrant entrant : entrants) {
      if (task.text().isEmpty() && String.join(" ", entrant.command()).contains("{prompt}")) {
        throw new IllegalArgumentException(
            entrant.name()
                + ": {prompt} is a text, and this prompt is known by its ids only: {ids}");
      }
    }
  }

  private static Stream<String> byDefault() {
    return Stream.concat(
        Stream.of("core", "core-scalar"),
        Engines.all().stream()
            .map(EngineProvider::name)
            .filter(name -> !name.equals("core") && !name.equals("program")));
  }

  private String model() {
    if (modelName == null) {
      String installed = Models.byDefault().name();
      modelName = installed.equals(Models.EMBEDDED) ? FALLBACK : installed;
    }
    return modelName;
  }

  private Task task(Model model, Path path) {
    boolean isFile = path.getFileSystem().equals(FileSystems.getDefault());
    List<Integer> lengths =
        suite && prefillLengths.isEmpty() ? SUITE_LENGTHS : List.copyOf(prefillLengths);
    return new Task(
        isFile ? path.toAbsolutePath().normalize().toString() : modelName,
        model.name(),
        model.config(),
        text(model),
        promptIds(model),
        tokens,
        suite && longTokens == 0 ? SUITE_TOKENS : longTokens,
        lengths.stream().distinct().toList());
  }

  private Optional<String> text(Model model) {
    String given = prompt.text == null ? TURING : prompt.text;
    return prompt.ids == null && model.tokenizer().isPresent()
        ? Optional.of(given)
        : Optional.empty();
  }

  /** A model without a vocabulary has no text; of those made here the golden data know a prompt. */
  private int[] promptIds(Model model) {
    if (prompt.ids != null) {
      return prompt.ids.stream().mapToInt(id -> id).toArray();
    }
    Optional<Tokenizer> tokenizer = model.tokenizer();
    if (tokenizer.isPresent()) {
      return tokenizer.get().encode(prompt.text == null ? TURING : prompt.text);
    }
    return Golden.of(model.name())
        .filter(golden -> prompt.text == null && golden.has("greedy"))
        .map(golden -> golden.objects("greedy").getFirst().ids("prompt_ids"))
        .orElseThrow(
            () -> new ModelException(model.path() + ": no vocabulary; give the prompt by --ids"));
  }

  private Map<String, String> environment() {
    Map<String, String> environment = Environment.of();
    environment.put(
        "date",
        OffsetDateTime.now(ZoneId.systemDefault()).truncatedTo(ChronoUnit.SECONDS).toString());
    environment.put("revision", revision());
    environment.put(
        "command",
        "fastgpt-compare "
            + spec.commandLine().getParseResult().originalArgs().stream()
                .map(SpeedCommand::quoted)
                .collect(Collectors.joining(" ")));
    return environment;
  }

  private static String quoted(String argument) {
    return argument.matches("[\\w./=,:-]+") ? argument : "'" + argument.replace("'", "'\\''") + "'";
  }

  /** The revision of the sources that this runs from, if they are at hand and Git is. */
  private static String revision() {
    Path root = Golden.data().toAbsolutePath().normalize().getParent();
    String commit = git(root, "rev-parse", "HEAD");
    return commit.isEmpty()
        ? "not known"
        : commit + (git(root, "status", "--porcelain").isEmpty() ? "" : ", with changes");
  }

  private static String git(Path root, String... arguments) {
    var words = new ArrayList<>(List.of("git", "-C", root.toString()));
    words.addAll(List.of(arguments));
    try {
      Process git =
          new ProcessBuilder(words).redirectError(ProcessBuilder.Redirect.DISCARD).start();
      try (var output = git.inputReader()) {
        return output.readAllAsString().strip();
      }
    } catch (IOException e) {
      return ""; // no Git here
    }
  }

  /** What makes it a command of the command line. */
  public static final class Extra implements ExtraCommand {
    @Override
    public String name() {
      return "speed";
    }

    @Override
    public Callable<Integer> command(Terminal terminal) {
      return new SpeedCommand(terminal);
    }
  }
}
