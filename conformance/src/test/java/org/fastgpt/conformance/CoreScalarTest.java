package org.fastgpt.conformance;

import java.util.List;
import org.junit.jupiter.api.Tag;

/** The definition of the core engine's arithmetic. */
@Tag("core")
class CoreScalarTest extends EngineContract {

  @Override
  protected Subject subject() {
    return Subjects.named("core-scalar").getFirst();
  }

  /**
   * Scalar code takes minutes for the large model; there the vector engines are compared with it.
   */
  @Override
  protected List<String> models() {
    return super.models().stream().filter(model -> !model.equals(LARGE)).toList();
  }
}
