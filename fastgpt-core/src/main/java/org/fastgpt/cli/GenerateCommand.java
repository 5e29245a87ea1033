package org.fastgpt.cli;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.fastgpt.Engine;
import org.fastgpt.Generator;
import org.fastgpt.GptConfig;
import org.fastgpt.Session;
import org.fastgpt.model.InputDat;
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
  @Mixin private InputOptions input;

  @Option(
      names = {"-n", "--max-new-tokens", "--n-predict", "--n_tokens_to_generate"},
      paramLabel = "N",
      description =
          "How many tokens; -1: until the context is full (default: as --input says, or 20).")
  private Integer n;

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

  GenerateCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws IOException {
    if (n != null && n < -1) {
      throw new IllegalArgumentException("-n " + n + ": a number of tokens expected, or -1");
    }
    Optional<InputDat> dat = input.read(prompt, terminal, quiet || json);
    String text = dat.isPresent() ? "" : prompt.text(terminal);
    int wanted = n != null ? n : dat.map(InputDat::n).orElse(InputDat.DEFAULT_N);
    var report = new Report(terminal, quiet || json, dat.isPresent());
    report.begin("Loading the model...");
    try (Model model = run.model.open(terminal, quiet || json);
        Engine engine = run.open(model);
        Session session = engine.newSession()) {
      report.loaded(model, engine, run.askedForKernels());
      Optional<Tokenizer> tokenizer =
          asIds ? model.tokenizer() : Optional.of(model.requireTokenizer());
      int[] ids = promptIds(report, dat, text, tokenizer, engine.config());
      Generator.checkRoom(engine.config(), ids.length);
      report.input(ids, wanted, tokenizer);
      var output = new Output(tokenizer, report, dat.isPresent() && !quiet);
      generate(report, output, session, engine, model, tokenizer, ids, wanted);
    }
    return 0;
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
      Output output,
      Session session,
      Engine engine,
      Model model,
      Optional<Tokenizer> tokenizer,
      int[] ids,
      int wanted) {
    report.begin("Running model...");
    long start = System.nanoTime();
    Generator.Result result;
    try (var _ = new Interrupt()) {
      result =
          new Generator(!noCache, !ignoreEos)
              .generate(session, engine.config(), ids, wanted, output::accept);
      output.end();
    }
    report.finished(result, tokenizer, engine.config());
    output.release();
    if (json) {
      printJson(model, engine, tokenizer, ids, result, System.nanoTime() - start);
    }
  }

  private void printJson(
      Model model,
      Engine engine,
      Optional<Tokenizer> tokenizer,
      int[] ids,
      Generator.Result result,
      long elapsedNanos) {
    var object = new LinkedHashMap<String, Object>();
    object.put("model", model.name());
    object.put("engine", engine.name());
    tokenizer.ifPresent(t -> object.put("prompt", t.decode(ids)));
    object.put("prompt_ids", ids);
    object.put("new_ids", result.ids());
    tokenizer.ifPresent(t -> object.put("text", t.decode(result.ids())));
    object.put("stop", result.stop().name().toLowerCase(Locale.ROOT));
    object.put("seconds", elapsedNanos / 1e9);
    try {
      terminal.out().println(JSON.std.asString(object));
    } catch (IOException e) {
      throw new AssertionError("writing to a string", e);
    }
  }

  /** The new text, as it comes, or held until the report has come to it, on standard output. */
  private final class Output {
    private final Optional<StreamDecoder> decoder;
    private final Report report;
    private final boolean held;
    private final StringBuilder text = new StringBuilder();
    private boolean first = true;

    Output(Optional<Tokenizer> tokenizer, Report report, boolean held) {
      this.report = report;
      this.held = held;
      decoder = asIds ? Optional.empty() : tokenizer.map(StreamDecoder::new);
    }

    /** Prints a token; false when nobody wants to read on. */
    boolean accept(int id) {
      report.token(id);
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

    private void print(String more) {
      text.append(more);
      if (!held) {
        release();
      }
    }

    void release() {
      terminal.out().print(text);
      terminal.out().flush();
      text.setLength(0);
    }
  }
}
