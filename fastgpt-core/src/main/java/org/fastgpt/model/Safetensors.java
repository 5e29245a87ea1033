package org.fastgpt.model;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads HuggingFace's safetensors files. */
final class Safetensors {
  private Safetensors() {}

  static Map<String, StoredTensor> map(Path file, Arena arena) throws IOException {
    try (var channel = FileChannel.open(file, StandardOpenOption.READ)) {
      MemorySegment all = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      long n = all.get(ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 0);
      String header =
          new String(all.asSlice(8, n).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
      var tensors = new LinkedHashMap<String, StoredTensor>();
      for (var e : JSON.std.mapFrom(header).entrySet()) {
        if (e.getKey().equals("__metadata__")) {
          continue;
        }
        var info = (Map<?, ?>) e.getValue();
        var offsets = (List<?>) info.get("data_offsets");
        long from = ((Number) offsets.get(0)).longValue();
        long to = ((Number) offsets.get(1)).longValue();
        String name = e.getKey().replaceFirst("^transformer\\.", "");
        List<Integer> shape =
            ((List<?>) info.get("shape")).stream().map(d -> ((Number) d).intValue()).toList();
        tensors.put(
            name,
            new StoredTensor(
                name,
                StoredTensor.DType.valueOf((String) info.get("dtype")),
                shape,
                all.asSlice(8 + n + from, to - from)));
      }
      return tensors;
    }
  }
}
