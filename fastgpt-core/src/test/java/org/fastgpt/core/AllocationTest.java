package org.fastgpt.core;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.Map;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.Engines;
import org.fastgpt.Fixtures;
import org.fastgpt.Session;
import org.fastgpt.model.Model;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Runs in a JVM of its own: see the module's pom. */
class AllocationTest {

  private static final int TOKENS = 200;
  private static final int ROUNDS = 200;

  /** Vectors are objects until the kernels are compiled, hence the rounds. */
  @ParameterizedTest
  @ValueSource(strings = {"scalar", "vector"})
  void aTokenAllocatesNothing(String kernels) {
    var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long self = Thread.currentThread().threadId();
    try (Model model = Model.open(Fixtures.TINY_SHAKESPEARE);
        Engine engine =
            Engines.named("core").open(model, new EngineOptions(1, Map.of("kernels", kernels)));
        Session session = engine.newSession()) {
      int[] id = {5};
      long fewest = Long.MAX_VALUE;
      for (int round = 0; round < ROUNDS && fewest > 0; round++) {
        session.rewind(0);
        long before = threads.getThreadAllocatedBytes(self);
        for (int i = 0; i < TOKENS; i++) {
          session.forward(id);
        }
        fewest = Math.min(fewest, threads.getThreadAllocatedBytes(self) - before);
      }
      assertThat(fewest).isZero();
    }
  }
}
