package org.fastgpt.conformance.speed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EntrantTest {

  @Test
  void aNameMayBeAnEngineOrOneWayOfRunningIt() {
    assertThat(Entrant.engine("core"))
        .isEqualTo(new Entrant("core", "core", Map.of(), List.of(), List.of()));
    assertThat(Entrant.engine("core-scalar").settings()).containsEntry("kernels", "scalar");
    assertThat(Entrant.engine("djl-archive").engine()).isEqualTo("djl");
    assertThat(Entrant.engine("djl-archive").settings()).containsEntry("archive", "java");
    assertThat(Entrant.engine("nd4j-plain").settings()).containsEntry("form", "plain");
  }

  @Test
  void aVectorWidthIsAnOptionOfTheJvm() {
    assertThat(Entrant.engine("core-vector-128"))
        .isEqualTo(
            new Entrant(
                "core-vector-128",
                "core",
                Map.of("kernels", "vector"),
                List.of("-Dfastgpt.vectorBits=128"),
                List.of()));
  }

  @Test
  void settingsStandInBrackets() {
    assertThat(Entrant.engine("nd4j[form=plain;a=b c]"))
        .isEqualTo(
            new Entrant(
                "nd4j[form=plain;a=b c]",
                "nd4j",
                Map.of("form", "plain", "a", "b c"),
                List.of(),
                List.of()));
  }

  @ParameterizedTest
  @ValueSource(strings = {"abacus", "core[", "core[kernels]", "core[=x]", "core-vector-64", ""})
  void rejectsWhatIsNoEngine(String name) {
    assertThatThrownBy(() -> Entrant.engine(name))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("engine '");
  }

  @Test
  void aCommandIsSplitAsByAShell() {
    assertThat(Entrant.program("p", "run -p '{prompt} x' \"a b\"").command())
        .containsExactly("run", "-p", "{prompt} x", "a b");
    assertThatThrownBy(() -> Entrant.program("p", " ")).hasMessageContaining("command is empty");
  }
}
