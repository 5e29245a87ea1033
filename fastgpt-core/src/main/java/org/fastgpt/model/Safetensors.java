package org.fastgpt.model;

import java.io.ByteArrayInputStream;
import java.io.InputStreamReader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads HuggingFace's safetensors files: 8 bytes of header length, little-endian; a JSON header of
 * name → dtype, shape, data_offsets [begin, end); the tensors, without a gap. The file may be
 * anybody's: all that the format promises is checked, by the rules of the reference implementation
 * (huggingface/safetensors, {@code SafeTensors::read_metadata}).
 */
final class Safetensors {
  static final ValueLayout.OfLong LENGTH =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final String METADATA = "__metadata__";
  private static final long MAX_HEADER = 100_000_000;

  private final Path file;

  private Safetensors(Path file) {
    this.file = file;
  }

  /**
   * The tensors of the file by their names in it, mapped for as long as {@code arena} is open.
   *
   * @throws ModelException the file is not a whole and valid safetensors file
   */
  static Map<String, StoredTensor> read(Path file, Arena arena) {
    return new Safetensors(file).read(ModelFile.map(file, arena));
  }

  private record Entry(
      String name, StoredTensor.DType dtype, List<Integer> shape, long begin, long end) {}

  private Map<String, StoredTensor> read(MemorySegment all) {
    long headerLength = headerLength(all);
    MemorySegment data = all.asSlice(8 + headerLength);
    List<Entry> entries = new ArrayList<>();
    header(all.asSlice(8, headerLength))
        .forEach(
            (name, info) -> {
              if (!name.equals(METADATA)) {
                entries.add(entry(name, info));
              }
            });
    checkLayout(entries, data.byteSize());
    var tensors = new LinkedHashMap<String, StoredTensor>();
    for (Entry e : entries) {
      tensors.put(
          e.name,
          new StoredTensor(e.name, e.dtype, e.shape, data.asSlice(e.begin, e.end - e.begin)));
    }
    return tensors;
  }

  private long headerLength(MemorySegment all) {
    long size = all.byteSize();
    if (size < 8) {
      throw bad("at least 8 bytes expected, " + size + " found");
    }
    long length = all.get(LENGTH, 0);
    if (length < 0 || length > MAX_HEADER) {
      throw bad(
          "a header of at most "
              + MAX_HEADER
              + " bytes expected, "
              + Long.toUnsignedString(length)
              + " announced");
    }
    if (length > size - 8) {
      throw bad("a header of " + length + " bytes announced, " + (size - 8) + " bytes found");
    }
    return length;
  }

  private Map<String, Object> header(MemorySegment bytes) {
    var utf8 = StandardCharsets.UTF_8.newDecoder(); // refuses what is not UTF-8
    var stream = new ByteArrayInputStream(bytes.toArray(ValueLayout.JAVA_BYTE));
    return Json.object(new InputStreamReader(stream, utf8), file);
  }

  private Entry entry(String name, Object info) {
    if (!(info instanceof Map<?, ?> map)
        || !(map.get("dtype") instanceof String dtype)
        || !(map.get("shape") instanceof List<?> shape)
        || !(map.get("data_offsets") instanceof List<?> offsets)
        || offsets.size() != 2) {
      throw bad(name + ": dtype, shape and data_offsets expected, " + Json.show(info) + " found");
    }
    List<Integer> dimensions = shape.stream().map(d -> dimension(name, d)).toList();
    return new Entry(
        name,
        dtype(name, dtype),
        dimensions,
        offset(name, offsets.getFirst()),
        offset(name, offsets.getLast()));
  }

  private StoredTensor.DType dtype(String name, String dtype) {
    for (var known : StoredTensor.DType.values()) {
      if (known.name().equals(dtype)) {
        return known;
      }
    }
    throw bad(name + ": dtype '" + dtype + "' is unknown");
  }

  private int dimension(String name, Object value) {
    if (value instanceof Integer i && i >= 0) {
      return i;
    }
    throw bad(name + ": shape: a size in [0, 2^31) expected, " + Json.show(value) + " found");
  }

  private long offset(String name, Object value) {
    if ((value instanceof Integer || value instanceof Long) && ((Number) value).longValue() >= 0) {
      return ((Number) value).longValue();
    }
    throw bad(name + ": data_offsets: a position expected, " + Json.show(value) + " found");
  }

  /** Each tensor as long as its shape says, one after the other, from first to last byte. */
  private void checkLayout(List<Entry> entries, long dataBytes) {
    List<Entry> inOrder = new ArrayList<>(entries);
    inOrder.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
    long at = 0;
    for (Entry e : inOrder) {
      String range = e.name + ": data_offsets [" + e.begin + ", " + e.end + ")";
      if (e.end > dataBytes || e.begin > e.end) {
        throw bad(range + " are not within the " + dataBytes + " bytes of data");
      }
      if (e.end - e.begin != bytes(e)) {
        throw bad(range + ", but " + e.dtype + " " + e.shape + " takes " + bytes(e) + " bytes");
      }
      if (e.begin != at) {
        throw bad(
            range
                + (e.begin < at ? " overlap" : " leave a gap after")
                + " the tensor before, which ends at "
                + at);
      }
      at = e.end;
    }
    if (at != dataBytes) {
      throw bad((dataBytes - at) + " bytes found after the last tensor");
    }
  }

  private long bytes(Entry e) {
    try {
      long bytes = e.dtype.bytes();
      for (int d : e.shape) {
        bytes = Math.multiplyExact(bytes, d);
      }
      return bytes;
    } catch (ArithmeticException overflow) {
      throw new ModelException(
          file + ": " + e.name + ": shape " + e.shape + " is larger than any file", overflow);
    }
  }

  private ModelException bad(String what) {
    return new ModelException(file + ": " + what);
  }
}
