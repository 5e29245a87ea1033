package org.fastgpt.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.modality.nlp.generate.SearchConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.fastgpt.GptConfig;
import org.fastgpt.Session;
import org.fastgpt.model.Model;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What PyTorch allocates is given back at once, without the garbage collector. */
@Tag("slow")
class NativeMemoryTest {
  private static final Path STATUS = Path.of("/proc/self/status");

  // A cache that leaked at each step would be 500 MB for the tokens alone. Measured: at most 4 MB,
  // also in each of 8 rounds one after another: the JVM's own.
  private static final long BOUND_MB = 20;

  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"trace", "java"})
  void staysFlatOverAThousandTokensAndAHundredSessions(String archive) throws IOException {
    assumeTrue(Files.exists(STATUS), "needs Linux: resident memory is read from " + STATUS);
    Path path =
        archive.equals("trace") ? Golden.TINY : Golden.copyWithoutTrace(Golden.TINY, folder);
    try (Model model = Model.open(path);
        DjlEngine engine = Golden.open(model, archive);
        Session session = engine.newSession()) {
      use(engine, session); // so that all that is allocated once is there
      long before = residentMegabytes();
      use(engine, session);
      assertThat(residentMegabytes() - before).as("growth in MB").isLessThan(BOUND_MB);
    }
  }

  private static void use(DjlEngine engine, Session session) {
    generate(engine.config(), session, 1000);
    openAndClose(engine, 100);
    searchAndBatch(engine, 3);
  }

  private static void generate(GptConfig config, Session session, int tokens) {
    for (int n = 0; n < tokens; n++) {
      if (session.position() == config.nCtx()) {
        session.rewind(1);
      }
      session.forward(n % config.nVocab());
    }
  }

  private static void openAndClose(DjlEngine engine, int sessions) {
    for (int i = 0; i < sessions; i++) {
      try (Session session = engine.newSession()) {
        session.forward(new int[100]);
        session.rewind(50);
        session.forward(1);
      }
    }
  }

  private static void searchAndBatch(DjlEngine engine, int times) {
    for (int i = 0; i < times; i++) {
      engine.search("greedy", new SearchConfig(), new int[] {1, 2, 3}, 100);
      engine.search("beam", new SearchConfig(), new int[] {1, 2, 3}, 30);
      engine.generateBatch(List.of(new int[100], new int[3]), 20);
    }
  }

  private static long residentMegabytes() throws IOException {
    String resident =
        Files.readAllLines(STATUS).stream()
            .filter(line -> line.startsWith("VmRSS:")) // in kB
            .findFirst()
            .orElseThrow();
    return Long.parseLong(resident.replaceAll("\\D", "")) >> 10;
  }
}
