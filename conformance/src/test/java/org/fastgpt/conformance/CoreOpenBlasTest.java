package org.fastgpt.conformance;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;

/** The core engine with OpenBLAS's matrix products: rounding is its own, the promises are not. */
@Tag("core")
class CoreOpenBlasTest extends EngineContract {

  @Override
  protected Subject subject() {
    return Subjects.named("core-openblas").getFirst();
  }

  /** Also the smallest, whose layers are narrower than OpenBLAS's blocks. */
  @Override
  protected List<String> models() {
    var models = new ArrayList<>(super.models());
    if (models.contains(LARGE)) {
      models.add("synthetic-micro");
    }
    return models;
  }
}
