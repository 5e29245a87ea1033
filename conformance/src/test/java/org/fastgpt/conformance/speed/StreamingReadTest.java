package org.fastgpt.conformance.speed;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class StreamingReadTest {

  /** How fast is not asserted; that all of it is read is checked by the sums within. */
  @Test
  void readsByOneThreadOrSeveral() {
    assertThat(StreamingRead.bytesPerSecond(1, 1 << 20)).isPositive().isFinite();
    assertThat(StreamingRead.bytesPerSecond(3, 1 << 20)).isPositive().isFinite();
  }
}
