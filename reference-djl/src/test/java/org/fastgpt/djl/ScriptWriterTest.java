package org.fastgpt.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.UncheckedIOException;
import java.nio.file.Path;
import org.fastgpt.model.Model;
import org.fastgpt.model.ModelWriter;
import org.fastgpt.model.ModelWriters;
import org.fastgpt.model.Models;
import org.fastgpt.model.Progress;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScriptWriterTest {

  @TempDir private Path temp;

  @Test
  void createModelFindsItByNameAndItWritesTheArchive() {
    ModelWriter writer = ModelWriters.named("torchscript");
    Path file = temp.resolve(writer.fileName());
    try (Model model = Model.open(Models.embedded())) {
      writer.write(model, file, Progress.NONE);
      assertThat(new ScriptArchive(model).isIn(file)).isTrue();
    }
    assertThat(temp).isDirectoryNotContaining(p -> !p.equals(file));
  }

  @Test
  void aPlaceThatCannotBeWrittenToIsNamed() {
    Path file = temp.resolve("nowhere").resolve("model.pt");
    try (Model model = Model.open(Models.embedded())) {
      ModelWriter writer = new ScriptWriter();
      assertThatThrownBy(() -> writer.write(model, file, Progress.NONE))
          .isInstanceOf(UncheckedIOException.class)
          .hasMessageContaining(file.toString());
    }
  }
}
