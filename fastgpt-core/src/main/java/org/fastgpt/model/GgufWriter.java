package org.fastgpt.model;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Lays out a GGUF file, version 3, as gguf-py's GGUFWriter: keys and tensors in the order in which
 * they come, each tensor padded to a multiple of 32 bytes.
 */
final class GgufWriter {
  private static final int VERSION = 3;

  private record Item(String name, Gguf.Type type, List<Integer> shape, FilePlan.Data data) {}

  private final ByteArrayOutputStream keys = new ByteArrayOutputStream();
  private final List<Item> tensors = new ArrayList<>();
  private int nKeys;

  void uint32(String key, int value) {
    key(key, Gguf.UINT32);
    int32(keys, value);
  }

  void int32(String key, int value) {
    key(key, Gguf.INT32);
    int32(keys, value);
  }

  void float32(String key, float value) {
    key(key, Gguf.FLOAT32);
    int32(keys, Float.floatToRawIntBits(value));
  }

  void string(String key, String value) {
    key(key, Gguf.STRING);
    string(keys, value);
  }

  void strings(String key, List<String> values) {
    array(key, Gguf.STRING, values.size());
    values.forEach(value -> string(keys, value));
  }

  void int32s(String key, int[] values) {
    array(key, Gguf.INT32, values.length);
    for (int value : values) {
      int32(keys, value);
    }
  }

  /** A tensor whose bytes {@code data} gives, in whole blocks. */
  void tensor(String name, Gguf.Type type, List<Integer> shape, FilePlan.Data data) {
    tensors.add(new Item(name, type, shape, data));
  }

  /** Where the first tensor begins, in bytes from the file's begin. */
  int dataOffset() {
    return Math.ceilDiv(head().length, Gguf.DEFAULT_ALIGNMENT) * Gguf.DEFAULT_ALIGNMENT;
  }

  FilePlan plan() {
    var plan = new FilePlan();
    plan.add(head());
    plan.pad(Gguf.DEFAULT_ALIGNMENT);
    for (Item tensor : tensors) {
      plan.add(tensor.data, tensor.type.bytes(tensor.shape), tensor.type.blockBytes);
      plan.pad(Gguf.DEFAULT_ALIGNMENT);
    }
    return plan;
  }

  /** Magic, version, numbers, keys, and of each tensor what it is and where. */
  private byte[] head() {
    var head = new ByteArrayOutputStream();
    int32(head, Gguf.MAGIC);
    int32(head, VERSION);
    int64(head, tensors.size());
    int64(head, nKeys);
    head.writeBytes(keys.toByteArray());
    long offset = 0;
    for (Item tensor : tensors) {
      string(head, tensor.name);
      int32(head, tensor.shape.size());
      tensor.shape.reversed().forEach(d -> int64(head, d)); // the fastest first
      int32(head, tensor.type.number);
      int64(head, offset);
      long end = offset + tensor.type.bytes(tensor.shape);
      offset = Math.ceilDiv(end, (long) Gguf.DEFAULT_ALIGNMENT) * Gguf.DEFAULT_ALIGNMENT;
    }
    return head.toByteArray();
  }

  private void key(String key, int type) {
    nKeys++;
    string(keys, key);
    int32(keys, type);
  }

  private void array(String key, int type, int size) {
    key(key, Gguf.ARRAY);
    int32(keys, type);
    int64(keys, size);
  }

  private static void string(ByteArrayOutputStream out, String value) {
    byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
    int64(out, utf8.length);
    out.writeBytes(utf8);
  }

  private static void int32(ByteArrayOutputStream out, int value) {
    out.writeBytes(ByteBuffer.allocate(4).order(Gguf.INT.order()).putInt(value).array());
  }

  private static void int64(ByteArrayOutputStream out, long value) {
    out.writeBytes(ByteBuffer.allocate(8).order(Gguf.LONG.order()).putLong(value).array());
  }
}
