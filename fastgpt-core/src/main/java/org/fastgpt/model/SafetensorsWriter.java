package org.fastgpt.model;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Writes a safetensors file of any size. The first tensor starts at a multiple of 64 bytes. */
final class SafetensorsWriter {

  /** A tensor to be written: row-major, little-endian. */
  record Item(String name, StoredTensor.DType dtype, List<Integer> shape, FilePlan.Data data) {
    long bytes() {
      return shape.stream().mapToLong(d -> d).reduce(dtype.bytes(), Math::multiplyExact);
    }
  }

  private final FilePlan plan = new FilePlan();

  /** Lays the tensors out in the order given. */
  SafetensorsWriter(List<Item> items) {
    Map<String, Object> header = new LinkedHashMap<>();
    header.put(Safetensors.METADATA, Map.of("format", "pt")); // transformers asks for it
    long end = 0;
    for (Item item : items) {
      long begin = end;
      end += item.bytes();
      Map<String, Object> info = new LinkedHashMap<>();
      info.put("dtype", item.dtype.name());
      info.put("shape", item.shape);
      info.put("data_offsets", List.of(begin, end));
      header.put(item.name, info);
    }
    plan.add(head(header));
    items.forEach(item -> plan.add(item.data, item.bytes()));
  }

  /** Length of the file, in bytes. */
  long size() {
    return plan.size();
  }

  /** Writes the file, which must not exist yet. */
  void write(Path file, Progress progress) throws IOException {
    plan.write(file, progress);
  }

  /** Length and header, padded by spaces to a multiple of 64 bytes. */
  private static byte[] head(Map<String, Object> header) {
    try {
      byte[] json = JSON.std.asString(header).getBytes(StandardCharsets.UTF_8);
      int length = Math.ceilDiv(8 + json.length, 64) * 64;
      MemorySegment head = MemorySegment.ofArray(new byte[length]).fill((byte) ' ');
      head.set(Safetensors.LENGTH, 0, length - 8);
      head.asSlice(8).copyFrom(MemorySegment.ofArray(json));
      return head.toArray(ValueLayout.JAVA_BYTE);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
