package org.fastgpt.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.entry;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.fastgpt.cli.Timings.Phase;
import org.fastgpt.cli.Timings.Row;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** By a clock that the test turns: the numbers are exact. */
class TimingsTest {

  private static final long MILLI = 1_000_000;
  private static final long MAIN = 1_000 * MILLI;
  private static final int PROMPT = 10;

  private long now = MAIN;
  private final Timings timings = new Timings(() -> now, MAIN);

  @Test
  void phasesFollowOneAnother() {
    beforeTheFirstToken();
    later(50);
    timings.token();
    later(6);
    timings.token();
    later(4);
    timings.token();
    later(2);
    timings.generated(20 * MILLI);
    later(1);
    assertThat(millis(timings.rows(300 * MILLI, PROMPT)))
        .containsExactly(
            entry("jvm", 187.0), // 300 less what was since main
            entry("arguments", 5.0),
            entry("load", 30.0),
            entry("tokenizer", 15.0),
            entry("kernels", 20.0),
            entry("prefill", 30.0), // 50 less 20
            entry("decode", 10.0),
            entry("other", 3.0),
            entry("first_token", 287.0),
            entry("total", 300.0));
  }

  @Test
  void ratesAreOfThePromptAndOfTheTokensAfterTheFirst() {
    beforeTheFirstToken();
    later(50);
    timings.token();
    later(8);
    timings.token();
    later(8);
    timings.token();
    timings.generated(0);
    Map<String, Object> object = Timings.object(timings.rows(300 * MILLI, PROMPT));
    assertThat(object)
        .containsEntry(
            "prefill",
            Map.of("ms", 50.0, "tokens", PROMPT, "ms_per_token", 5.0, "tokens_per_second", 200.0))
        .containsEntry(
            "decode",
            Map.of("ms", 16.0, "tokens", 2, "ms_per_token", 8.0, "tokens_per_second", 125.0))
        .containsEntry("load", Map.of("ms", 30.0));
  }

  @Test
  void withoutANewTokenAllIsPrefill() {
    beforeTheFirstToken();
    later(50);
    timings.generated(0);
    List<Row> rows = timings.rows(300 * MILLI, PROMPT);
    assertThat(millis(rows)).containsEntry("prefill", 50.0).doesNotContainKey("first_token");
    assertThat(Timings.object(rows)).containsEntry("decode", Map.of("ms", 0.0));
  }

  @Test
  void ageIsTheUptimeSinceTheTickOfTheStart(@TempDir Path proc) throws IOException {
    Files.createDirectories(proc.resolve("self"));
    // The name may hold blanks and brackets. The 22nd field counts.
    String before = "77 (a) (b c) S " + "1 ".repeat(18);
    Files.writeString(proc.resolve("self/stat"), before + "123456 99 99\n");
    Files.writeString(proc.resolve("uptime"), "1235.06 99.00\n");
    assertThat(ProcessAge.nanos(proc)).isEqualTo(500 * MILLI);
  }

  /** Such as elsewhere than on Linux: then the JVM is asked, here for this very test's age. */
  @Test
  void ageIsTheJvmsWhereTheSystemHasNone(@TempDir Path proc) throws IOException {
    assertThat(ProcessAge.nanos(proc)).isPositive();
    Files.createDirectories(proc.resolve("self"));
    Files.writeString(proc.resolve("self/stat"), "77 (a) S 1");
    Files.writeString(proc.resolve("uptime"), "1235.06 99.00\n");
    assertThat(ProcessAge.nanos(proc)).isPositive();
    Files.writeString(proc.resolve("self/stat"), "77 (a) S " + "1 ".repeat(18) + "123456 99");
    Files.writeString(proc.resolve("uptime"), "7.00 9.00\n");
    assertThat(ProcessAge.nanos(proc)).isPositive();
  }

  private void beforeTheFirstToken() {
    later(5);
    timings.end(Phase.ARGUMENTS);
    later(30);
    timings.end(Phase.LOAD);
    later(15);
    timings.end(Phase.TOKENIZER);
  }

  private void later(long millis) {
    now += millis * MILLI;
  }

  private static Map<String, Double> millis(List<Row> rows) {
    var millis = new LinkedHashMap<String, Double>();
    rows.forEach(row -> millis.put(row.name(), row.millis()));
    return millis;
  }
}
