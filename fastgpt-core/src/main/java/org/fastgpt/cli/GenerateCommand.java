package org.fastgpt.cli;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.fastgpt.BatchRunner;
import org.fastgpt.Chooser;
import org.fastgpt.Engine;
import org.fastgpt.Generator;
import org.fastgpt.GptConfig;
import org.fastgpt.Promise;
import org.fastgpt.Session;
import org.fastgpt.TextPieces;
import org.fastgpt.cli.Timings.Phase;
import org.fastgpt.core.CoreProvider;
import org.fastgpt.model.InputDat;
import org.fastgpt.model.Model;
import org.fastgpt.sampling.BeamSearch.Hypothesis;
import org.fastgpt.sampling.LogProbabilities;
import org.fastgpt.sampling.Penalties;
import org.fastgpt.sampling.Sampler;
import org.fastgpt.sampling.Warping;
import org.fastgpt.tokenizer.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Continues a prompt. */
@Command(
    name = "generate",
    mixinStandardHelpOptions = true,
    description = {
      "Continues a prompt: greedily, or by sampling or a search if an option says so. The new text"
          + " goes to standard output, all else to standard error.",
      "This is the default command: 'generate' may be left out."
    },
    footer = {
      "",
      "Examples:",
      "  fastgpt \"Alan Turing theorized that computers would one day become\" -n 20",
      "  fastgpt \"ROMEO:\" -n 60 --temp 0.8 --top-p 0.95 --seed 1 --stop \"JULIET:\"",
      "  fastgpt \"ROMEO:\" --num-beams 4 --num-return-sequences 2",
      "  fastgpt \"ROMEO:\" --temp 0.8 --seed 1 --num-return-sequences 4",
      "  fastgpt -q -f prompt.txt -n -1 > continued.txt",
      "  fastgpt -m synthetic-124M --ids \"464 3290\" -n 5"
    })
final class GenerateCommand implements Callable<Integer> {

  private static final int ROWS = 8; // of several texts, so many at a time

  private final Terminal terminal;

  @Mixin private ModelOptions.Run run;
  @Mixin private PromptOptions prompt;
  @Mixin private InputOptions input;
  @Mixin private StopOptions stop;
  @Mixin private SamplingOptions sampling;
  @Mixin private SearchOptions search;

  @Option(
      names = "--draft",
      paramLabel = "HOW",
      defaultValue = "off",
      description =
          "prompt-lookup: guess tokens from repetitions in the text and check them in one pass; the"
              + " text stays the same. off: no guesses (default).")
  private String draft;

  @Option(
      names = "--draft-max",
      paramLabel = "N",
      defaultValue = "7",
      description = "How many tokens are guessed at once at most (default: ${DEFAULT-VALUE}).")
  private int draftMax;

  @Option(
      names = "--no-cache",
      description = "Process the whole sequence for every token, without the KV cache.")
  private boolean noCache;

  @Option(
      names = "--top-logprobs",
      paramLabel = "N",
      description = "Show each token's log probability and the N likeliest, by the model alone.")
  private Integer topLogProbs;

  @Option(names = "--ids", description = "Token ids instead of text, in and out.")
  private boolean asIds;

  @Option(
      names = {"-q", "--quiet"},
      description = "Only the new text (on standard error a seed that was drawn).")
  private boolean quiet;

  @Option(names = "--json", description = "One JSON object on standard output, nothing else.")
  private boolean json;

  @Option(
      names = "--timings",
      description = "Where the time went, on standard error; with --json in the object.")
  private boolean timed;

  private final Timings timings = new Timings(System::nanoTime, Main.STARTED_NANOS);

  GenerateCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws IOException {
    check();
    Optional<InputDat> dat = input.read(prompt, terminal, quiet || json);
    String text = dat.isPresent() ? "" : prompt.text(terminal);
    int n = stop.n(dat.map(InputDat::n).orElse(InputDat.DEFAULT_N));
    var report = new Report(terminal, quiet || json, dat.isPresent());
    timings.end(Phase.ARGUMENTS);
    report.begin("Loading the model...");
    try (Model model = run.model.open(terminal, quiet || json);
        Engine engine = run.open(model)) {
      timings.end(Phase.LOAD);
      report.loaded(model, engine, run.askedForKernels());
      timings.end(Phase.OTHER);
      Optional<Tokenizer> tokenizer = tokenizer(model);
      stop.check(engine.config());
      int[] ids = promptIds(report, dat, text, tokenizer, engine.config());
      timings.end(Phase.TOKENIZER);
      if (!stop.slides()) {
        Generator.checkRoom(engine.config(), ids.length);
      }
      report.input(ids, n, tokenizer);
      var task =
          new Task(
              report,
              engine,
              tokenizer,
              ids,
              n,
              dat.isPresent() && !quiet,
              sampling.penalties(model::requireTokenizer),
              new Answer(model, engine, tokenizer, ids));
      if (search.beams()) {
        beams(task);
      } else if (search.draws()) {
        several(task);
      } else {
        generate(task);
      }
      if (json) {
        terminal.out().println(task.answer.json());
      }
    }
    return 0;
  }

  /** Refuses what can be known to be wrong before the model is loaded. */
  private void check() {
    stop.check();
    search.check(sampling);
    sampling.warping();
    sampling.seed();
    boolean drafts = drafts();
    SearchOptions.conflict("--draft", drafts, "--no-cache", noCache);
    SearchOptions.conflict("--draft", drafts, "--penalty-alpha", search.contrastive());
    SearchOptions.conflict("--num-beams", search.beams(), "--stop", !stop.strings().isEmpty());
    boolean many = search.beams() || search.draws();
    String several = search.beams() ? "--num-beams" : "--num-return-sequences";
    SearchOptions.conflict("--draft", drafts, several, many);
    SearchOptions.conflict(several, many, "--no-cache", noCache);
    SearchOptions.conflict("--num-beams", search.beams(), "--top-logprobs", topLogProbs != null);
    SearchOptions.conflict("--num-beams", search.beams(), "--on-overflow truncate", stop.slides());
    SearchOptions.conflict(several, many, "--timings", timed);
    SearchOptions.conflict("--ids", asIds, "--stop", !stop.strings().isEmpty());
  }

  private boolean drafts() {
    if (draftMax < 1) {
      throw new IllegalArgumentException("--draft-max " + draftMax + ": a number ≥ 1 expected");
    }
    return switch (draft) {
      case "off" -> false;
      case "prompt-lookup" -> true;
      default ->
          throw new IllegalArgumentException(
              "--draft " + draft + ": prompt-lookup or off expected");
    };
  }

  /** What is needed of it: with ids in and out, and nothing else to show, none. */
  private Optional<Tokenizer> tokenizer(Model model) {
    if (!asIds) {
      return Optional.of(model.requireTokenizer());
    }
    return quiet && !json && topLogProbs == null ? Optional.empty() : model.tokenizer();
  }

  private int[] promptIds(
      Report report,
      Optional<InputDat> dat,
      String text,
      Optional<Tokenizer> tokenizer,
      GptConfig config) {
    int[] ids;
    if (dat.isPresent()) {
      ids = dat.get().ids();
    } else if (asIds) {
      ids = PromptOptions.ids(text);
    } else {
      report.text(text);
      ids = tokenizer.orElseThrow().encode(text);
      report.done("");
    }
    int[] start = Generator.orEndOfText(config, ids);
    if (ids.length == 0) {
      report.note("The prompt is empty: starting from end-of-text.");
    }
    return start;
  }

  private void generate(Task task) {
    GptConfig config = task.engine.config();
    var output =
        new TextOutput(
            terminal,
            json,
            asIds,
            task.held,
            task.tokenizer.map(t -> new TextPieces(t, stop.strings())));
    try (Session session = task.engine.newSession();
        var _ = new Interrupt()) {
      Chooser chooser = chooser(task, session);
      var watch =
          Optional.ofNullable(topLogProbs)
              .map(top -> new LogProbabilities(chooser, top, config.nVocab()));
      Generator generator = generator(task, watch.isPresent() ? watch.get() : chooser);
      task.report.begin("Running model...");
      timings.end(Phase.OTHER);
      long waited = CoreProvider.warmUpWaitNanos();
      var generated =
          generator.generate(
              session,
              config,
              task.ids,
              task.n,
              id -> {
                timings.token();
                task.report.token(id);
                return output.accept(id);
              });
      timings.generated(CoreProvider.warmUpWaitNanos() - waited);
      Generator.Result result = output.end(generated);
      sayLeftOut(result.left());
      task.report.finished(result, task.tokenizer.map(_ -> output.text()), config);
      output.release();
      task.answer.result(result, output.text());
      watch.ifPresent(w -> logProbabilities(w.steps(), task));
      if (timed) {
        timings(task);
      }
    }
  }

  private void timings(Task task) {
    List<Timings.Row> rows = timings.rows(ProcessAge.nanos(), task.ids.length);
    task.answer.timings(Timings.object(rows));
    if (!json) {
      terminal.say(Timings.table(rows));
    }
  }

  private Chooser chooser(Task task, Session session) {
    GptConfig config = task.engine.config();
    if (search.contrastive()) {
      return search.contrastiveSearch(
          session, config, task.penalties, sampling.topK().orElseThrow());
    }
    return Sampler.of(config, task.penalties, sampling.warping(), () -> seed(task));
  }

  /** The seed that was given, or one that is drawn, and then said aloud. */
  private long seed(Task task) {
    long seed = sampling.seed().orElseGet(Sampler::freshSeed);
    if (sampling.seed().isEmpty() && !json) {
      terminal.say("Seed: " + seed);
    }
    task.answer.seed(seed);
    return seed;
  }

  private Generator generator(Task task, Chooser chooser) {
    var generator =
        new Generator(!noCache, stop.atEndOfText(), stop.tokens(), chooser, stop.slides(), 0);
    if (!drafts()) {
      return generator;
    }
    if (!task.engine.promises().contains(Promise.SAME_BITS_HOWEVER_SPLIT)) {
      task.report.note(
          "No drafts: engine "
              + task.engine.name()
              + " does not promise that they leave the text as it is.");
      return generator;
    }
    return generator.drafting(draftMax);
  }

  private void sayLeftOut(int tokens) {
    if (tokens > 0 && !json) {
      terminal.say("The context was full: its oldest " + tokens + " tokens were left out.");
    }
  }

  private void logProbabilities(List<LogProbabilities.Step> steps, Task task) {
    task.answer.logProbabilities(steps);
    if (!json) {
      steps.forEach(step -> terminal.say(Report.line(step, task.tokenizer)));
    }
  }

  /** Texts drawn by several seeds, from one reading of the prompt. */
  private void several(Task task) {
    GptConfig config = task.engine.config();
    Warping warping = sampling.warping();
    long seed = seed(task);
    var sampler = new Sampler(config, task.penalties, warping, seed);
    Optional<LogProbabilities> watch =
        Optional.ofNullable(topLogProbs)
            .map(top -> new LogProbabilities(sampler, top, config.nVocab()));
    var texts = new ArrayList<Continuation>();
    for (int i = 0; i < search.returned(); i++) {
      long own = Sampler.seed(seed, i);
      Chooser drawing = sampler.another(task.penalties, warping, own);
      Chooser chooser = watch.isPresent() ? watch.get().another(drawing, topLogProbs) : drawing;
      texts.add(
          new Continuation(task.ids, task.n, stop, chooser, OptionalLong.of(own), task.tokenizer));
    }
    Stream<BatchRunner.Request> requests =
        texts.stream().map(Continuation::request).takeWhile(_ -> !Interrupt.happened());
    var results = new ArrayList<Generator.Result>();
    task.report.begin("Running model...");
    var runner = new BatchRunner(task.engine, Math.min(texts.size(), ROWS));
    try (var _ = new Interrupt()) {
      if (task.ids.length < config.nCtx() || !stop.slides()) {
        runner.runForks(task.ids, requests.iterator(), results::add);
      } else { // each leaves out as much of the prompt as its own new tokens need
        runner.run(requests.iterator(), results::add);
      }
    }
    task.report.done("");
    var described = new ArrayList<Map<String, Object>>();
    for (int i = 0; i < results.size(); i++) {
      described.add(texts.get(i).describe(results.get(i)));
      print(texts.get(i), results.get(i), task);
    }
    task.answer.drawn(described);
  }

  private void print(Continuation text, Generator.Result result, Task task) {
    if (!json) {
      task.report.note("Seed: " + text.seed().getAsLong());
      terminal.out().println(asIds ? PromptOptions.join(result.ids()) : text.text());
      terminal.out().flush();
      text.steps().forEach(step -> terminal.say(Report.line(step, task.tokenizer)));
      sayLeftOut(result.left());
    }
  }

  private void beams(Task task) {
    task.report.begin("Running model...");
    List<Hypothesis> found;
    try (var _ = new Interrupt()) {
      found =
          search
              .beamSearch(task.penalties, stop.atEndOfText(), stop.tokens())
              .search(task.engine, task.ids, task.n, () -> !Interrupt.happened());
    }
    task.report.done("");
    List<Hypothesis> best = found.subList(0, Math.min(search.returned(), found.size()));
    task.answer.hypotheses(best);
    if (json) {
      return;
    }
    for (Hypothesis h : best) {
      task.report.note("Score: " + h.score());
      terminal
          .out()
          .println(
              asIds ? PromptOptions.join(h.ids()) : task.tokenizer.orElseThrow().decode(h.ids()));
    }
  }

  /** What one call works on; {@code held}: the text waits until the report has come to it. */
  private record Task(
      Report report,
      Engine engine,
      Optional<Tokenizer> tokenizer,
      int[] ids,
      int n,
      boolean held,
      Penalties penalties,
      Answer answer) {}
}
