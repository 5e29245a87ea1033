package org.fastgpt.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.fastgpt.Engine;
import org.fastgpt.Generator;
import org.fastgpt.GptConfig;
import org.fastgpt.Session;
import org.fastgpt.core.LogitLens;
import org.fastgpt.inspect.Inspection;
import org.fastgpt.inspect.Inspection.Expectation;
import org.fastgpt.inspect.Inspection.Head;
import org.fastgpt.inspect.Inspector;
import org.fastgpt.model.Model;
import org.fastgpt.tokenizer.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Looks inside a model while it reads a text. */
@Command(
    name = "inspect",
    mixinStandardHelpOptions = true,
    description = {
      "Shows what the model made of each token of a text: how likely it found it, and what it would"
          + " have said; with options also what each block would say, and where each head looks.",
      "log p is natural; rank 1 is the likeliest; bits is the entropy of the model's distribution."
    },
    footer = {
      "",
      "Examples:",
      "  fastgpt inspect \"The quick brown fox\" --lens --attention 0.1",
      "  fastgpt inspect \"ROMEO:\" -n 20 --html page.html",
      "  fastgpt inspect -q --top 3 --json - \"The quick brown fox\" > fox.json"
    })
final class InspectCommand implements Callable<Integer> {

  /** More alternatives than this nobody reads, and finding them is slow. */
  private static final int MOST_TOP = 100;

  /** So long a text can be on a page with the lens and all maps: a few megabytes at most. */
  private static final int WHOLE_PAGE = 64;

  /**
   * So many weights of attention can be on a page, each a byte, in base64: then it has 22 MB. These
   * are all 144 heads of GPT-2 124M for a text of 482 tokens, or 31 heads for a full context.
   */
  static final int MOST_WEIGHTS = 1 << 24;

  private static final String STANDARD_OUTPUT = "-";
  private static final Pattern HEAD = Pattern.compile("([0-9]{1,6})(?:\\.([0-9]{1,6}))?");

  private final Terminal terminal;

  @Mixin private ModelOptions.Run run;
  @Mixin private PromptOptions prompt;

  @Option(
      names = "-n",
      paramLabel = "N",
      defaultValue = "0",
      description =
          "Continue the text greedily by N tokens first; -1: until the context is full (default:"
              + " ${DEFAULT-VALUE}).")
  private int n;

  @Option(
      names = "--top",
      paramLabel = "N",
      defaultValue = "5",
      description =
          "How many of the likeliest tokens to show, at most "
              + MOST_TOP
              + " (default: ${DEFAULT-VALUE}).")
  private int top;

  @Option(
      names = "--lens",
      description = {
        "The logit lens: the embedding and the output of each block, read by ln_f and the head as"
            + " if it were the last. The likeliest next token, its probability, and the rank (#) of"
            + " the token that came."
      })
  private boolean lens;

  @Option(
      names = "--attention",
      paramLabel = "LAYER[.HEAD]",
      split = ",",
      description =
          "Where that head of that layer looks, or all of the layer's; both from 0. Several:"
              + " separated by commas.")
  private List<String> attention = List.of();

  @Option(
      names = "--html",
      paramLabel = "FILE",
      description = {
        "Also write one page with all of it, which needs nothing else. Of a text longer than "
            + WHOLE_PAGE
            + " tokens it has the lens and the maps only if --lens and --attention ask for them;"
            + " of maps, at most "
            + MOST_WEIGHTS
            + " weights."
      })
  private Path html;

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description =
          "Also write it as a JSON object; -: on standard output, and nothing else there.")
  private String json;

  @Option(names = "--bos", description = "Put end-of-text before the text.")
  private boolean bos;

  @Option(names = "--ids", description = "Token ids instead of text.")
  private boolean asIds;

  @Option(
      names = {"-q", "--quiet"},
      description = "Nothing on standard error.")
  private boolean quiet;

  InspectCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws IOException {
    check();
    String text = prompt.text(terminal);
    try (Model model = run.model.open(terminal, quiet);
        Engine engine = run.open(model);
        Session session = engine.newSession()) {
      GptConfig config = engine.config();
      Optional<Tokenizer> tokenizer =
          asIds ? model.tokenizer() : Optional.of(model.requireTokenizer());
      Set<Head> heads = heads(config);
      int[] prompt = promptIds(text, tokenizer, config);
      checkPage(heads.size(), config, prompt.length);
      int[] ids = continued(session, config, prompt);
      boolean whole = html != null && ids.length <= WHOLE_PAGE;
      Inspection inspection;
      try (LogitLens logitLens = lens || whole ? new LogitLens(model, run.options()) : null) {
        inspection =
            Inspector.inspect(
                session,
                config,
                ids,
                top,
                Optional.ofNullable(logitLens),
                heads.isEmpty() && whole ? all(config) : heads);
      }
      checkShown(inspection, heads, engine);
      new Output(model, engine, tokenizer, prompt.length, inspection).print(heads);
    }
    return ExitCode.OK;
  }

  /** Refuses what can be known to be wrong before the model is loaded. */
  private void check() {
    if (n < -1) {
      throw new IllegalArgumentException("-n " + n + ": a number of tokens expected, or -1");
    }
    if (top < 0 || top > MOST_TOP) {
      throw new IllegalArgumentException(
          "--top " + top + ": a number in [0, " + MOST_TOP + "] expected");
    }
  }

  private Set<Head> heads(GptConfig config) {
    var heads = new TreeSet<Head>();
    for (String name : attention) {
      Matcher matcher = HEAD.matcher(name);
      if (!matcher.matches()) {
        throw new IllegalArgumentException(
            "--attention " + name + ": LAYER or LAYER.HEAD expected, such as 0 or 0.1");
      }
      int layer = checked(name, "layer", matcher.group(1), config.nLayer());
      if (matcher.group(2) != null) {
        heads.add(new Head(layer, checked(name, "head", matcher.group(2), config.nHead())));
      } else {
        IntStream.range(0, config.nHead()).forEach(h -> heads.add(new Head(layer, h)));
      }
    }
    return heads;
  }

  private static int checked(String name, String what, String number, int end) {
    int value = Integer.parseInt(number);
    if (value >= end) {
      throw new IllegalArgumentException(
          "--attention %s: %s %d is not in [0, %d]".formatted(name, what, value, end - 1));
    }
    return value;
  }

  private static Set<Head> all(GptConfig config) {
    var heads = new TreeSet<Head>();
    for (int l = 0; l < config.nLayer(); l++) {
      for (int h = 0; h < config.nHead(); h++) {
        heads.add(new Head(l, h));
      }
    }
    return heads;
  }

  private int[] promptIds(String text, Optional<Tokenizer> tokenizer, GptConfig config) {
    int[] ids = asIds ? PromptOptions.ids(text) : tokenizer.orElseThrow().encode(text);
    if (bos) {
      if (config.eosTokenId() < 0) {
        throw new IllegalArgumentException("this model has no end-of-text token to start from");
      }
      ids = IntStream.concat(IntStream.of(config.eosTokenId()), IntStream.of(ids)).toArray();
    }
    if (ids.length > config.nCtx()) {
      throw new IllegalArgumentException(
          "the text of "
              + ids.length
              + " tokens is too long to be seen at once: n_ctx = "
              + config.nCtx()
              + "; shorten it");
    }
    config.checkIds(ids);
    return ids;
  }

  /**
   * Refuses a page that would be too large, before anything is computed: the text may grow to all
   * that was asked for.
   */
  private void checkPage(int heads, GptConfig config, int promptTokens) {
    long length = n < 0 ? config.nCtx() : Math.min(config.nCtx(), (long) promptTokens + n);
    long weights = heads * (length * (length + 1) / 2);
    if (html != null && weights > MOST_WEIGHTS) {
      throw new IllegalArgumentException(
          "--html: the attention of "
              + heads
              + (heads == 1 ? " head" : " heads")
              + " over "
              + length
              + " tokens has "
              + weights
              + " weights, and a page at most "
              + MOST_WEIGHTS
              + ": name fewer heads with --attention LAYER.HEAD, shorten the text, or write --json"
              + " instead");
    }
  }

  private int[] continued(Session session, GptConfig config, int[] prompt) {
    if (n == 0) {
      return prompt;
    }
    try (var _ = new Interrupt()) {
      int[] more =
          new Generator(true, true)
              .generate(session, config, prompt, n, _ -> !Interrupt.happened())
              .ids();
      return IntStream.concat(IntStream.of(prompt), IntStream.of(more)).toArray();
    }
  }

  /** What was asked for by name must be there; what only the page would have had may be missing. */
  private void checkShown(Inspection inspection, Set<Head> heads, Engine engine) {
    var missing = new ArrayList<String>();
    if (lens && inspection.lens().isEmpty()) {
      missing.add("h.0 (--lens)");
    }
    if (!inspection.attention().keySet().containsAll(heads)) {
      missing.add("h.0.attn.softmax (--attention)");
    }
    if (!missing.isEmpty()) {
      throw new IllegalArgumentException(
          "engine "
              + engine.name()
              + " does not show activations such as "
              + String.join(", ", missing)
              + "; --engine core does");
    }
  }

  /** The result, in each form that is asked for. */
  private final class Output {
    private final Model model;
    private final Engine engine;
    private final Optional<Tokenizer> tokenizer;
    private final int promptTokens;
    private final Inspection inspection;

    Output(
        Model model,
        Engine engine,
        Optional<Tokenizer> tokenizer,
        int promptTokens,
        Inspection inspection) {
      this.model = model;
      this.engine = engine;
      this.tokenizer = tokenizer;
      this.promptTokens = promptTokens;
      this.inspection = inspection;
    }

    void print(Set<Head> heads) throws IOException {
      if (html != null) {
        page();
      }
      Inspection asked = asked(heads);
      if (json != null) {
        json(asked);
      }
      if (!STANDARD_OUTPUT.equals(json)) {
        Ink ink = Ink.of(terminal, System.getenv());
        terminal.out().print(InspectTables.of(asked, new TokenText(tokenizer), ink));
        terminal.out().println();
        terminal.out().println(summary());
      }
    }

    /** Without what is there for the page's sake. */
    private Inspection asked(Set<Head> heads) {
      var maps = new TreeMap<>(inspection.attention());
      maps.keySet().retainAll(heads);
      return new Inspection(
          inspection.ids(), inspection.expectations(), lens ? inspection.lens() : List.of(), maps);
    }

    private void json(Inspection asked) throws IOException {
      var about = new LinkedHashMap<String, Object>();
      about.put("model", model.name());
      about.put("engine", engine.name());
      about.put("prompt_tokens", promptTokens);
      String object = new InspectJson(tokenizer).of(asked, about);
      if (json.equals(STANDARD_OUTPUT)) {
        terminal.out().println(object);
      } else {
        write(Path.of(json), object + "\n");
      }
    }

    private void page() throws IOException {
      String missing = missing();
      write(
          html,
          InspectPage.of(
              inspection,
              new TokenText(tokenizer),
              promptTokens,
              "Inside " + model.name(),
              summary() + " Engine " + engine.name() + ".",
              missing));
      boolean all = !inspection.lens().isEmpty() && !inspection.attention().isEmpty();
      if (!all && !quiet) {
        terminal.say(missing);
      }
    }

    /** Why the page lacks something, if it does. */
    private String missing() {
      int length = inspection.ids().length;
      return length > WHOLE_PAGE
          ? "A text of more than "
              + WHOLE_PAGE
              + " tokens, here "
              + length
              + ": the page has the logit lens and the attention of heads only where --lens and"
              + " --attention LAYER.HEAD ask for them."
          : "Engine " + engine.name() + " does not show what the page would have here.";
    }

    private String summary() {
      int length = inspection.ids().length;
      double sum = 0;
      for (int t = 1; t < length; t++) {
        sum += inspection.of(t).map(Expectation::logProbability).orElseThrow();
      }
      String own =
          promptTokens == length
              ? ""
              : ", the last " + (length - promptTokens) + " by the model itself";
      String scores =
          length < 2
              ? "."
              : String.format(
                  Locale.ROOT,
                  "; mean log p %.4f, perplexity %.4f.",
                  sum / (length - 1),
                  StrictMath.exp(-sum / (length - 1)));
      return length + (length == 1 ? " token" : " tokens") + own + scores;
    }
  }

  /** First beside it, so that a file of that name is whole or not there. */
  private void write(Path file, String text) throws IOException {
    Path part = file.resolveSibling(file.getFileName() + ".part");
    try {
      Files.writeString(part, text, StandardCharsets.UTF_8);
    } catch (NoSuchFileException e) {
      throw new IllegalArgumentException(file + ": no such folder", e);
    }
    Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    if (!quiet) {
      terminal.say("Wrote " + file + ".");
    }
  }
}
