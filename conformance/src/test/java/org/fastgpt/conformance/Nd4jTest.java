package org.fastgpt.conformance;

import org.junit.jupiter.api.Tag;

/** GPT-2 in ND4J operations, with a cache. */
@Tag("nd4j")
class Nd4jTest extends EngineContract {

  @Override
  protected Subject subject() {
    return Subjects.named("nd4j").getFirst();
  }
}
