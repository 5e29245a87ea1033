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
import java.util.UUID;
import java.util.concurrent.Callable;
import org.fastgpt.BatchRunner;
import org.fastgpt.Engine;
import org.fastgpt.model.Model;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Continues many prompts. */
@Command(
    name = "batch",
    mixinStandardHelpOptions = true,
    description = {
      "Continues many prompts, greedily, some at a time: they share each reading of the weights.",
      "A prompt is a line with a JSON object: {\"prompt\": \"text\"} or {\"prompt_ids\": [464,"
          + " 3290]}, with \"id\" and \"n\" (or \"max_new_tokens\") if wanted. Each gives a line"
          + " in the same order, an unusable one its \"error\"; the exit code is then 1.",
      "Interrupted, the same command goes on where it was: results are in FILE.part until all are"
          + " there. Not so from standard input or to standard output."
    },
    footer = {
      "",
      "Examples:",
      "  fastgpt batch -f prompts.jsonl -o continued.jsonl -n 50",
      "  echo '{\"prompt\": \"The dog\"}' | fastgpt batch -q"
    })
final class BatchCommand implements Callable<Integer> {

  private static final String STANDARD = "-";

  private final Terminal terminal;

  @Mixin private ModelOptions.Run run;

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
      names = {"-n", "--max-new-tokens"},
      paramLabel = "N",
      defaultValue = "20",
      description =
          "How many tokens, where a prompt does not say; -1: until the context is full (default:"
              + " ${DEFAULT-VALUE}).")
  private int n;

  @Option(
      names = "--batch-size",
      paramLabel = "N",
      defaultValue = "8",
      description = "How many prompts at a time (default: ${DEFAULT-VALUE}).")
  private int batchSize;

  @Option(names = "--ignore-eos", description = "Go on after end-of-text.")
  private boolean ignoreEos;

  @Option(
      names = {"-q", "--quiet"},
      description = "No progress, only what is wrong.")
  private boolean quiet;

  private int count = -1; // of the prompts; -1: not known

  BatchCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws IOException {
    check();
    try (Model model = run.model.open(terminal, quiet);
        Engine engine = run.open(model);
        BatchOutput output = output(model, engine);
        InputStream stream = in.equals(STANDARD) ? terminal.in() : open()) {
      var input =
          new BatchInput(
              stream,
              engine.config(),
              model.tokenizer(),
              n,
              !ignoreEos,
              _ -> !Interrupt.happened());
      input.skip(output.lines());
      try (var _ = new Interrupt();
          var progress = new ProgressLine(terminal, quiet || count < 0, "Batch", "texts", 1)) {
        new BatchJob(input, output, model.tokenizer(), this::isWrong, () -> show(progress, output))
            .run(new BatchRunner(engine, batchSize));
      }
      return finish(output);
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private void check() {
    if (n < -1) {
      throw new IllegalArgumentException("-n " + n + ": a number of tokens expected, or -1");
    }
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
      return new BatchOutput(terminal.out());
    }
    var job = new LinkedHashMap<String, Object>();
    job.put("prompts", hash);
    job.put("model", model.path().toAbsolutePath().normalize().toString());
    job.put("engine", engine.name());
    job.put("n", n);
    job.put("ignore_eos", ignoreEos);
    return new BatchOutput(Path.of(out), JSON.std.asString(job));
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
    if (output.errors() == 0) {
      return ExitCode.OK;
    }
    terminal.say("fastgpt: " + output.errors() + " of " + output.lines() + " prompts not usable");
    return ExitCode.SOFTWARE;
  }
}
