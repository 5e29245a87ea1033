package org.fastgpt.model;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.TreeMap;

/** Writes the index of a TensorFlow checkpoint, right or wrong; and mends the checksums of one. */
final class Bundle {
  static final long MAGIC = 0xDB4775248B80FB57L;

  /** BundleHeaderProto: one shard, version 1. */
  static final byte[] HEADER = {0x08, 1, 0x1A, 2, 0x08, 1};

  /** Keys and values, in the order of the file. */
  final TreeMap<String, byte[]> entries = new TreeMap<>();

  /** The entries of the fixture. */
  static Bundle ofFixture() {
    var bundle = new Bundle();
    SortedTable.forEach(
        Data.FORMATS.resolve("openai").resolve("model.ckpt.index"),
        (key, value) -> {
          byte[] bytes = new byte[value.remaining()];
          value.get(bytes);
          bundle.entries.put(key, bytes);
        });
    return bundle;
  }

  /** BundleEntryProto; the checksum of a tensor that is not there. */
  static byte[] entry(int dtype, int shard, long offset, long size, int... shape) {
    return message(
        1,
        dtype,
        2,
        shape(shape),
        3,
        shard,
        4,
        offset,
        5,
        size,
        6 | (1 << 30), // fixed32
        Crc32c.masked(0));
  }

  private static byte[] shape(int... sizes) {
    var out = new ByteArrayOutputStream();
    for (int size : sizes) {
      out.writeBytes(message(2, message(1, size)));
    }
    return out.toByteArray();
  }

  /** Numbers of fields, and their values: bytes, or a number; 1 << 30 asks for 4 bytes. */
  static byte[] message(Object... fields) {
    var out = new ByteArrayOutputStream();
    for (int i = 0; i < fields.length; i += 2) {
      int number = (int) fields[i];
      switch (fields[i + 1]) {
        case byte[] bytes -> {
          varint(out, (number << 3) | 2);
          varint(out, bytes.length);
          out.writeBytes(bytes);
        }
        case Integer fixed when number >>> 30 == 1 -> {
          varint(out, ((number & 0xFFFF) << 3) | 5);
          out.writeBytes(littleEndian(fixed, 4));
        }
        case Number value -> {
          varint(out, number << 3);
          varint(out, value.longValue());
        }
        default -> throw new IllegalArgumentException(String.valueOf(fields[i + 1]));
      }
    }
    return out.toByteArray();
  }

  static void varint(ByteArrayOutputStream out, long value) {
    for (long rest = value; ; rest >>>= 7) {
      if (rest >>> 7 == 0) {
        out.write((int) rest);
        return;
      }
      out.write(((int) rest & 0x7F) | 0x80);
    }
  }

  /** The table, each block of it of {@code perBlock} entries, none of which shares its key. */
  byte[] table(int perBlock) {
    var out = new ByteArrayOutputStream();
    var index = new ByteArrayOutputStream();
    var block = new ByteArrayOutputStream();
    int n = 0;
    for (var e : entries.entrySet()) {
      add(block, e.getKey(), e.getValue());
      if (++n % perBlock == 0 || n == entries.size()) {
        add(index, e.getKey(), handle(out, block));
        block.reset();
      }
    }
    byte[] metadata = handle(out, block);
    byte[] indexHandle = handle(out, index);
    byte[] footer = Arrays.copyOf(metadata, 40);
    System.arraycopy(indexHandle, 0, footer, metadata.length, indexHandle.length);
    out.writeBytes(footer);
    out.writeBytes(littleEndian(MAGIC, 8));
    return out.toByteArray();
  }

  private static void add(ByteArrayOutputStream block, String key, byte[] value) {
    byte[] bytes = key.getBytes(StandardCharsets.ISO_8859_1);
    varint(block, 0);
    varint(block, bytes.length);
    varint(block, value.length);
    block.writeBytes(bytes);
    block.writeBytes(value);
  }

  /** Writes a block, its list of one start, its trailer; returns where it is. */
  private static byte[] handle(ByteArrayOutputStream out, ByteArrayOutputStream entries) {
    var block = new ByteArrayOutputStream();
    block.writeBytes(entries.toByteArray());
    block.writeBytes(littleEndian(0, 4));
    block.writeBytes(littleEndian(1, 4));
    var handle = new ByteArrayOutputStream();
    varint(handle, out.size());
    varint(handle, block.size());
    block.write(0); // not compressed
    block.writeBytes(littleEndian(checksum(block.toByteArray(), 0, block.size()), 4));
    out.writeBytes(block.toByteArray());
    return handle.toByteArray();
  }

  private static int checksum(byte[] bytes, int from, int length) {
    return Crc32c.masked(Crc32c.of(ByteBuffer.wrap(bytes, from, length)));
  }

  /** A folder with the fixture's other files, and this index. */
  Path write(Path folder) throws IOException {
    for (String name :
        new String[] {
          "hparams.json", "encoder.json", "vocab.bpe", "model.ckpt.data-00000-of-00001"
        }) {
      Files.copy(Data.FORMATS.resolve("openai").resolve(name), folder.resolve(name));
    }
    return Files.write(folder.resolve("model.ckpt.index"), table(1000));
  }

  /**
   * The fixture's index, edited in place, with checksums that are right again. It has its blocks at
   * 0, 891 and 904, of 886, 8 and 15 bytes.
   */
  static byte[] withGoodChecksums(byte[] index) {
    byte[] mended = index.clone();
    int[][] blocks = {{0, 886}, {891, 8}, {904, 15}};
    for (int[] block : blocks) {
      int end = block[0] + block[1] + 1;
      ByteBuffer.wrap(mended)
          .order(ByteOrder.LITTLE_ENDIAN)
          .putInt(end, checksum(mended, block[0], block[1] + 1));
    }
    return mended;
  }

  private static byte[] littleEndian(long value, int bytes) {
    byte[] out = new byte[bytes];
    for (int i = 0; i < bytes; i++) {
      out[i] = (byte) (value >>> (8 * i));
    }
    return out;
  }
}
