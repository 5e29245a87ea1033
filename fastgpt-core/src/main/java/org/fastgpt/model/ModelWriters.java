package org.fastgpt.model;

import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;

/** The layouts that models can be written in. */
public final class ModelWriters {
  private ModelWriters() {}

  /**
   * The writer of that layout; weights as the layout has them, or as they are stored.
   *
   * @throws IllegalArgumentException there is none; the message lists those that there are
   */
  public static ModelWriter named(String format) {
    List<ModelWriter> all = new ArrayList<>();
    all.add(new FastGptWriters.GgufFile());
    all.add(new FastGptWriters.DatFile());
    all.add(HuggingFaceWriter.asStored());
    all.add(LlamaGgufWriter.of("f32"));
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

  /**
   * The writer of that layout with weights of another type.
   *
   * @param type safetensors: f32, f16 or bf16; llama-gguf, of the matrices: these or q8_0
   * @throws IllegalArgumentException there is none, or the layout has no choice of types
   */
  public static ModelWriter named(String format, String type) {
    return switch (named(format)) {
      case HuggingFaceWriter _ -> HuggingFaceWriter.of(type);
      case LlamaGgufWriter _ -> LlamaGgufWriter.of(type);
      default ->
          throw new IllegalArgumentException(
              "--outtype is for --format safetensors and llama-gguf only");
    };
  }
}
