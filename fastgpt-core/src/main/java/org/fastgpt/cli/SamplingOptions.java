package org.fastgpt.cli;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.fastgpt.sampling.Bias;
import org.fastgpt.sampling.Penalties;
import org.fastgpt.sampling.Warping;
import org.fastgpt.tokenizer.Tokenizer;
import picocli.CommandLine.Option;

/**
 * How a token is chosen, by HuggingFace's names and llama.cpp's. Greedily, until an option is given
 * that has to do with drawing; penalties alone do not draw.
 */
final class SamplingOptions {

  private static final Pattern BIAS = Pattern.compile("(\\d+)(?:=|(?=[+-]))(\\S+)");

  /** Names in a line of a batch that ask for drawing. */
  private static final List<String> DRAWING =
      List.of("temperature", "top_k", "top_p", "min_p", "typical_p", "seed");

  @Option(
      names = {"--do-sample", "--do_sample"},
      description = "Draw each token; implied by the next six.")
  private boolean doSample;

  @Option(
      names = {"--temp", "--temperature"},
      paramLabel = "T",
      description = "Below 1 the likely become likelier; 0: the likeliest (default: 1).")
  private Double temperature;

  @Option(
      names = {"--top-k", "--top_k"},
      paramLabel = "K",
      description = "Only the K likeliest; 0: all.")
  private Integer topK;

  @Option(
      names = {"--top-p", "--top_p"},
      paramLabel = "P",
      description = "Only the likeliest that have probability P together; 1: all.")
  private Double topP;

  @Option(
      names = {"--min-p", "--min_p"},
      paramLabel = "P",
      description = "Only those at least P times as likely as the likeliest; 0: all.")
  private Double minP;

  @Option(
      names = {"--typical", "--typical-p", "--typical_p"},
      paramLabel = "P",
      description = "Only the most typical that have probability P together; 1: all.")
  private Double typicalP;

  @Option(
      names = {"-s", "--seed"},
      paramLabel = "N",
      description = "The same seed gives the same text, on any machine; -1: draw one, and say it.")
  private Long seed;

  @Option(
      names = {"--repeat-penalty", "--repetition-penalty", "--repetition_penalty"},
      paramLabel = "X",
      defaultValue = "1",
      description = "Above 1 makes all tokens of prompt and text less likely.")
  private double repetitionPenalty;

  @Option(
      names = {"--presence-penalty", "--presence_penalty"},
      paramLabel = "X",
      defaultValue = "0",
      description = "Taken off the score of each new token that is there already.")
  private double presencePenalty;

  @Option(
      names = {"--frequency-penalty", "--frequency_penalty"},
      paramLabel = "X",
      defaultValue = "0",
      description = "Taken off it as often as it is there.")
  private double frequencyPenalty;

  @Option(
      names = {"--repeat-last-n", "--repeat_last_n"},
      paramLabel = "N",
      defaultValue = "-1",
      description = "These three look at the last N tokens only; 0: at none; -1: at all (default).")
  private int repeatLastN;

  @Option(
      names = {"--no-repeat-ngram-size", "--no_repeat_ngram_size"},
      paramLabel = "N",
      defaultValue = "0",
      description = "No phrase of N tokens twice; 0: off.")
  private int noRepeatNgramSize;

  @Option(
      names = {"-l", "--logit-bias"},
      paramLabel = "ID=X",
      description = "Add X to the score of a token; -inf forbids it.")
  private List<String> logitBias = List.of();

  @Option(
      names = {"--bad-words", "--bad_words"},
      paramLabel = "TEXT",
      description = "A word or phrase that must not come, also after a space.")
  private List<String> badWords = List.of();

  @Option(
      names = {"--bad-words-ids", "--bad_words_ids"},
      paramLabel = "IDS",
      description = "The same by its ids, in quotes.")
  private List<String> badWordsIds = List.of();

  @Option(
      names = {"--min-new-tokens", "--min_new_tokens"},
      paramLabel = "N",
      defaultValue = "0",
      description = "No end of text before.")
  private int minNewTokens;

  /**
   * What a line of a batch asks for, by HuggingFace's names, and of the rest these options; but not
   * their seed, which is not the line's.
   *
   * @throws IllegalArgumentException a value is of the wrong kind, or contradicts another
   */
  SamplingOptions with(JsonLine line) {
    var own = new SamplingOptions();
    boolean draws = !drawing().isEmpty() || DRAWING.stream().anyMatch(line::has);
    own.doSample = line.flag("do_sample", draws);
    if (own.doSample) {
      own.temperature = line.number("temperature", temperature);
      own.topK = line.integer("top_k", topK);
      own.topP = line.number("top_p", topP);
      own.minP = line.number("min_p", minP);
      own.typicalP = line.number("typical_p", typicalP);
      own.seed = line.whole("seed", null);
    } else if (DRAWING.stream().anyMatch(line::has)) {
      throw new IllegalArgumentException(
          "'do_sample' is false, but the line has one of " + DRAWING);
    }
    own.repetitionPenalty = line.number("repetition_penalty", repetitionPenalty);
    own.presencePenalty = line.number("presence_penalty", presencePenalty);
    own.frequencyPenalty = line.number("frequency_penalty", frequencyPenalty);
    own.repeatLastN = line.integer("repeat_last_n", repeatLastN);
    own.noRepeatNgramSize = line.integer("no_repeat_ngram_size", noRepeatNgramSize);
    own.minNewTokens = line.integer("min_new_tokens", minNewTokens);
    own.logitBias = logitBias;
    own.badWords = badWords;
    own.badWordsIds = badWordsIds;
    return own;
  }

  /** The options that ask for drawing, as they are called; empty: greedy. */
  List<String> drawing() {
    var given = new ArrayList<String>();
    add(given, doSample, "--do-sample");
    add(given, temperature != null, "--temperature");
    add(given, topK != null, "--top-k");
    add(given, topP != null, "--top-p");
    add(given, minP != null, "--min-p");
    add(given, typicalP != null, "--typical-p");
    add(given, seed != null, "--seed");
    return given;
  }

  private static void add(List<String> given, boolean is, String name) {
    if (is) {
      given.add(name);
    }
  }

  /** What {@code --top-k} says, if it is there. */
  Optional<Integer> topK() {
    return Optional.ofNullable(topK);
  }

  /**
   * Greedy, or as the options say.
   *
   * @throws IllegalArgumentException a value is out of its range
   */
  Warping warping() {
    if (drawing().isEmpty()) {
      return Warping.GREEDY;
    }
    return new Warping(
        or(temperature, 1), topK == null ? 0 : topK, or(topP, 1), or(minP, 0), or(typicalP, 1));
  }

  private static double or(Double value, double otherwise) {
    return value == null ? otherwise : value;
  }

  /**
   * The seed that was given, if one was.
   *
   * @throws IllegalArgumentException it is below -1
   */
  Optional<Long> seed() {
    if (seed != null && seed < -1) {
      throw new IllegalArgumentException(
          "seed " + seed + ": a whole number ≥ 0 expected, or -1 to draw one");
    }
    return Optional.ofNullable(seed).filter(s -> s >= 0);
  }

  /**
   * All penalties.
   *
   * @param tokenizer makes ids of bad words
   * @throws IllegalArgumentException a value is out of its range or cannot be read
   */
  Penalties penalties(Supplier<Tokenizer> tokenizer) {
    var forbidden = new ArrayList<Bias>();
    for (String word : badWords) {
      forbidden.add(Bias.forbidding(boxed(tokenizer.get().encode(word))));
      if (!word.startsWith(" ")) {
        forbidden.add(Bias.forbidding(boxed(tokenizer.get().encode(" " + word))));
      }
    }
    for (String ids : badWordsIds) {
      forbidden.add(Bias.forbidding(boxed(PromptOptions.ids(ids))));
    }
    return new Penalties(
        logitBias.stream().map(SamplingOptions::bias).toList(),
        repetitionPenalty,
        presencePenalty,
        frequencyPenalty,
        repeatLastN,
        noRepeatNgramSize,
        forbidden,
        minNewTokens);
  }

  private static List<Integer> boxed(int[] ids) {
    return Arrays.stream(ids).boxed().toList();
  }

  /** As {@code 198=-2.5}, {@code 198-2.5} or {@code 198=-inf}. */
  private static Bias bias(String text) {
    Matcher m = BIAS.matcher(text);
    try {
      if (m.matches()) {
        String amount = m.group(2);
        return new Bias(
            List.of(Integer.valueOf(m.group(1))),
            amount.equals("-inf") ? Double.NEGATIVE_INFINITY : Double.parseDouble(amount));
      }
    } catch (NumberFormatException e) {
      // said below, in words
    }
    throw new IllegalArgumentException(
        "--logit-bias " + text + ": expected ID=NUMBER, such as 198=-2.5 or 198=-inf");
  }
}
