package org.fastgpt.cli;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.fastgpt.Engine;
import org.fastgpt.Scorer;
import org.fastgpt.Scores;
import org.fastgpt.Session;
import org.fastgpt.model.Model;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** How unsure a model is of a text. */
@Command(
    name = "perplexity",
    mixinStandardHelpOptions = true,
    description = {
      "Prints a model's perplexity on a text, and how it was measured, without which two figures"
          + " cannot be compared.",
      "As \"Perplexity of fixed-length models\" in HuggingFace's documentation: a window moves over"
          + " the text, and its new tokens are scored."
    },
    footer = {
      "",
      "Examples:",
      "  fastgpt perplexity wiki.test.raw",
      "  fastgpt perplexity --stride 1024 wiki.test.raw",
      "  fastgpt perplexity -q --json -m tiny-shakespeare play.txt"
    })
final class PerplexityCommand implements Callable<Integer> {

  private static final double NATS_PER_BIT = StrictMath.log(2);
  private static final int LINES = 10;

  private final Terminal terminal;

  @Mixin private ModelOptions.Run run;
  @Mixin private WindowOptions window;

  @Parameters(paramLabel = "FILE", description = "The text, UTF-8; - is standard input.")
  private String file;

  @Option(names = "--ids", description = "Token ids instead of text.")
  private boolean asIds;

  @Option(
      names = {"-q", "--quiet"},
      description = "No progress.")
  private boolean quiet;

  @Option(names = "--json", description = "One JSON object on standard output.")
  private boolean json;

  PerplexityCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws IOException {
    String text = text();
    try (Model model = run.model.open(terminal, quiet);
        Engine engine = run.open(model);
        Session session = engine.newSession()) {
      int[] ids = asIds ? PromptOptions.ids(text) : model.requireTokenizer().encode(text);
      if (ids.length < 2) {
        throw new IllegalArgumentException(
            file
                + ": at least 2 tokens expected, "
                + ids.length
                + " found: the first has no score");
      }
      Scorer scorer = window.scorer(engine.config());
      long start = System.nanoTime();
      Scores scores =
          scorer.score(session, engine.config(), ids, 0, new Progress(ids.length)::show);
      double seconds = (System.nanoTime() - start) / 1e9;
      print(recipe(model, engine, scorer, ids.length, scores, seconds), scorer);
    }
    return 0;
  }

  private String text() throws IOException {
    if (file.equals("-")) {
      return Main.text(terminal.in());
    }
    try {
      return new String(Files.readAllBytes(Path.of(file)), StandardCharsets.UTF_8);
    } catch (NoSuchFileException e) {
      throw new IllegalArgumentException(file + ": no such file", e);
    }
  }

  /** The figure with all that it depends on, by the names of the JSON object. */
  private Map<String, Object> recipe(
      Model model, Engine engine, Scorer scorer, int tokens, Scores scores, double seconds) {
    var recipe = new LinkedHashMap<String, Object>();
    recipe.put("model", model.name());
    recipe.put("engine", engine.name());
    recipe.put("file", file);
    recipe.put("tokens", tokens);
    recipe.put("window", scorer.window());
    recipe.put("stride", scorer.stride());
    recipe.put("scored_tokens", scores.count());
    recipe.put("nats_per_token", -scores.mean());
    recipe.put("bits_per_token", -scores.mean() / NATS_PER_BIT);
    recipe.put("perplexity", scores.perplexity());
    recipe.put("seconds", seconds);
    return recipe;
  }

  private void print(Map<String, Object> recipe, Scorer scorer) throws IOException {
    if (json) {
      terminal.out().println(JSON.std.asString(recipe));
      return;
    }
    recipe.forEach((key, value) -> line(key, shown(value)));
    line("what is scored", whatIsScored(scorer));
  }

  private void line(String key, String value) {
    terminal.out().printf("%-16s%s%n", key, value);
  }

  private static String shown(Object value) {
    return value instanceof Double number
        ? String.format(Locale.ROOT, "%.4f", number)
        : value.toString();
  }

  private static String whatIsScored(Scorer scorer) {
    return scorer.stride() == scorer.window()
        ? "of each window all tokens but the first"
        : "of the first window all tokens but the first, of each later one the new ones, its last "
            + scorer.stride();
  }

  /** A line at each tenth, with the perplexity so far. */
  private final class Progress {
    private final int tokens;
    private long lines; // written so far

    Progress(int tokens) {
      this.tokens = tokens;
    }

    void show(Scores scores) {
      long tenths = (long) scores.count() * LINES / tokens;
      if (!quiet && tenths > lines) {
        lines = tenths;
        terminal.say(
            String.format(
                Locale.ROOT,
                "%d%% of %d tokens: perplexity %.4f so far",
                tenths * 100 / LINES,
                tokens,
                scores.perplexity()));
      }
    }
  }
}
