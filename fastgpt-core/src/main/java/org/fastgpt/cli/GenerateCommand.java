package org.fastgpt.cli;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.fastgpt.Engine;
import org.fastgpt.Generator;
import org.fastgpt.GptConfig;
import org.fastgpt.Session;
import org.fastgpt.cli.Timings.Phase;
import org.fastgpt.core.CoreProvider;
import org.fastgpt.model.Model;
import org.fastgpt.tokenizer.StreamDecoder;
import org.fastgpt.tokenizer.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Continues a prompt. */
@Command(
    name = "generate",
    mixinStandardHelpOptions = true,
    description = {
      "Continues a prompt, greedily. The new text goes to standard output, all else to standard"
          + " error.",
      "This is the default command: 'generate' may be left out."
    },
    footer = {
      "",
      "Examples:",
      "  fastgpt \"Alan Turing theorized that computers would one day become\" -n 20",
      "  fastgpt -q -f prompt.txt -n -1 > continued.txt",
      "  fastgpt -m synthetic-124M --ids \"464 3290\" -n 5"
    })
final class GenerateCommand implements Callable<Integer> {

  private final Terminal terminal;

  @Mixin private ModelOptions.Run run;
  @Mixin private PromptOptions prompt;

  @Option(
      names = {"-n", "--max-new-tokens", "--n-predict", "--n_tokens_to_generate"},
      paramLabel = "N",
      defaultValue = "20",
      description = "How many tokens; -1: until the context is full (default: ${DEFAULT-VALUE}).")
  private int n;

  @Option(
      names = "--no-cache",
      description = "Process the whole sequence for every token, without the KV cache.")
  private boolean noCache;

  @Option(names = "--ignore-eos", description = "Go on after end-of-text.")
  private boolean ignoreEos;

  @Option(names = "--ids", description = "Token ids instead of text, in and out.")
  private boolean asIds;

  @Option(
      names = {"-q", "--quiet"},
      description = "Only the new text.")
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
    if (n < -1) {
      throw new IllegalArgumentException("-n " + n + ": a number of tokens expected, or -1");
    }
    String text = prompt.text(terminal);
    var report = new Report(terminal, quiet || json);
    timings.end(Phase.ARGUMENTS);
    report.begin("Loading the model...");
    try (Model model = run.model.open(terminal, quiet || json);
        Engine engine = run.open(model);
        Session session = engine.newSession()) {
      timings.end(Phase.LOAD);
      report.loaded(model, engine, run.askedForKernels());
      timings.end(Phase.OTHER);
      Optional<Tokenizer> tokenizer =
          asIds ? model.tokenizer() : Optional.of(model.requireTokenizer());
      int[] ids = promptIds(report, text, tokenizer, engine.config());
      timings.end(Phase.TOKENIZER);
      Generator.checkRoom(engine.config(), ids.length);
      report.input(ids, n, tokenizer);
      generate(report, session, engine, model, tokenizer, ids);
    }
    return 0;
  }

  private int[] promptIds(
      Report report, String text, Optional<Tokenizer> tokenizer, GptConfig config) {
    int[] ids;
    if (asIds) {
      ids = PromptOptions.ids(text);
    } else {
      report.text(text);
      ids = tokenizer.orElseThrow().encode(text);
      report.done("");
    }
    if (ids.length > 0) {
      return ids;
    }
    if (config.eosTokenId() < 0) {
      throw new IllegalArgumentException(
          "the prompt is empty, and this model has no end-of-text token to start from");
    }
    report.note("The prompt is empty: starting from end-of-text.");
    return new int[] {config.eosTokenId()};
  }

  private void generate(
      Report report,
      Session session,
      Engine engine,
      Model model,
      Optional<Tokenizer> tokenizer,
      int[] ids) {
    var output = new Output(tokenizer);
    report.begin("Running model...");
    timings.end(Phase.OTHER);
    long start = System.nanoTime();
    long waited = CoreProvider.warmUpWaitNanos();
    Generator.Result result;
    try (var _ = new Interrupt()) {
      result =
          new Generator(!noCache, !ignoreEos)
              .generate(session, engine.config(), ids, n, output::accept);
      timings.generated(CoreProvider.warmUpWaitNanos() - waited);
      output.end();
    }
    long elapsedNanos = System.nanoTime() - start;
    report.finished(result, tokenizer, engine.config());
    List<Timings.Row> rows = timed ? timings.rows(ProcessAge.nanos(), ids.length) : List.of();
    if (json) {
      printJson(model, engine, tokenizer, ids, result, elapsedNanos, rows);
    } else if (timed) {
      terminal.say(Timings.table(rows));
    }
  }

  private void printJson(
      Model model,
      Engine engine,
      Optional<Tokenizer> tokenizer,
      int[] ids,
      Generator.Result result,
      long elapsedNanos,
      List<Timings.Row> rows) {
    var object = new LinkedHashMap<String, Object>();
    object.put("model", model.name());
    object.put("engine", engine.name());
    tokenizer.ifPresent(t -> object.put("prompt", t.decode(ids)));
    object.put("prompt_ids", ids);
    object.put("new_ids", result.ids());
    tokenizer.ifPresent(t -> object.put("text", t.decode(result.ids())));
    object.put("stop", result.stop().name().toLowerCase(Locale.ROOT));
    object.put("seconds", elapsedNanos / 1e9);
    if (timed) {
      object.put("timings", Timings.object(rows));
    }
    try {
      terminal.out().println(JSON.std.asString(object));
    } catch (IOException e) {
      throw new AssertionError("writing to a string", e);
    }
  }

  /** The new text, as it comes, on standard output. */
  private final class Output {
    private final Optional<StreamDecoder> decoder;
    private boolean first = true;

    Output(Optional<Tokenizer> tokenizer) {
      decoder = asIds ? Optional.empty() : tokenizer.map(StreamDecoder::new);
    }

    /** Prints a token; false when nobody wants to read on. */
    boolean accept(int id) {
      timings.token();
      if (json) {
        return !Interrupt.happened();
      }
      String separator = first ? "" : " ";
      print(decoder.map(d -> d.push(id)).orElse(separator + id));
      first = false;
      return !Interrupt.happened() && !terminal.out().checkError();
    }

    void end() {
      if (!json) {
        print(decoder.map(StreamDecoder::flush).orElse("") + System.lineSeparator());
      }
    }

    private void print(String text) {
      terminal.out().print(text);
      terminal.out().flush();
    }
  }
}
