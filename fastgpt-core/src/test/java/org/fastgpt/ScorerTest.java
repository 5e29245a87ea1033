package org.fastgpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Windows and refusals, on a session whose logits are a hash of all that it has seen. */
class ScorerTest {

  private static final int N_VOCAB = 7;
  private static final int N_CTX = 8;
  private static final GptConfig CONFIG = GptConfig.gpt2(N_VOCAB, N_CTX, 4, 1, 1);

  private final Hashing session = new Hashing();

  /** All lengths up to 30, all windows and strides, against the loop of the documentation. */
  @Test
  void windowsAreThoseOfHuggingFacesDocumentation() {
    var random = new Random(1);
    for (int n = 0; n <= 30; n++) {
      int[] ids = random.ints(n, 0, N_VOCAB).toArray();
      for (int window = 2; window <= N_CTX + 1; window++) {
        for (int stride = 1; stride <= window; stride++) {
          Scores scores = new Scorer(window, stride).score(session, CONFIG, ids, 0);
          double[] expected = reference(ids, window, stride);
          assertThat(logProbabilities(scores, n))
              .as("%d tokens, window %d, stride %d", n, window, stride)
              .isEqualTo(expected);
          long scored = Arrays.stream(expected).filter(x -> !Double.isNaN(x)).count();
          assertThat(scores.count()).isEqualTo((int) scored);
        }
      }
    }
  }

  /** Each window from its begin, each logit from all ids before it: slow, and nothing left out. */
  private static double[] reference(int[] ids, int window, int stride) {
    double[] expected = new double[ids.length];
    Arrays.fill(expected, Double.NaN);
    int previousEnd = 0;
    for (int begin = 0; begin < ids.length; begin += stride) {
      int end = Math.min(begin + window, ids.length);
      int targets = end - previousEnd;
      for (int i = Math.max(1, end - begin - targets); i < end - begin; i++) {
        float[] logits = logits(Arrays.copyOfRange(ids, begin, begin + i));
        expected[begin + i] = new Distribution(logits).logProbability(ids[begin + i]);
      }
      previousEnd = end;
      if (end == ids.length) {
        break;
      }
    }
    return expected;
  }

  private static double[] logProbabilities(Scores scores, int n) {
    return IntStream.range(0, n).mapToDouble(scores::logProbability).toArray();
  }

  @Test
  void aContextChangesNoScoreOfWhatFollows() {
    int[] ids = new Random(2).ints(25, 0, N_VOCAB).toArray();
    var scorer = new Scorer(6, 3);
    double[] expected = logProbabilities(scorer.score(session, CONFIG, ids, 0), ids.length);
    for (int first = 1; first <= ids.length; first++) {
      Arrays.fill(expected, 0, first, Double.NaN);
      Scores rest = scorer.score(session, CONFIG, ids, first);
      assertThat(rest.count()).isEqualTo(ids.length - first);
      assertThat(logProbabilities(rest, ids.length)).isEqualTo(expected);
    }
  }

  @Test
  void aContextGetsNoLogitsButItsLast() {
    new Scorer(6, 3).score(session, CONFIG, new int[9], 4);
    assertThat(session.calls).containsExactly("3 tokens", "2 of all", "2 tokens", "3 of all");
  }

  @Test
  void scoresSoFarAreShownAfterEveryWindow() {
    var counts = new ArrayList<Integer>();
    new Scorer(6, 3).score(session, CONFIG, new int[11], 0, s -> counts.add(s.count()));
    assertThat(counts).containsExactly(5, 8, 10);
  }

  @Test
  void aTextOfOneTokenMoreThanTheContextIsSeenAtOnce() {
    int[] ids = new int[N_CTX + 1];
    Scorer.checkFits(CONFIG, ids.length);
    Scores scores = Scorer.whole(CONFIG).score(session, CONFIG, ids, 0);
    assertThat(scores.count()).isEqualTo(N_CTX);
    assertThat(session.calls).containsExactly(N_CTX + " of all");
    assertThatThrownBy(() -> Scorer.checkFits(CONFIG, N_CTX + 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("of 10 tokens is too long to be seen at once: n_ctx = 8");
  }

  @Test
  void figuresAreThoseOfTheScoredTokens() {
    var scores = new Scores(4);
    scores.add(1, -1.5, 1);
    scores.add(3, -0.5, 1);
    assertThat(scores.sum()).isEqualTo(-2);
    assertThat(scores.mean()).isEqualTo(-1);
    assertThat(scores.perplexity()).isCloseTo(Math.E, within(1e-15));
    assertThat(scores.isGreedy()).isTrue();
    assertThat(List.of(scores.has(0), scores.has(1), scores.has(2)))
        .containsExactly(false, true, false);
    scores.add(2, -3, 2);
    assertThat(scores.isGreedy()).isFalse();
    assertThat(new Scores(1).mean()).isNaN();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "1 | 1 | 0 | window 1: at least 2 tokens expected",
        "4 | 0 | 0 | stride 0 is not in [1, 4]",
        "4 | 5 | 0 | stride 5 is not in [1, 4]",
        "10 | 1 | 0 | window 10 is too large: at most n_ctx + 1 = 9",
        "4 | 4 | 4 | first 4 is outside the text of 3 tokens",
        "4 | 4 | 0 | token 7 is outside the vocabulary [0, 7)",
      })
  void badInputIsRefusedBeforeAnyWork(int window, int stride, int first, String message) {
    int[] lastIsOutside = {1, 2, N_VOCAB};
    assertThatThrownBy(
            () -> new Scorer(window, stride).score(session, CONFIG, lastIsOutside, first))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
    assertThat(session.calls).isEmpty();
  }

  /** Of no meaning, but other for every other sequence. */
  private static float[] logits(int[] ids) {
    var random = new Random(Arrays.hashCode(ids));
    float[] logits = new float[N_VOCAB];
    for (int i = 0; i < N_VOCAB; i++) {
      logits[i] = random.nextFloat() * 10;
    }
    return logits;
  }

  private static final class Hashing implements Session {
    private final List<String> calls = new ArrayList<>();
    private int[] seen = {};

    @Override
    public int position() {
      return seen.length;
    }

    @Override
    public float[] forward(int... ids) {
      calls.add(ids.length + " tokens");
      CONFIG.checkInput(ids, seen.length);
      for (int id : ids) {
        append(id);
      }
      return logits(seen);
    }

    @Override
    public void forward(int[] ids, LogitsSink each) {
      calls.add(ids.length + " of all");
      CONFIG.checkInput(ids, seen.length);
      for (int id : ids) {
        append(id);
        each.accept(seen.length - 1, logits(seen));
      }
    }

    private void append(int id) {
      seen = Arrays.copyOf(seen, seen.length + 1);
      seen[seen.length - 1] = id;
    }

    @Override
    public void rewind(int to) {
      GptConfig.checkRewind(to, seen.length);
      seen = Arrays.copyOf(seen, to);
    }

    @Override
    public void close() {}
  }
}
