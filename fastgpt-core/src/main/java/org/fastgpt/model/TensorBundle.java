package org.fastgpt.model;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.fastgpt.model.Protobuf.Field;
import org.fastgpt.model.StoredTensor.DType;

/**
 * Reads a checkpoint of TensorFlow (tensorflow {@code core/protobuf/tensor_bundle.proto}, {@code
 * core/util/tensor_bundle/tensor_bundle.cc}): NAME.index, a {@link SortedTable} of each tensor's
 * type, shape, place and checksum, and the shards NAME.data-00000-of-00001, ..., which are their
 * values, one after the other.
 */
final class TensorBundle {
  private static final int DT_FLOAT = 1; // core/framework/types.proto
  private static final int MAX_SHARDS = 99_999; // the names have five digits
  private static final int MAX_DIMENSIONS = 8;
  private static final int VERSION = 1; // of the bundle, of which readers know up to this

  private final Path index;
  private final List<Entry> entries = new ArrayList<>();
  private int shards; // 0 until the first entry, which says it

  private TensorBundle(Path index) {
    this.index = index;
    SortedTable.forEach(index, this::add);
    if (shards == 0) {
      throw bad("no entry found");
    }
  }

  /**
   * A tensor of a checkpoint.
   *
   * @param tensor by its name in the checkpoint
   * @param crc32c of its bytes
   */
  record Stored(StoredTensor tensor, Path shard, int crc32c) {}

  private record Entry(
      String name, List<Integer> shape, long bytes, int shard, long offset, int crc32c) {
    long end() {
      return offset + bytes;
    }
  }

  /**
   * The tensors of the checkpoint, by shard and place, mapped for as long as {@code arena} is open.
   * Their checksums are not compared: that would read all of it.
   *
   * @throws ModelException a file is not whole and valid, or has a tensor that is not of float32
   */
  static List<Stored> read(Path index, Arena arena) {
    return new TensorBundle(index).read(arena);
  }

  private List<Stored> read(Arena arena) {
    var stored = new ArrayList<Stored>();
    entries.sort(
        Comparator.comparingInt(Entry::shard)
            .thenComparingLong(Entry::offset)
            .thenComparingLong(Entry::end));
    var byShard = entries.stream().collect(Collectors.groupingBy(Entry::shard));
    byShard.forEach((shard, its) -> stored.addAll(read(shard(shard), its, arena)));
    return stored;
  }

  /** The tensors of one shard: each after the one before, from the first byte to the last. */
  private static List<Stored> read(Path shard, List<Entry> entries, Arena arena) {
    MemorySegment data = ModelFile.map(shard, arena);
    var stored = new ArrayList<Stored>();
    long at = 0;
    for (Entry e : entries) {
      if (e.offset != at || e.end() > data.byteSize()) {
        throw new ModelException(
            String.format(
                Locale.ROOT,
                "%s: %s: %d bytes at %d expected within its %d bytes, the index says at %d",
                shard,
                e.name,
                e.bytes,
                at,
                data.byteSize(),
                e.offset));
      }
      var tensor = new StoredTensor(e.name, DType.F32, e.shape, data.asSlice(e.offset, e.bytes));
      stored.add(new Stored(tensor, shard, e.crc32c));
      at = e.end();
    }
    if (at != data.byteSize()) {
      throw new ModelException(
          shard + ": " + (data.byteSize() - at) + " bytes found after the last tensor");
    }
    return stored;
  }

  private Path shard(int shard) {
    String name = index.getFileName().toString().replaceFirst("\\.index$", "");
    return index.resolveSibling(
        String.format(Locale.ROOT, "%s.data-%05d-of-%05d", name, shard, shards));
  }

  private void add(String key, ByteBuffer value) {
    if (shards == 0) {
      header(key, value);
    } else {
      entries.add(entry(key, value));
    }
  }

  /** BundleHeaderProto, which has the empty key. */
  private void header(String key, ByteBuffer value) {
    if (!key.isEmpty()) {
      throw bad("an empty key expected first, '" + key + "' found");
    }
    for (Field field : Protobuf.fields(value, index + ": header")) {
      switch (field.number()) {
        case 1 -> shards = (int) field.inRange("num_shards", MAX_SHARDS);
        case 2 -> field.inRange("endianness (0: little)", 0);
        case 3 ->
            field.message("version").stream()
                .filter(f -> f.number() == 2)
                .forEach(f -> f.inRange("min_consumer", VERSION));
        default -> {} // as protobuf has it: of a later version, and not needed
      }
    }
    if (shards == 0) {
      throw bad("header: num_shards: at least 1 expected, 0 found");
    }
  }

  /** BundleEntryProto. */
  private Entry entry(String name, ByteBuffer value) {
    String where = index + ": " + name;
    List<Integer> shape = List.of();
    int dtype = 0;
    int shard = 0;
    long offset = 0;
    long size = 0;
    int crc32c = 0;
    for (Field field : Protobuf.fields(value, where)) {
      switch (field.number()) {
        case 1 -> dtype = (int) field.inRange("dtype", Integer.MAX_VALUE);
        case 2 -> shape = shape(field);
        case 3 -> shard = (int) field.inRange("shard_id", shards - 1);
        case 4 -> offset = field.inRange("offset", Long.MAX_VALUE);
        case 5 -> size = field.inRange("size", Long.MAX_VALUE);
        case 6 -> crc32c = Crc32c.unmasked((int) field.inRange("crc32c", 0xFFFF_FFFFL));
        case 7 -> throw new ModelException(where + ": a tensor in slices is not supported");
        default -> {} // as protobuf has it
      }
    }
    if (dtype != DT_FLOAT) {
      throw new ModelException(
          where + ": dtype " + DT_FLOAT + " (float32) expected, " + dtype + " found");
    }
    if (size != bytes(shape, where) || offset > Long.MAX_VALUE - size) {
      throw new ModelException(
          where + ": " + size + " bytes at " + offset + " found, for a shape of " + shape);
    }
    return new Entry(name, shape, size, shard, offset, crc32c);
  }

  /** TensorShapeProto: of each dimension its size and, not needed, its name. */
  private static List<Integer> shape(Field field) {
    var shape = new ArrayList<Integer>();
    for (Field dimension : field.message("shape")) {
      if (dimension.number() == 2) {
        long size = 0;
        for (Field f : dimension.message("dim")) {
          size = f.number() == 1 ? f.inRange("size", Integer.MAX_VALUE) : size;
        }
        shape.add((int) size);
      }
    }
    if (shape.size() > MAX_DIMENSIONS) {
      throw new ModelException(
          field.where()
              + ": at most "
              + MAX_DIMENSIONS
              + " dimensions expected, "
              + shape.size()
              + " found");
    }
    return List.copyOf(shape);
  }

  private static long bytes(List<Integer> shape, String where) {
    try {
      long bytes = DType.F32.bytes();
      for (int d : shape) {
        bytes = Math.multiplyExact(bytes, d);
      }
      return bytes;
    } catch (ArithmeticException overflow) {
      throw new ModelException(where + ": shape " + shape + " is larger than any file", overflow);
    }
  }

  private ModelException bad(String what) {
    return new ModelException(index + ": " + what);
  }
}
