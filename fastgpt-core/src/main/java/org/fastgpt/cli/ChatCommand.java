package org.fastgpt.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.function.IntFunction;
import org.fastgpt.Chooser;
import org.fastgpt.Engine;
import org.fastgpt.GptConfig;
import org.fastgpt.chat.Chat;
import org.fastgpt.chat.ChatFormat;
import org.fastgpt.model.Model;
import org.fastgpt.sampling.Penalties;
import org.fastgpt.sampling.Sampler;
import org.fastgpt.sampling.Warping;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** A dialogue with the model. */
@Command(
    name = "chat",
    mixinStandardHelpOptions = true,
    description = {
      "Answers questions, as fastGPT's chat does: the model continues a text in which a bot"
          + " answers a user, greedily if no option says otherwise.",
      "At a terminal lines can be edited, and /help lists the commands. From a pipe each line is a"
          + " question or a command; only the answers go to standard output."
    },
    footer = {
      "",
      "Examples:",
      "  fastgpt chat -m 1558M",
      "  echo \"What color does the sky have?\" | fastgpt chat -m 355M -q",
      "  fastgpt chat -p \"Q: 2 + 2?%nA: 4.\" --user-name Q --bot-name A --temp 0.7"
    })
final class ChatCommand implements Callable<Integer> {

  /** Of all of GPT-2's sizes; some files have a few more, as padding. */
  private static final int GPT2_VOCABULARY = 50257;

  private final Terminal terminal;

  @Mixin private ModelOptions.Run run;
  @ArgGroup private Opening opening;
  @Mixin private SamplingOptions sampling;

  /** One of the two. */
  static final class Opening {
    @Option(
        names = {"-p", "--prompt"},
        paramLabel = "TEXT",
        description =
            "The opening, in place of fastGPT's: what the bot is, and some turns to show it.")
    private String text;

    @Option(
        names = {"-f", "--file", "--prompt-file"},
        paramLabel = "FILE",
        description = "A file with the opening, UTF-8.")
    private Path file;
  }

  @Option(
      names = "--user-name",
      paramLabel = "NAME",
      defaultValue = "User",
      description = "Whose lines are the questions (default: ${DEFAULT-VALUE}).")
  private String user;

  @Option(
      names = "--bot-name",
      paramLabel = "NAME",
      defaultValue = "fastGPT",
      description = "Whose lines are the answers (default: ${DEFAULT-VALUE}).")
  private String bot;

  @Option(
      names = {"-n", "--max-new-tokens", "--max_new_tokens", "--n-predict"},
      paramLabel = "N",
      defaultValue = "200",
      description =
          "How many tokens an answer has at most; -1: as many as the context holds (default:"
              + " ${DEFAULT-VALUE}).")
  private int n;

  @Option(
      names = "--on-overflow",
      paramLabel = "WHAT",
      defaultValue = "truncate",
      description =
          "If the chat does not fit the context: truncate (the older half of the turns is left out,"
              + " not the opening; the default), or error (the question is refused).")
  private String onOverflow;

  @Option(
      names = {"-q", "--quiet"},
      description = "Only the answers, and what is wrong.")
  private boolean quiet;

  ChatCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws IOException {
    check();
    var format = new ChatFormat(opening(), user, bot);
    try (Model model = run.model.open(terminal, quiet);
        Engine engine = run.open(model);
        Chat chat = chat(model, engine, format);
        Lines lines =
            terminal.interactive() ? EditedLines.here(terminal) : new PlainLines(terminal, quiet)) {
      if (!quiet) {
        greet(engine.config(), format);
      }
      boolean done = new ChatLoop(terminal, lines, chat, format, quiet).run();
      return done || terminal.interactive() ? ExitCode.OK : ExitCode.USAGE;
    }
  }

  /** Refuses what can be known to be wrong before the model is loaded. */
  private void check() {
    if (n < -1 || n == 0) {
      throw new IllegalArgumentException("-n " + n + ": a number of tokens expected, or -1");
    }
    if (!onOverflow.matches("truncate|error")) {
      throw new IllegalArgumentException(
          "--on-overflow " + onOverflow + ": truncate or error expected");
    }
    sampling.warping();
    sampling.seed();
  }

  private String opening() throws IOException {
    if (opening == null) {
      return ChatFormat.FASTGPT;
    }
    return opening.file == null ? opening.text : PromptOptions.text(opening.file);
  }

  private Chat chat(Model model, Engine engine, ChatFormat format) {
    IntFunction<Chooser> choosers =
        choosers(engine.config(), sampling.penalties(model::requireTokenizer));
    boolean truncates = onOverflow.equals("truncate");
    return new Chat(engine, model.requireTokenizer(), format, n, truncates, choosers);
  }

  /** With one seed, each turn has numbers of its own. */
  private IntFunction<Chooser> choosers(GptConfig config, Penalties penalties) {
    Warping warping = sampling.warping();
    long seed = warping.greedy() ? 0 : seed();
    IntFunction<Chooser> choosers =
        turn -> Sampler.of(config, penalties, warping, () -> Sampler.seed(seed, turn));
    var _ = choosers.apply(0); // refuses, before the first question, tokens that are not there
    return choosers;
  }

  /** The seed that was given, or one that is drawn, and then said aloud. */
  private long seed() {
    return sampling
        .seed()
        .orElseGet(
            () -> {
              long seed = Sampler.freshSeed();
              terminal.say("Seed: " + seed);
              return seed;
            });
  }

  private void greet(GptConfig config, ChatFormat format) {
    if (config.nVocab() < GPT2_VOCABULARY) {
      terminal.say(
          "This model is none of GPT-2's: its answers will make no sense. To get the real one:"
              + " fastgpt download 1558M (smaller ones answer worse).");
    }
    if (terminal.interactive()) {
      terminal.say("/help lists the commands, Ctrl-D ends.");
    }
    if (!format.opening().isEmpty()) {
      terminal.say(format.opening());
    }
  }
}
