package org.fastgpt.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;

/** Two layouts of one model. */
final class SameModel {
  private SameModel() {}

  /** Same configuration, same tensors in the same order, the same bits in each, the same hash. */
  static void check(Path actualPath, Path expectedPath) {
    try (Model actual = Model.open(actualPath);
        Model expected = Model.open(expectedPath)) {
      assertThat(actual.config()).isEqualTo(expected.config());
      assertThat(actual.tensors().keySet()).containsExactlyElementsOf(expected.tensors().keySet());
      for (StoredTensor tensor : expected.tensors().values()) {
        StoredTensor other = actual.tensors().get(tensor.name());
        assertThat(other.name()).isEqualTo(tensor.name());
        assertThat(other.dtype()).as(tensor.name()).isEqualTo(tensor.dtype());
        assertThat(other.shape()).as(tensor.name()).isEqualTo(tensor.shape());
        assertThat(other.data().mismatch(tensor.data())).as(tensor.name()).isEqualTo(-1);
        assertThat(actual.floats(tensor.name()).mismatch(expected.floats(tensor.name())))
            .as(tensor.name())
            .isEqualTo(-1);
      }
      assertThat(actual.weightsHash(Progress.NONE)).isEqualTo(expected.weightsHash(Progress.NONE));
    }
  }
}
