package org.fastgpt.conformance;

import java.util.List;
import org.junit.jupiter.api.Tag;

/** GPT-2 in ND4J operations as picoGPT has it, without a cache. */
@Tag("nd4j")
class Nd4jPlainTest extends EngineContract {

  @Override
  protected Subject subject() {
    return Subjects.named("nd4j-plain").getFirst();
  }

  /** Every token costs the whole sequence: too slow for the large model. */
  @Override
  protected List<String> models() {
    return super.models().stream().filter(model -> !model.equals(LARGE)).toList();
  }
}
