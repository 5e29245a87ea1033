package org.fastgpt.conformance;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.fastgpt.GptConfig;
import org.fastgpt.model.Model;
import org.fastgpt.model.Models;
import org.fastgpt.model.OpenAiWeights;
import org.fastgpt.model.Progress;

/**
 * The questions for one model, and the right answers: HuggingFace's float64 results where {@code
 * data/golden} has them, the oracle's where not. Made once, used for every engine.
 */
public final class Exam implements AutoCloseable {

  /** Length of the sequence on which activations and all logits are compared. */
  private static final int SEQUENCE = 40;

  /** The same for a model of this many parameters and more, where every position takes its time. */
  private static final int SEQUENCE_OF_LARGE = 24;

  private static final long LARGE = 50_000_000;

  private static final int GREEDY_STEPS = 20;

  /** Above this many multiplications the oracle is not asked for a whole context. */
  private static final long AFFORDABLE = 3_000_000_000L;

  /** "Alan Turing theorized … he could not imagine" by GPT-2's vocabulary. */
  private static final int[] TURING = {
    36235, 39141, 18765, 1143, 326, 9061, 561, 530, 1110, 1716, 845, 3665, 11, 475, 772, 339, 714,
    407, 5967
  };

  /**
   * A greedy continuation.
   *
   * @param prompt the prompt's ids
   * @param ids the new ids
   * @param topIds the ids of the largest logits at each step
   * @param topLogits these logits, falling
   */
  record Greedy(int[] prompt, int[] ids, int[][] topIds, double[][] topLogits) {}

  /** A text and its ids. */
  record Text(String text, int[] ids) {}

  private final Model model;
  private final Optional<Golden> golden;
  private final Oracle oracle;
  private final List<Greedy> greedy;
  private final int[] sequence;
  private final double[] logits;
  private final Map<String, double[]> activations = new LinkedHashMap<>();

  private Exam(Model model) {
    this.model = model;
    golden = Golden.of(model.name());
    oracle = new Oracle(model);
    greedy =
        golden
            .filter(g -> g.has("greedy"))
            .map(Exam::greedy)
            .orElseGet(() -> OpenAiWeights.is124M(model) ? published() : ownGreedy());
    sequence = makeSequence();
    logits = oracle.logits(sequence, activations::put);
    Suite.weights(model.name(), model.weightsHash(Progress.NONE));
  }

  /**
   * The exam of a model.
   *
   * @param nameOrPath as {@code --model} takes it
   */
  public static Exam of(String nameOrPath, Progress progress) {
    return new Exam(Model.open(locate(nameOrPath, progress)));
  }

  /**
   * The folder of a model; of the embedded one that with all its files, the trace among them, where
   * the repository is at hand.
   *
   * @param nameOrPath as {@code --model} takes it
   */
  public static Path locate(String nameOrPath, Progress progress) {
    Path path = Models.resolve(nameOrPath, progress);
    Path inData = Golden.data().resolve("models").resolve(nameOrPath);
    return Files.isDirectory(inData) ? inData : path;
  }

  public Model model() {
    return model;
  }

  GptConfig config() {
    return model.config();
  }

  Optional<Golden> golden() {
    return golden;
  }

  List<Greedy> greedy() {
    return greedy;
  }

  /** A sequence shorter than the context, by at least one position. */
  int[] sequence() {
    return sequence;
  }

  /** The exact logits at every position of {@link #sequence}. */
  double[] logits() {
    return logits;
  }

  /** The exact activations of {@link #sequence}, by name, in order. */
  Map<String, double[]> activations() {
    return activations;
  }

  /** Ids that fill the context. */
  int[] wholeContext() {
    if (golden.isPresent() && golden.get().has("full_context")) {
      return golden.get().object("full_context").ids("ids");
    }
    int[] ids = new int[config().nCtx()];
    for (int t = 0; t < ids.length; t++) {
      ids[t] = (sequence[t % sequence.length] + t / sequence.length) % config().nVocab();
    }
    return ids;
  }

  /** The exact logits at the last position of a whole context, if they can be had in seconds. */
  Optional<double[]> lastLogitsOfWholeContext() {
    if (golden.isPresent() && golden.get().has("full_context")) {
      return Optional.of(golden.get().object("full_context").doubles("last_logits"));
    }
    if (config().parameters() * config().nCtx() > AFFORDABLE) {
      return Optional.empty();
    }
    double[] all = oracle.logits(wholeContext());
    return Optional.of(Arrays.copyOfRange(all, all.length - config().nVocab(), all.length));
  }

  /** Texts with their ids, for tokenizers. */
  List<Text> texts() {
    var texts = new ArrayList<Text>();
    golden
        .filter(g -> g.has("tokenizer"))
        .ifPresent(
            g ->
                g.objects("tokenizer")
                    .forEach(t -> texts.add(new Text(t.text("text"), t.ids("ids")))));
    if (config().nVocab() == 50257) {
      Golden.lines(Golden.data().resolve("tokenizer").resolve("gpt2.jsonl"))
          .forEach(t -> texts.add(new Text(t.text("text"), t.ids("ids"))));
    }
    return texts;
  }

  private static List<Greedy> greedy(Golden golden) {
    return golden.objects("greedy").stream()
        .map(
            g -> {
              List<Golden> steps = g.objects("steps");
              return new Greedy(
                  g.ids("prompt_ids"),
                  g.ids("new_ids"),
                  steps.stream().map(s -> s.ids("top_ids")).toArray(int[][]::new),
                  steps.stream().map(s -> s.doubles("top_logits")).toArray(double[][]::new));
            })
        .toList();
  }

  /** The published ids of OpenAI's weights, with the oracle's logits at each step. */
  private List<Greedy> published() {
    return OpenAi.greedyCases().stream()
        .map(c -> judged(c.ids("prompt_ids"), OpenAi.newIds(c)))
        .toList();
  }

  /** A given continuation with the oracle's two largest logits at each step. */
  Greedy judged(int[] prompt, int[] ids) {
    int[] all = Arrays.copyOf(prompt, prompt.length + ids.length);
    System.arraycopy(ids, 0, all, prompt.length, ids.length);
    int vocab = config().nVocab();
    double[] computed = oracle.logits(all);
    int[][] topIds = new int[ids.length][];
    double[][] topLogits = new double[ids.length][];
    for (int step = 0; step < ids.length; step++) {
      int row = prompt.length + step - 1;
      double[] logits = Arrays.copyOfRange(computed, row * vocab, (row + 1) * vocab);
      topIds[step] = topTwo(logits);
      topLogits[step] = Arrays.stream(topIds[step]).mapToDouble(id -> logits[id]).toArray();
    }
    return new Greedy(prompt, ids, topIds, topLogits);
  }

  /** What the oracle says of the prompt that is everyone's example, or of some ids. */
  private List<Greedy> ownGreedy() {
    int n = Math.max(1, Math.min(TURING.length, config().nCtx() / 3));
    int[] prompt = new int[n];
    for (int t = 0; t < n; t++) {
      prompt[t] = TURING[t] % config().nVocab();
    }
    int steps = Math.min(GREEDY_STEPS, config().nCtx() - n);
    int[] ids = new int[steps];
    int[][] topIds = new int[steps][];
    double[][] topLogits = new double[steps][];
    int[] all = prompt;
    for (int step = 0; step < steps; step++) {
      double[] computed = oracle.logits(all);
      double[] last =
          Arrays.copyOfRange(computed, computed.length - config().nVocab(), computed.length);
      topIds[step] = topTwo(last);
      topLogits[step] = Arrays.stream(topIds[step]).mapToDouble(id -> last[id]).toArray();
      ids[step] = topIds[step][0];
      all = Arrays.copyOf(all, all.length + 1);
      all[all.length - 1] = ids[step];
    }
    return List.of(new Greedy(prompt, ids, topIds, topLogits));
  }

  private static int[] topTwo(double[] logits) {
    int first = 0;
    int second = -1;
    for (int i = 1; i < logits.length; i++) {
      if (logits[i] > logits[first]) {
        second = first;
        first = i;
      } else if (second < 0 || logits[i] > logits[second]) {
        second = i;
      }
    }
    return second < 0 ? new int[] {first} : new int[] {first, second};
  }

  private int[] makeSequence() {
    int most = config().parameters() < LARGE ? SEQUENCE : SEQUENCE_OF_LARGE;
    int n = Math.max(1, Math.min(most, config().nCtx() - 1));
    Greedy first = greedy.getFirst();
    int[] ids = Arrays.copyOf(first.prompt, n);
    for (int t = first.prompt.length; t < n; t++) {
      int step = t - first.prompt.length;
      ids[t] = step < first.ids.length ? first.ids[step] : ids[t - first.ids.length];
    }
    return ids;
  }

  @Override
  public void close() {
    model.close();
  }
}
