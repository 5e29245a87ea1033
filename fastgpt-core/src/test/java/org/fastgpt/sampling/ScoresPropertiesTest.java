package org.fastgpt.sampling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Offset.offset;
import static org.assertj.core.data.Percentage.withPercentage;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;

/** The rules against plain versions that sort everything. */
class ScoresPropertiesTest {

  private static final String SEED = "20190214";

  /** Whole numbers, for many ties, and some that are forbidden. */
  @Provide
  static Arbitrary<double[]> scores() {
    Arbitrary<Double> one =
        Arbitraries.frequencyOf(
            Tuple.of(6, Arbitraries.integers().between(-6, 6).map(i -> (double) i)),
            Tuple.of(4, Arbitraries.doubles().between(-9, 9)),
            Tuple.of(1, Arbitraries.just(Double.NEGATIVE_INFINITY)));
    return one.list()
        .ofMinSize(1)
        .ofMaxSize(60)
        .filter(all -> all.stream().anyMatch(Double::isFinite))
        .map(all -> all.stream().mapToDouble(d -> d).toArray());
  }

  @Property(seed = SEED)
  void rankingSorts(@ForAll("scores") double[] scores, @ForAll @IntRange(max = 60) int n) {
    int[] ids = finite(scores);
    var ranking = new Ranking(scores.length);
    ranking.begin(scores, ids, ids.length);
    int[] expected = sorted(scores).stream().mapToInt(id -> id).toArray();
    for (int i = 0; i < Math.min(n, ids.length); i++) {
      assertThat(ranking.next()).isEqualTo(scores[expected[i]]);
      assertThat(ranking.poll()).isEqualTo(expected[i]);
    }
    assertThat(ranking.isEmpty()).isEqualTo(n >= ids.length);
  }

  @Property(seed = SEED)
  void topKKeepsTheLargestAndTheirEquals(
      @ForAll("scores") double[] scores, @ForAll @IntRange(min = 1, max = 70) int k) {
    Scores s = begin(scores);
    s.topK(k);
    List<Integer> sorted = sorted(scores);
    double last = scores[sorted.get(Math.min(k, sorted.size()) - 1)];
    assertThat(s.kept())
        .containsExactly(Arrays.stream(finite(scores)).filter(id -> scores[id] >= last).toArray());
  }

  /** Any fewer would not do, and more are not needed. */
  @Property(seed = SEED)
  void topPKeepsTheFewestThatAreEnough(
      @ForAll("scores") double[] scores, @ForAll @DoubleRange(max = 0.99) double p) {
    Scores s = begin(scores);
    s.topP(p);
    List<Integer> sorted = sorted(scores);
    double[] probability = softmax(scores);
    int n = s.count();
    assertThat(s.kept())
        .containsExactly(sorted.subList(0, n).stream().mapToInt(id -> id).sorted().toArray());
    double mass = sorted.subList(0, n).stream().mapToDouble(id -> probability[id]).sum();
    assertThat(mass).isGreaterThanOrEqualTo(p - 1e-12);
    assertThat(n == 1 || mass - probability[sorted.get(n - 1)] < p + 1e-12).isTrue();
  }

  @Property(seed = SEED)
  void whatIsLeftIsAsLikelyAsBeforeRelativeToEachOther(
      @ForAll("scores") double[] scores,
      @ForAll @DoubleRange(min = 0.01, max = 1) double p,
      @ForAll @IntRange(max = 5) int k) {
    Scores s = begin(scores);
    new Warping(1, k, p, 0.01, p).apply(s);
    double[] before = softmax(scores);
    double[] after = s.probabilities();
    int[] kept = s.kept();
    assertThat(Arrays.stream(after).sum()).isCloseTo(1, offset(1e-12));
    for (int i = 0; i < kept.length; i++) {
      assertThat(after[i] / after[0])
          .isCloseTo(before[kept[i]] / before[kept[0]], withPercentage(1e-9));
    }
  }

  @Property(seed = SEED)
  void aDrawLiesWhereTheNumberSays(
      @ForAll("scores") double[] scores,
      @ForAll @DoubleRange(max = 1, maxIncluded = false) double u) {
    Scores s = begin(scores);
    int id = s.draw(u);
    double[] probability = softmax(scores);
    double below = Arrays.stream(probability, 0, id).sum();
    assertThat(u).isBetween(below - 1e-12, below + probability[id] + 1e-12);
  }

  private static Scores begin(double[] scores) {
    var s = new Scores(scores.length);
    s.load(scores);
    s.begin();
    return s;
  }

  private static int[] finite(double[] scores) {
    return sorted(scores).stream().mapToInt(id -> id).sorted().toArray();
  }

  private static List<Integer> sorted(double[] scores) {
    return IntStream.range(0, scores.length)
        .boxed()
        .filter(id -> Double.isFinite(scores[id]))
        .sorted(Comparator.comparingDouble((Integer id) -> -scores[id]).thenComparing(id -> id))
        .toList();
  }

  private static double[] softmax(double[] scores) {
    double largest = Arrays.stream(scores).max().orElseThrow();
    double total = Arrays.stream(scores).map(x -> Math.exp(x - largest)).sum();
    return Arrays.stream(scores).map(x -> Math.exp(x - largest) / total).toArray();
  }
}
