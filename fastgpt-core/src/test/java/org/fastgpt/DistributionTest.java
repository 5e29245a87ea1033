package org.fastgpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Comparator;
import java.util.HashSet;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DistributionTest {

  private static final float[] WITH_EQUAL_ONES = {1, 3, 3, -5, Float.NEGATIVE_INFINITY, 3, 0};

  @Test
  void ranksArePlacesAndTheFirstIsThatOfArgmax() {
    var distribution = new Distribution(WITH_EQUAL_ONES);
    var ranks = new HashSet<Integer>();
    for (int id = 0; id < WITH_EQUAL_ONES.length; id++) {
      ranks.add(distribution.rank(id));
    }
    assertThat(ranks).containsExactlyInAnyOrder(1, 2, 3, 4, 5, 6, 7);
    assertThat(distribution.rank(Generator.argmax(WITH_EQUAL_ONES))).isEqualTo(1);
    assertThat(distribution.rank(2)).isEqualTo(2);
  }

  /** Against a stable sort; few different values, so that many are equal. */
  @Test
  void topIsTheBeginningOfAllInFallingOrder() {
    var random = new Random(1);
    for (int n = 0; n <= 12; n++) {
      float[] logits = new float[10];
      for (int i = 0; i < logits.length; i++) {
        logits[i] = random.nextInt(6);
      }
      int[] sorted =
          IntStream.range(0, 10)
              .boxed()
              .sorted(Comparator.comparingDouble((Integer id) -> -logits[id]))
              .limit(n)
              .mapToInt(id -> id)
              .toArray();
      assertThat(new Distribution(logits).top(n)).as("top %d", n).isEqualTo(sorted);
    }
    assertThat(new Distribution(WITH_EQUAL_ONES).top(7)).containsExactly(1, 2, 5, 0, 6, 3, 4);
  }

  @Test
  void entropyIsZeroOfACertainTokenAndLogOfTheirNumberOfEqualOnes() {
    assertThat(new Distribution(new float[] {0, 1000, 0}).entropyBits()).isZero();
    assertThat(new Distribution(new float[] {7, 7, 7, 7}).entropyBits())
        .isCloseTo(2, within(1e-15));
    float never = Float.NEGATIVE_INFINITY;
    assertThat(new Distribution(new float[] {never, 5, 5, never}).entropyBits())
        .isCloseTo(1, within(1e-15));
  }

  @Test
  void entropyIsTheMeanOfTheSurprise() {
    float[] logits = new float[50];
    var random = new Random(2);
    for (int i = 0; i < logits.length; i++) {
      logits[i] = (float) (4 * random.nextGaussian() - 80);
    }
    var distribution = new Distribution(logits);
    double expected = 0;
    for (int id = 0; id < logits.length; id++) {
      double log = distribution.logProbability(id);
      expected -= Math.exp(log) * log / Math.log(2);
    }
    assertThat(distribution.entropyBits()).isCloseTo(expected, within(1e-13));
  }

  @Test
  void logitsFarFromZeroNeitherOverflowNorVanish() {
    double half = StrictMath.log(0.5);
    assertThat(new Distribution(new float[] {1e30f, 1e30f}).logProbability(0)).isEqualTo(half);
    assertThat(new Distribution(new float[] {-1e30f, -1e30f}).logProbability(1)).isEqualTo(half);
    assertThat(new Distribution(new float[] {0, -2000}).logProbability(1)).isEqualTo(-2000);
  }

  @ParameterizedTest
  @CsvSource({"NaN, 0", "0, NaN", "Infinity, 0", "-Infinity, -Infinity"})
  void logitsWithoutASoftmaxAreRefused(float a, float b) {
    assertThatThrownBy(() -> new Distribution(new float[] {a, b}))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("NaN or infinity found");
  }
}
