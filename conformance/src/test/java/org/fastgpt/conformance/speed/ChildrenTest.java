package org.fastgpt.conformance.speed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.fastgpt.conformance.speed.Children.Call;
import org.fastgpt.conformance.speed.Children.Outcome;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ChildrenTest {

  @BeforeEach
  void notOnWindows() {
    assumeFalse(System.getProperty("os.name").startsWith("Windows"), "the children are of a shell");
  }

  private static Outcome run(Duration timeout, Map<String, String> environment, String script) {
    try (var children = new Children(timeout)) {
      return children.run(new Call(List.of("sh", "-c", script), environment, "from us\n"));
    }
  }

  private static Outcome run(String script) {
    return run(Duration.ofSeconds(60), Map.of(), script);
  }

  @Test
  void inputEnvironmentAndOutputArePassedOn() {
    var environment = Map.of("SPEED_A", "b", "HOME", "");
    Outcome outcome = run(Duration.ofSeconds(60), environment, "cat; echo $SPEED_A${HOME-none}");
    assertThat(outcome.problem()).isEmpty();
    assertThat(outcome.output()).isEqualTo("from us\nbnone\n");
    assertThat(outcome.firstOutput().orElseThrow()).isLessThanOrEqualTo(outcome.seconds());
  }

  @Test
  void aFailureIsTheLastLineOfStderr() {
    assertThat(run("echo one >&2; echo fastgpt: two >&2; echo >&2; exit 1").problem())
        .isEqualTo("two");
    assertThat(run("exit 7").problem()).isEqualTo("exit code 7");
  }

  @Test
  void whatCannotBeStartedSaysSo() {
    try (var children = new Children(Duration.ofSeconds(60))) {
      var call = new Call(List.of("/no/such/program"), Map.of(), "");
      assertThat(children.run(call).problem()).startsWith("cannot be started: ");
    }
  }

  @Test
  void aChildThatHangsIsKilledWithItsOwn() {
    Outcome outcome = run(Duration.ofSeconds(1), Map.of(), "sleep 7654321 & echo $!; wait");
    assertThat(outcome.problem()).isEqualTo("no end within 1 s");
    long pid = Long.parseLong(outcome.output().strip());
    ProcessHandle.of(pid).ifPresent(sleep -> sleep.onExit().orTimeout(20, TimeUnit.SECONDS).join());
    assertThat(ProcessHandle.of(pid)).isEmpty();
  }

  /** More than a pipe holds, on both. */
  @Test
  void muchOutputBlocksNobody() {
    Outcome outcome =
        run("head -c 300000 /dev/zero | tr '\\0' x; head -c 300000 /dev/zero | tr '\\0' y >&2");
    assertThat(outcome.output()).hasSize(300_000);
  }
}
