package org.fastgpt.core;

import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Tag;
import net.jqwik.api.constraints.IntRange;
import org.fastgpt.Engine;
import org.fastgpt.Fixtures;
import org.fastgpt.model.Model;

/** {@link BatchTest} with rows that come and go in any order. */
@Tag("bits")
class BatchPropertiesTest {

  @Property(tries = 12)
  void rowsEqualSessions(
      @ForAll long seed, @ForAll boolean vector, @ForAll @IntRange(min = 1, max = 2) int threads) {
    try (Model model = Model.open(Fixtures.TINY_SHAKESPEARE);
        Engine engine = BatchTest.engine(model, vector ? "vector" : "scalar", threads)) {
      BatchTest.assertRowsEqualSessions(engine, new Random(seed), 12);
    }
  }
}
