package org.fastgpt.conformance;

import org.junit.jupiter.api.Tag;

/** HuggingFace's own code, traced, in PyTorch. */
@Tag("djl")
class DjlTraceTest extends EngineContract {

  @Override
  protected Subject subject() {
    return Subjects.named("djl-trace").getFirst();
  }
}
