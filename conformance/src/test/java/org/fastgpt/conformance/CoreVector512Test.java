package org.fastgpt.conformance;

import java.util.List;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.Tag;

/** The core engine with vectors of 16 floats. */
@Tag("core")
class CoreVector512Test extends EngineContract {

  @Override
  protected Subject subject() {
    return Subjects.named("core-vector-512").getFirst();
  }

  /** A width that the machine does not have is emulated, too slowly for the large model. */
  @Override
  protected List<String> models() {
    boolean emulated = FloatVector.SPECIES_PREFERRED.vectorBitSize() < 512;
    return super.models().stream().filter(model -> !emulated || !model.equals(LARGE)).toList();
  }
}
