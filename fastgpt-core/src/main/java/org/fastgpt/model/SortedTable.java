package org.fastgpt.model;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * Reads a table of sorted keys as LevelDB has it, and TensorFlow for the index of a checkpoint
 * (google/leveldb {@code doc/table_format.md}, tensorflow {@code core/lib/io/table.cc}): blocks of
 * data, a block of metadata, a block that says where the others are, and a footer of 48 bytes. Each
 * block has a checksum, and all are checked.
 */
final class SortedTable {
  private static final long MAGIC = 0xDB4775248B80FB57L;
  private static final int FOOTER_BYTES = 48;
  private static final int TRAILER_BYTES = 5; // of a block: how it is compressed, its checksum

  /** The index of the largest GPT-2, 580 tensors, takes about 30 kB. */
  private static final long MAX_BYTES = 1 << 20;

  /** A few bytes can give a key as long as the one before: this bounds what all of them take. */
  private static final int MAX_KEY_BYTES = 256;

  private final Path file;
  private final ByteBuffer bytes;
  private final int footer;

  private String lastKey; // of the data so far; null before the first
  private long end; // of the blocks so far

  private SortedTable(Path file) {
    this.file = file;
    this.bytes = ByteBuffer.wrap(ModelFile.bytes(file, MAX_BYTES));
    this.footer = bytes.limit() - FOOTER_BYTES;
  }

  /** Hears of one entry; each byte of the key is a char. */
  @FunctionalInterface
  interface Each {
    void accept(String key, ByteBuffer value);
  }

  /**
   * Names all entries, by rising key.
   *
   * @throws ModelException the file is not a whole and valid table
   */
  static void forEach(Path file, Each each) {
    new SortedTable(file).forEach(each);
  }

  private void forEach(Each each) {
    if (footer < 0 || littleEndian(bytes).getLong(bytes.limit() - 8) != MAGIC) {
      throw bad("the end of a table expected, not found: another kind of file, or cut off");
    }
    ByteBuffer handles = bytes.slice(footer, FOOTER_BYTES - 8);
    Handle metadata = handle(handles);
    Handle index = handle(handles);
    // The blocks follow one another, so none is read twice.
    entries(
        contents(index), (_, value) -> entries(next(handle(value)), (k, v) -> rising(k, v, each)));
    next(metadata); // empty, and not read by TensorFlow either
    next(index);
    if (end != footer) {
      throw bad((footer - end) + " bytes found between the last block and the footer");
    }
  }

  /** Where a block is, without its trailer. */
  private record Handle(long offset, long size) {}

  private Handle handle(ByteBuffer in) {
    String where = file + ": where a block is";
    return new Handle(Protobuf.varint(in, where), Protobuf.varint(in, where));
  }

  private void rising(String key, ByteBuffer value, Each each) {
    if (lastKey != null && key.compareTo(lastKey) <= 0) {
      throw bad("rising keys expected, '" + key + "' found after '" + lastKey + "'");
    }
    lastKey = key;
    each.accept(key, value);
  }

  /** The contents of the block, which begins where the one before has ended. */
  private ByteBuffer next(Handle block) {
    if (block.offset != end) {
      throw bad("a block at " + end + " expected, found at " + block.offset);
    }
    ByteBuffer contents = contents(block);
    end += block.size + TRAILER_BYTES;
    return contents;
  }

  private ByteBuffer contents(Handle block) {
    String name = "block of " + block.size + " bytes at " + block.offset;
    long most = (long) footer - TRAILER_BYTES;
    if (block.offset < 0 || block.size < 0 || block.offset > most - block.size) {
      throw bad(name + ": it is not within the " + footer + " bytes of blocks");
    }
    int offset = (int) block.offset;
    int size = (int) block.size;
    // The checksum is over what is stored, and over the byte after it, which says how.
    int stored = Crc32c.unmasked(littleEndian(bytes).getInt(offset + size + 1));
    if (Crc32c.of(bytes.slice(offset, size + 1)) != stored) {
      throw bad(name + ": its checksum is another one: the file is damaged");
    }
    int compression = bytes.get(offset + size);
    if (compression != 0) {
      throw bad(
          name
              + ": compressed (type "
              + compression
              + "), which is not supported; TensorFlow 1.2 and later write it uncompressed");
    }
    return bytes.slice(offset, size);
  }

  /**
   * The entries of a block: how many bytes of the key are those of the key before, how many follow,
   * how many the value has; the bytes. At the end a list of where a search can start, and its
   * length.
   */
  private void entries(ByteBuffer block, Each each) {
    int n = block.limit();
    int starts = n < 4 ? -1 : littleEndian(block).getInt(n - 4);
    if (starts < 0 || starts > (n - 4) / 4) {
      throw bad("a block of " + n + " bytes does not end in a list, as it should");
    }
    ByteBuffer in = block.slice(0, n - 4 - 4 * starts);
    byte[] key = {};
    while (in.hasRemaining()) {
      String where = file + ": an entry";
      long shared = Protobuf.varint(in, where);
      long more = Protobuf.varint(in, where);
      long valueBytes = Protobuf.varint(in, where);
      if (shared < 0 || shared > key.length || more < 0 || more > MAX_KEY_BYTES - shared) {
        throw bad(
            "a key of at most "
                + MAX_KEY_BYTES
                + " bytes expected, found: "
                + shared
                + " of the "
                + key.length
                + " before, and "
                + more);
      }
      key = Arrays.copyOf(key, (int) (shared + more));
      Protobuf.slice(in, more, where).get(key, (int) shared, (int) more);
      each.accept(
          new String(key, StandardCharsets.ISO_8859_1), Protobuf.slice(in, valueBytes, where));
    }
  }

  private static ByteBuffer littleEndian(ByteBuffer bytes) {
    return bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
  }

  private ModelException bad(String what) {
    return new ModelException(file + ": " + what);
  }
}
