package org.fastgpt.model;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** Writes files as {@code torch.save} does, and such as it never would. */
final class TorchWriter {
  /** A storage class such as "FloatStorage", and what the file says of it. */
  record Storage(String type, String key, long elements, byte[] bytes) {}

  /** A view of a storage. */
  record View(Storage storage, long offset, List<Long> shape, List<Long> strides) {}

  /** Bytes that are put into the pickle as they are. */
  record Raw(byte[] opcodes) {}

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final Map<String, Storage> storages = new LinkedHashMap<>();

  private TorchWriter() {}

  /** A row-major tensor of float32 with a storage of its own. */
  static View floats(String key, List<Long> shape, float... values) {
    var bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return of(new Storage("FloatStorage", key, values.length, bytes.array()), shape);
  }

  /** A row-major tensor at the begin of a storage. */
  static View of(Storage storage, List<Long> shape) {
    var strides = new Long[shape.size()];
    long step = 1;
    for (int i = strides.length - 1; i >= 0; i--) {
      strides[i] = step;
      step *= shape.get(i);
    }
    return new View(storage, 0, shape, List.of(strides));
  }

  /** An archive of PyTorch 1.6 and later. */
  static byte[] zip(Object root) {
    return zip(root, Map.of("m/version", "3\n", "m/byteorder", "little"));
  }

  /** The same with other entries beside pickle and data. */
  static byte[] zip(Object root, Map<String, String> others) {
    var writer = new TorchWriter();
    var entries = new LinkedHashMap<String, byte[]>();
    entries.put("m/data.pkl", writer.pickle(root));
    others.forEach((name, text) -> entries.put(name, text.getBytes(StandardCharsets.UTF_8)));
    writer.storages.values().forEach(s -> entries.put("m/data/" + s.key, s.bytes));
    return stored(entries);
  }

  /** A zip file of entries that are stored as they are. */
  static byte[] stored(Map<String, byte[]> entries) {
    var bytes = new ByteArrayOutputStream();
    try (var zip = new ZipOutputStream(bytes)) {
      for (var e : entries.entrySet()) {
        var entry = new ZipEntry(e.getKey());
        var crc = new CRC32();
        crc.update(e.getValue());
        entry.setMethod(ZipEntry.STORED);
        entry.setSize(e.getValue().length);
        entry.setCrc(crc.getValue());
        zip.putNextEntry(entry);
        zip.write(e.getValue());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  /** A file of PyTorch before 1.6. */
  static byte[] legacy(Object root) {
    var writer = new TorchWriter();
    var file = new ByteArrayOutputStream();
    file.writeBytes(bytes(0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50));
    file.writeBytes(bytes(0x19, '.'));
    file.writeBytes(new TorchWriter().pickle(1001L));
    file.writeBytes(new TorchWriter().pickle(Map.of("little_endian", true)));
    file.writeBytes(writer.pickle(root));
    file.writeBytes(new TorchWriter().pickle(List.copyOf(writer.storages.keySet())));
    for (Storage s : writer.storages.values()) {
      file.writeBytes(
          ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(s.elements).array());
      file.writeBytes(s.bytes);
    }
    return file.toByteArray();
  }

  private byte[] pickle(Object root) {
    opcodes(0x80, 2);
    value(root);
    opcodes('.');
    return out.toByteArray();
  }

  private void value(Object value) {
    switch (value) {
      case Raw raw -> out.writeBytes(raw.opcodes);
      case Boolean b -> opcodes(b ? 0x88 : 0x89);
      case Number n -> number(0x8a, 8, n.longValue(), 8);
      case String s -> text(s);
      case View view -> view(view);
      case List<?> list -> {
        opcodes(']', '(');
        list.forEach(this::value);
        opcodes('e');
      }
      case Map<?, ?> map -> {
        opcodes('}', '(');
        map.forEach(
            (k, v) -> {
              value(k);
              value(v);
            });
        opcodes('u');
      }
      default -> throw new IllegalArgumentException(value.toString());
    }
  }

  private void view(View view) {
    storages.putIfAbsent(view.storage.key, view.storage);
    name("torch._utils", "_rebuild_tensor_v2");
    opcodes('(', '(');
    text("storage");
    name("torch", view.storage.type);
    text(view.storage.key);
    text("cpu");
    value(view.storage.elements);
    opcodes('t', 'Q');
    value(view.offset);
    opcodes('(');
    view.shape.forEach(this::value);
    opcodes('t', '(');
    view.strides.forEach(this::value);
    opcodes('t', 0x89);
    name("collections", "OrderedDict");
    opcodes(')', 'R', 't', 'R');
  }

  private void name(String module, String name) {
    out.writeBytes(("c" + module + "\n" + name + "\n").getBytes(StandardCharsets.UTF_8));
  }

  private void text(String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    number('X', -1, utf8.length, 4);
    out.writeBytes(utf8);
  }

  /** An opcode, perhaps a length of one byte, and a number of {@code n} bytes. */
  private void number(int opcode, int length, long value, int n) {
    opcodes(opcode);
    if (length >= 0) {
      opcodes(length);
    }
    for (int i = 0; i < n; i++) {
      opcodes((int) (value >> (8 * i)) & 0xFF);
    }
  }

  private void opcodes(int... opcodes) {
    out.writeBytes(bytes(opcodes));
  }

  private static byte[] bytes(int... values) {
    byte[] bytes = new byte[values.length];
    for (int i = 0; i < values.length; i++) {
      bytes[i] = (byte) values[i];
    }
    return bytes;
  }
}
