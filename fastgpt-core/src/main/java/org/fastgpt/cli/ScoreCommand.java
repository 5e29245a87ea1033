package org.fastgpt.cli;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.fastgpt.Engine;
import org.fastgpt.GptConfig;
import org.fastgpt.Scorer;
import org.fastgpt.Scores;
import org.fastgpt.Session;
import org.fastgpt.model.Model;
import org.fastgpt.tokenizer.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** How likely the model finds given texts. */
@Command(
    name = "score",
    mixinStandardHelpOptions = true,
    description = {
      "Prints the log-probability of each token of a text, or of continuations of contexts: a JSON"
          + " object in a line for each.",
      "logprobs are natural; ranks: 1 is the likeliest token. A token with nothing before it has no"
          + " score: null.",
      "A text longer than the context is refused, but for --window or --stride, which read it as"
          + " 'fastgpt perplexity' does."
    },
    footer = {
      "",
      "Examples:",
      "  fastgpt score --bos \"The quick brown fox\"",
      "  echo '{\"context\": \"The capital of France is\", \"continuation\": \" Paris\"}' | fastgpt"
          + " score --jsonl",
      "  fastgpt score -q --jsonl -f questions.jsonl > scores.jsonl"
    })
final class ScoreCommand implements Callable<Integer> {

  private static final JSON JSON_WITH_NULLS = JSON.std.with(JSON.Feature.WRITE_NULL_PROPERTIES);
  private static final int LONGEST_MESSAGE = 300;

  private final Terminal terminal;

  @Mixin private ModelOptions.Run run;
  @Mixin private PromptOptions input;
  @Mixin private WindowOptions window;

  @Option(
      names = "--jsonl",
      description = {
        "The input is lines {\"text\": \"…\"} or {\"context\": \"…\", \"continuation\": \"…\"}; of"
            + " the latter only the continuation is scored, as lm-evaluation-harness's"
            + " loglikelihood. An empty context is end-of-text."
      })
  private boolean jsonLines;

  @Option(
      names = "--bos",
      description = "Put end-of-text before each text, so that its first token has a score too.")
  private boolean bos;

  @Option(names = "--ids", description = "Token ids instead of text.")
  private boolean asIds;

  @Option(
      names = {"-q", "--quiet"},
      description = "Do not say which model runs.")
  private boolean quiet;

  ScoreCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws IOException {
    String text = input.text(terminal);
    try (Model model = run.model.open(terminal, quiet);
        Engine engine = run.open(model);
        Session session = engine.newSession()) {
      Optional<Tokenizer> tokenizer =
          asIds ? model.tokenizer() : Optional.of(model.requireTokenizer());
      var scoring = new Scoring(session, engine.config(), tokenizer);
      if (jsonLines) {
        return scoring.lines(text);
      }
      var object = new LinkedHashMap<String, Object>();
      scoring.score(new ScoreRequest(Optional.empty(), text), object);
      terminal.out().println(JSON_WITH_NULLS.asString(object));
    }
    return ExitCode.OK;
  }

  /**
   * A request in ids.
   *
   * @param first index of the first that is asked for
   */
  record Tokens(int[] ids, int first) {}

  /** One model at work. */
  private final class Scoring {
    private final Session session;
    private final GptConfig config;
    private final Optional<Tokenizer> tokenizer;
    private final Scorer scorer;

    Scoring(Session session, GptConfig config, Optional<Tokenizer> tokenizer) {
      this.session = session;
      this.config = config;
      this.tokenizer = tokenizer;
      scorer = window.isGiven() ? window.scorer(config) : Scorer.whole(config);
    }

    /** A line for each good line; the bad ones are named, and make the exit code. */
    int lines(String text) throws IOException {
      int code = ExitCode.OK;
      List<String> lines = text.lines().toList();
      for (int i = 0; i < lines.size() && !terminal.out().checkError(); i++) {
        if (!lines.get(i).isBlank()) {
          code = Math.max(code, line(i + 1, lines.get(i)));
        }
      }
      return code;
    }

    private int line(int number, String line) throws IOException {
      var object = new LinkedHashMap<String, Object>();
      object.put("line", number);
      try {
        score(ScoreRequest.parse(line), object);
      } catch (IllegalArgumentException e) {
        terminal.say("fastgpt: line " + number + ": " + oneLine(e.getMessage()));
        return ExitCode.SOFTWARE;
      }
      terminal.out().println(JSON_WITH_NULLS.asString(object));
      return ExitCode.OK;
    }

    void score(ScoreRequest request, Map<String, Object> object) {
      Tokens tokens = tokens(request);
      if (!window.isGiven()) {
        Scorer.checkFits(config, tokens.ids.length);
      }
      Scores scores = scorer.score(session, config, tokens.ids, tokens.first);
      describe(tokens, scores, object);
      if (request.context().isPresent()) {
        object.put("is_greedy", scores.isGreedy());
      }
    }

    private Tokens tokens(ScoreRequest request) {
      Tokens tokens =
          request.context().isPresent()
              ? continuation(request.context().get(), request.text())
              : new Tokens(encode(request.text()), 0);
      boolean startless = request.context().isPresent() && tokens.first == 0;
      return bos || startless ? afterEndOfText(tokens) : tokens;
    }

    /**
     * Encodes both in one, so that a token is not cut where the context ends. White space there
     * goes to the continuation, whose first token it begins in GPT-2's vocabulary. As {@code
     * _encode_pair} of lm-evaluation-harness; but where a token would reach across, which it does
     * not expect, the two are encoded apart.
     */
    private Tokens continuation(String context, String continuation) {
      if (asIds) {
        return joined(encode(context), encode(continuation));
      }
      String before = context.stripTrailing();
      String after = context.substring(before.length()) + continuation;
      int[] first = encode(before);
      int[] all = encode(before + after);
      return startsWith(all, first) ? new Tokens(all, first.length) : joined(first, encode(after));
    }

    private int[] encode(String text) {
      return asIds ? PromptOptions.ids(text) : tokenizer.orElseThrow().encode(text);
    }

    private Tokens afterEndOfText(Tokens tokens) {
      if (config.eosTokenId() < 0) {
        throw new IllegalArgumentException("this model has no end-of-text token to start from");
      }
      int[] all = joined(new int[] {config.eosTokenId()}, tokens.ids).ids;
      return new Tokens(all, tokens.first + 1);
    }

    private void describe(Tokens tokens, Scores scores, Map<String, Object> object) {
      int[] ids = Arrays.copyOfRange(tokens.ids, tokens.first, tokens.ids.length);
      var logProbabilities = new ArrayList<Double>();
      var ranks = new ArrayList<Integer>();
      for (int t = tokens.first; t < tokens.ids.length; t++) {
        logProbabilities.add(scores.has(t) ? scores.logProbability(t) : null);
        ranks.add(scores.has(t) ? scores.rank(t) : null);
      }
      object.put("ids", ids);
      tokenizer.ifPresent(
          t -> object.put("tokens", Arrays.stream(ids).mapToObj(t::decode).toList()));
      object.put("logprobs", logProbabilities);
      object.put("ranks", ranks);
      object.put("scored_tokens", scores.count());
      object.put("sum", scores.sum());
      object.put("mean", scores.count() > 0 ? scores.mean() : null);
    }
  }

  private static Tokens joined(int[] context, int[] ids) {
    int[] all = Arrays.copyOf(context, context.length + ids.length);
    System.arraycopy(ids, 0, all, context.length, ids.length);
    return new Tokens(all, context.length);
  }

  private static boolean startsWith(int[] all, int[] first) {
    return all.length > first.length && Arrays.equals(all, 0, first.length, first, 0, first.length);
  }

  /** A message may quote the line: no end of line or control character gets through. */
  private static String oneLine(String message) {
    String start =
        message.length() <= LONGEST_MESSAGE
            ? message
            : message.substring(0, LONGEST_MESSAGE) + "...";
    return start.replaceAll("\\p{Cntrl}+", "?");
  }
}
