package org.fastgpt.conformance;

import org.junit.jupiter.api.Tag;

/** HuggingFace's operations in an archive written by reference-djl, in PyTorch. */
@Tag("djl")
class DjlArchiveTest extends EngineContract {

  @Override
  protected Subject subject() {
    return Subjects.named("djl-archive").getFirst();
  }
}
