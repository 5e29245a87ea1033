package org.fastgpt.model;

import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;

/** The layouts that models can be written in. */
public final class ModelWriters {
  private ModelWriters() {}

  /**
   * The writer of that layout.
   *
   * @param type of the elements of llama.cpp's matrices: f32, f16, bf16 or q8_0
   * @throws IllegalArgumentException there is none; the message lists those that there are
   */
  public static ModelWriter named(String format, String type) {
    List<ModelWriter> all = new ArrayList<>();
    all.add(new FastGptWriters.GgufFile());
    all.add(new FastGptWriters.DatFile());
    all.add(new HuggingFaceWriter());
    all.add(LlamaGgufWriter.of(type));
    ServiceLoader.load(ModelWriter.class).forEach(all::add);
    return all.stream()
        .filter(writer -> writer.format().equals(format))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "format '"
                        + format
                        + "' is unknown; on the class path: "
                        + String.join(", ", all.stream().map(ModelWriter::format).toList())));
  }
}
