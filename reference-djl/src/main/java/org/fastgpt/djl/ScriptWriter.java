package org.fastgpt.djl;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import org.fastgpt.model.Model;
import org.fastgpt.model.ModelWriter;
import org.fastgpt.model.Progress;

/** Writes the TorchScript archive that this engine runs, so that PyTorch itself can load it. */
public final class ScriptWriter implements ModelWriter {
  @Override
  public String format() {
    return "torchscript";
  }

  @Override
  public String fileName() {
    return "model.pt";
  }

  @Override
  public void write(Model model, Path file, Progress progress) {
    try {
      var archive = new ScriptArchive(model);
      archive.writeTo(file.toAbsolutePath());
      progress.update(archive.byteSize(), archive.byteSize());
    } catch (IOException e) {
      throw new UncheckedIOException(file + ": " + e.getMessage(), e);
    }
  }
}
