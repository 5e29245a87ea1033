package org.fastgpt.cli;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Optional;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.Callable;
import org.fastgpt.BatchRunner;
import org.fastgpt.Engine;
import org.fastgpt.model.InputDat;
import org.fastgpt.model.Model;
import org.fastgpt.sampling.Sampler;
import org.fastgpt.tokenizer.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Continues many prompts. */
@Command(
    name = "batch",
    mixinStandardHelpOptions = true,
    description = {
      "Continues many prompts, some at a time: they share each reading of the weights.",
      "A prompt is a line with a JSON object: {\"prompt\": \"text\"} or {\"prompt_ids\": [464,"
          + " 3290]}, with \"id\" if wanted. Each gives a line in the same order, an unusable one"
          + " its \"error\"; the exit code is then 1.",
      "The options are for lines that do not say otherwise, by HuggingFace's names: n (or"
          + " max_new_tokens), stop (a text or several), do_sample, temperature, top_k, top_p,"
          + " min_p, typical_p, seed, repetition_penalty, presence_penalty, frequency_penalty,"
          + " repeat_last_n, no_repeat_ngram_size, min_new_tokens, top_logprobs.",
      "A text that is drawn says by which \"seed\": 'generate' with that one gives the same text."
          + " Of the first line it is --seed itself, of each other made of it and the line's"
          + " number.",
      "With --on-overflow truncate, a text that does not fit says how many of its oldest tokens"
          + " were left out: \"left_out\".",
      "Interrupted, the same command goes on where it was: results are in FILE.part until all are"
          + " there. Not so from standard input or to standard output."
    },
    footer = {
      "",
      "Examples:",
      "  fastgpt batch -f prompts.jsonl -o continued.jsonl -n 50 --temp 0.8 --seed 1",
      "  echo '{\"prompt\": \"The dog\"}' | fastgpt batch -q"
    })
final class BatchCommand implements Callable<Integer> {

  private static final String STANDARD = "-";
  private static final String DRAWN_SEED = "drawn_seed";

  private final Terminal terminal;

  @Mixin private ModelOptions.Run run;
  @Mixin private StopOptions stop;
  @Mixin private SamplingOptions sampling;

  @Option(
      names = {"-f", "--file"},
      paramLabel = "FILE",
      defaultValue = STANDARD,
      description = "The prompts; -: standard input (the default).")
  private String in;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FILE",
      defaultValue = STANDARD,
      description = "Where results go; -: standard output (the default).")
  private String out;

  @Option(
      names = "--batch-size",
      paramLabel = "N",
      defaultValue = "8",
      description = "How many prompts at a time (default: ${DEFAULT-VALUE}).")
  private int batchSize;

  @Option(
      names = "--top-logprobs",
      paramLabel = "N",
      description =
          "Each token's log probability and the N likeliest, by the model alone, as \"logprobs\".")
  private Integer topLogProbs;

  @Option(
      names = {"-q", "--quiet"},
      description = "No progress, only what is wrong.")
  private boolean quiet;

  private int count = -1; // of the prompts; -1: not known
  private long seed; // of all that are drawn and do not say one
  private boolean seedIsSaid;

  BatchCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws IOException {
    check();
    try (Model model = run.model.open(terminal, quiet);
        Engine engine = run.open(model);
        InputStream stream = in.equals(STANDARD) ? terminal.in() : open()) {
      var input = new BatchInput(stream, model, sampling, stop, topLogProbs, this::seed);
      try (BatchOutput output = output(model, engine)) { // not begun before all options are good
        input.skip(output.lines());
        run(engine, model.tokenizer(), input, output);
        return finish(output);
      }
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private void run(
      Engine engine, Optional<Tokenizer> tokenizer, BatchInput input, BatchOutput output) {
    try (var _ = new Interrupt();
        var progress = new ProgressLine(terminal, quiet || count < 0, "Batch", "texts", 1)) {
      new BatchJob(input, output, tokenizer, this::isWrong, () -> show(progress, output))
          .run(new BatchRunner(engine, batchSize));
    }
  }

  private void check() {
    stop.check();
    sampling.warping();
    sampling.seed();
    if (batchSize < 1) {
      throw new IllegalArgumentException("--batch-size " + batchSize + ": at least 1 expected");
    }
    if (in.equals(STANDARD) && terminal.interactive()) {
      throw new IllegalArgumentException("no prompts: give them with -f, or on standard input");
    }
  }

  private InputStream open() throws IOException {
    try {
      return Files.newInputStream(Path.of(in));
    } catch (NoSuchFileException e) {
      throw new IllegalArgumentException(in + ": no such file", e);
    }
  }

  /** Where the results go; a file of prompts is read through first, and counted. */
  private BatchOutput output(Model model, Engine engine) throws IOException {
    String hash = in.equals(STANDARD) ? UUID.randomUUID().toString() : scan();
    if (out.equals(STANDARD)) {
      seed = sampling.seed().orElseGet(Sampler::freshSeed);
      return new BatchOutput(terminal.out());
    }
    Path file = Path.of(out);
    seed = sampling.seed().orElse(drawnBefore(file).orElseGet(Sampler::freshSeed));
    var job = new LinkedHashMap<String, Object>();
    job.put("prompts", hash);
    job.put("model", model.path().toAbsolutePath().normalize().toString());
    job.put("engine", engine.name());
    job.put("n", stop.n(InputDat.DEFAULT_N));
    job.put("ignore_eos", !stop.atEndOfText());
    job.put("truncate", stop.slides());
    job.put("stop", stop.strings());
    job.put("stop_tokens", new TreeSet<>(stop.tokens()));
    job.put("warping", sampling.warping().toString());
    job.put("penalties", sampling.penalties(model::requireTokenizer).toString());
    job.put("top_logprobs", topLogProbs);
    job.put(sampling.seed().isPresent() ? "seed" : DRAWN_SEED, seed);
    return new BatchOutput(file, JSON.std.asString(job));
  }

  /** The seed of an interrupted run, if it was drawn: it goes on with the same one. */
  private static Optional<Long> drawnBefore(Path file) throws IOException {
    return BatchOutput.begun(file)
        .map(job -> job.get(DRAWN_SEED))
        .filter(Number.class::isInstance)
        .map(drawn -> ((Number) drawn).longValue());
  }

  /** The seed that was given, or one that was drawn, and is said aloud when it is needed. */
  private long seed() {
    if (sampling.seed().isEmpty() && !seedIsSaid) {
      terminal.say("Seed: " + seed);
      seedIsSaid = true;
    }
    return seed;
  }

  private String scan() throws IOException {
    try {
      MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
      try (var stream = new DigestInputStream(open(), sha256)) {
        count = BatchInput.count(stream);
      }
      return "sha256:" + HexFormat.of().formatHex(sha256.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JVM has SHA-256", e);
    }
  }

  private void show(ProgressLine progress, BatchOutput output) {
    progress.update(output.lines(), count);
  }

  private void isWrong(BatchInput.Line line) {
    String name = in.equals(STANDARD) ? "standard input" : in;
    terminal.say("fastgpt: " + name + ", line " + line.number() + ": " + line.error());
  }

  private int finish(BatchOutput output) throws IOException {
    if (Interrupt.happened()) {
      terminal.say("Stopped after " + output.lines() + " texts.");
      return ExitCode.SOFTWARE;
    }
    output.finish();
    if (output.truncated() > 0) {
      terminal.say(
          "The context was full in "
              + output.truncated()
              + " of "
              + output.lines()
              + " texts: their oldest tokens were left out.");
    }
    if (output.errors() == 0) {
      return ExitCode.OK;
    }
    terminal.say("fastgpt: " + output.errors() + " of " + output.lines() + " prompts not usable");
    return ExitCode.SOFTWARE;
  }
}
