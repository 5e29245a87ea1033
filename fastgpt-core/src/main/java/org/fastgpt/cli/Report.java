package org.fastgpt.cli;

import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import org.fastgpt.Engine;
import org.fastgpt.Generator;
import org.fastgpt.GptConfig;
import org.fastgpt.model.Model;
import org.fastgpt.sampling.LogProbabilities.Likely;
import org.fastgpt.sampling.LogProbabilities.Step;
import org.fastgpt.tokenizer.Tokenizer;

/**
 * What fastGPT prints around the text, in its layout, so that the two can be compared by eye or by
 * diff: today's, or that of its first version, which ran an input.dat. All of it goes to standard
 * error.
 */
final class Report {

  private final Terminal terminal;
  private final boolean quiet;
  private final boolean first;
  private long startNanos;
  private Duration startCpu = Duration.ZERO;
  private int tokens;

  /**
   * A report.
   *
   * @param first in the layout of fastGPT's first version
   */
  Report(Terminal terminal, boolean quiet, boolean first) {
    this.terminal = terminal;
    this.quiet = quiet;
    this.first = first;
  }

  /** A line of its own, beside fastGPT's layout. */
  void note(String line) {
    if (!quiet) {
      terminal.say(line);
    }
  }

  /** An empty line, between sections; the first version has fewer. */
  private void gap() {
    if (!first) {
      note("");
    }
  }

  /** A phase begins. */
  void begin(String phase) {
    note(phase);
    startNanos = System.nanoTime();
    startCpu = cpu();
  }

  /** The phase has ended. */
  void done(String more) {
    note(
        String.format(
            Locale.ROOT, "    done. Time: %7.3fs%s", (System.nanoTime() - startNanos) / 1e9, more));
  }

  void loaded(Model model, Engine engine, boolean askedForKernels) {
    done(", Model: " + model.name() + ", Engine: " + engine.name());
    model.note().ifPresent(this::note);
    if (engine.name().equals("core-scalar") && !askedForKernels) {
      note(
          "Slow: the Vector API is off. Start java with --add-modules jdk.incubator.vector, as"
              + " bin/fastgpt does.");
    }
    GptConfig c = engine.config();
    gap();
    note(
        String.format(
            Locale.ROOT,
            "Model parameters:%nn_vocab =%6d%nn_ctx   =%6d%nn_embd  =%6d%nn_layer =%6d%nn_head"
                + "  =%6d%n",
            c.nVocab(),
            c.nCtx(),
            c.nEmbd(),
            c.nLayer(),
            c.nHead()));
  }

  void text(String prompt) {
    note("Input text");
    note(prompt);
    note("");
    begin("Encoding: tokenizing input text into tokens...");
  }

  void input(int[] ids, int n, Optional<Tokenizer> tokenizer) {
    gap();
    note(
        String.format(
            Locale.ROOT,
            "Input parameters:%nn_seq                =%4d%nn_tokens_to_generate =%4d%n",
            ids.length,
            n));
    note("Input tokens:");
    note(columns(ids));
    gap();
    tokenizer.ifPresent(
        t -> {
          note("Decoded input as text:");
          note(t.decode(ids));
          gap();
        });
  }

  /** A new token: the first version shows each as it comes. */
  void token(int id) {
    tokens++;
    if (first) {
      note(String.format(Locale.ROOT, "%12d%12d", tokens, id));
    }
  }

  void finished(Generator.Result result, Optional<String> text, GptConfig config) {
    double wall = (System.nanoTime() - startNanos) / 1e9;
    done(String.format(Locale.ROOT, " (%.2fx)", cpu().minus(startCpu).toNanos() / 1e9 / wall));
    switch (result.stop()) {
      case END_OF_TEXT -> note("Stopped: end of text.");
      case CONTEXT_FULL -> note("Stopped: the context is full, n_ctx = " + config.nCtx() + ".");
      case STOP_TOKEN -> note("Stopped: a stop token.");
      case STOP_STRING -> note("Stopped: a stop string.");
      case CANCELLED -> note("Stopped: interrupted.");
      case LENGTH -> {}
    }
    gap();
    note("Output tokens:");
    note(columns(result.ids()));
    text.ifPresent(
        t -> {
          gap();
          note("Decoded output as text:");
          if (!first) { // there the text itself follows
            note(t);
          }
        });
  }

  /** One token's log probability, and after a bar those of the likeliest. */
  static String line(Step step, Optional<Tokenizer> tokenizer) {
    var line = new StringBuilder(likely(step.chosen(), tokenizer)).append("  |");
    step.top().forEach(likely -> line.append(likely(likely, tokenizer)));
    return line.toString();
  }

  private static String likely(Likely likely, Optional<Tokenizer> tokenizer) {
    String text =
        tokenizer.map(t -> " '" + t.decode(likely.id()).replace("\n", "\\n") + "'").orElse("");
    return String.format(Locale.ROOT, "%6d%s %.4f", likely.id(), text, likely.logProbability());
  }

  /** Six places each, as Fortran's (1000(i6)). */
  private static String columns(int[] ids) {
    var line = new StringBuilder();
    for (int id : ids) {
      line.append(String.format(Locale.ROOT, "%6d", id));
    }
    return line.toString();
  }

  /** Processor time of all threads: divided by the time on the clock, how many were busy. */
  private static Duration cpu() {
    return ProcessHandle.current().info().totalCpuDuration().orElse(Duration.ZERO);
  }
}
