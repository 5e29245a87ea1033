package org.fastgpt.djl;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.fastgpt.model.Model;

/** A small model in memory, to be changed and written as another one. */
final class EditedModel {
  private final Map<String, Object> config;
  private final Map<String, List<Integer>> shapes = new LinkedHashMap<>();
  private final Map<String, float[]> tensors = new LinkedHashMap<>();

  EditedModel(Path folder) throws IOException {
    config = JSON.std.mapFrom(Files.readString(folder.resolve("config.json")));
    try (Model model = Model.open(folder)) {
      model
          .tensors()
          .forEach((name, t) -> put(name, t.shape(), model.floats(name).toArray(Model.FLOAT)));
    }
  }

  void set(String setting, Object value) {
    config.put(setting, value);
  }

  /** The values themselves, row-major. */
  float[] get(String name) {
    return tensors.get(name);
  }

  void put(String name, List<Integer> shape, float[] values) {
    shapes.put(name, shape);
    tensors.put(name, values);
  }

  /** Multiplies all elements. */
  void scale(String name, float factor) {
    scaleColumns(name, tensors.get(name).length, factor);
  }

  /** Multiplies the first {@code columns} of each row. */
  void scaleColumns(String name, int columns, float factor) {
    float[] values = tensors.get(name);
    int width = Math.max(shapes.get(name).getLast(), columns);
    for (int i = 0; i < values.length; i++) {
      values[i] *= i % width < columns ? factor : 1;
    }
  }

  /** Makes the tensor wider and higher; new elements are {@code fill}. */
  void enlarge(String name, List<Integer> shape, float fill) {
    float[] old = tensors.get(name);
    int oldWidth = shapes.get(name).getLast();
    int width = shape.getLast();
    float[] values = new float[shape.stream().reduce(1, Math::multiplyExact)];
    for (int i = 0; i < values.length; i++) {
      int at = i / width * oldWidth + i % width;
      values[i] = i % width < oldWidth && at < old.length ? old[at] : fill;
    }
    put(name, shape, values);
  }

  /** Writes config.json and model.safetensors. */
  void write(Path folder) throws IOException {
    var header = new LinkedHashMap<String, Object>();
    var data = new ByteArrayOutputStream();
    tensors.forEach(
        (name, values) -> {
          int from = data.size();
          var bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
          bytes.asFloatBuffer().put(values);
          data.writeBytes(bytes.array());
          header.put(
              name,
              Map.of(
                  "dtype",
                  "F32",
                  "shape",
                  shapes.get(name),
                  "data_offsets",
                  List.of(from, data.size())));
        });
    byte[] json = JSON.std.asString(header).getBytes(StandardCharsets.UTF_8);
    var file = ByteBuffer.allocate(8 + json.length + data.size()).order(ByteOrder.LITTLE_ENDIAN);
    file.putLong(json.length).put(json).put(data.toByteArray());
    Files.write(folder.resolve("model.safetensors"), file.array());
    Files.writeString(folder.resolve("config.json"), JSON.std.asString(config));
  }
}
