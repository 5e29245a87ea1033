package org.fastgpt.conformance.speed;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class FigureTest {

  @Test
  void theMedianOfAnEvenNumberIsBetweenTheTwoInTheMiddle() {
    assertThat(Figure.of(4, 1, 2, 8)).isEqualTo(new Figure(3, 1, 8, 4));
    assertThat(Figure.of(9, 1, 2)).isEqualTo(new Figure(2, 1, 9, 3));
  }

  @Test
  void theReciprocalExchangesSmallestAndLargest() {
    assertThat(Figure.of(1, 2, 4).map(s -> 8 / s)).isEqualTo(new Figure(4, 2, 8, 3));
  }

  @Test
  void aSingleMeasurementHasNoSpread() {
    assertThat(Figure.of(0.12345).show(3)).isEqualTo("0.123");
    assertThat(Figure.of(1, 2, 3).show(1)).isEqualTo("2.0 (1.0-3.0)");
  }
}
