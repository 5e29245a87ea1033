package org.fastgpt.model;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads a GGUF file from its first byte on: magic and version; the numbers of tensors and of keys;
 * keys with types and values; of each tensor name, dimensions, type and offset; then, aligned, the
 * tensors. The file may be anybody's: nothing is read past its end, and nothing is reserved for
 * more elements than the bytes that are left can hold.
 */
final class GgufReader {
  private static final long MAX_HEADER = 100_000_000; // 124M's is 2 MB
  private static final int MAX_NAME = 65535;
  private static final int MAX_DIMENSIONS = 4; // as ggml
  private static final long LEAST_KEY_BYTES = 8 + 4 + 1;
  private static final long LEAST_TENSOR_BYTES = 8 + 4 + 4 + 8;

  /** Bytes of a value by its type's number; 0 where they vary. */
  private static final int[] VALUE_BYTES = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

  private final Path file;
  private final MemorySegment all;
  private final long headerEnd; // the header must end here or before
  private long at;

  private record Info(String name, Gguf.Type type, List<Integer> shape, long offset) {}

  GgufReader(Path file, MemorySegment all) {
    this.file = file;
    this.all = all;
    this.headerEnd = Math.min(all.byteSize(), MAX_HEADER);
  }

  Gguf read() {
    if (all.byteSize() < 4 || int32("the magic") != Gguf.MAGIC) {
      throw bad("a GGUF file expected, other bytes found");
    }
    int version = int32("the version");
    if (version != 2 && version != 3) {
      String why = Integer.reverseBytes(version) == 3 ? " (a big-endian file?)" : "";
      throw bad(
          "GGUF version 2 or 3 expected, " + Integer.toUnsignedString(version) + " found" + why);
    }
    int nTensors = count("number of tensors", LEAST_TENSOR_BYTES);
    int nKeys = count("number of keys", LEAST_KEY_BYTES);
    Map<String, Object> values = values(nKeys);
    List<Info> infos = new ArrayList<>();
    for (int i = 0; i < nTensors; i++) {
      infos.add(info());
    }
    return new Gguf(file, values, tensors(infos, alignment(values)));
  }

  private Map<String, Object> values(int n) {
    var values = new LinkedHashMap<String, Object>();
    for (int i = 0; i < n; i++) {
      String key = name("a key");
      if (values.put(key, value(key, int32(key))) != null) {
        throw bad("key " + key + " is there twice");
      }
    }
    return values;
  }

  private Object value(String key, int type) {
    return switch (type) {
      case 0 -> (long) Byte.toUnsignedInt(int8(key));
      case 1 -> (long) int8(key);
      case 2 -> (long) Short.toUnsignedInt(int16(key));
      case 3 -> (long) int16(key);
      case Gguf.UINT32 -> Integer.toUnsignedLong(int32(key));
      case Gguf.INT32 -> (long) int32(key);
      case Gguf.FLOAT32 -> (double) Float.intBitsToFloat(int32(key));
      case 7 -> int8(key) != 0;
      case Gguf.STRING -> string(key);
      case Gguf.ARRAY -> array(key);
      case 10, 11 -> int64(key); // what needs all 64 bits unsigned is too large for all here
      case 12 -> Double.longBitsToDouble(int64(key));
      default -> throw badType(key, type);
    };
  }

  /** Looks only as far as is needed to know where the array ends. */
  private Gguf.Array array(String key) {
    int type = int32(key);
    int bytes = type >= 0 && type < VALUE_BYTES.length ? VALUE_BYTES[type] : 0;
    if (bytes == 0 && type != Gguf.STRING) {
      throw badType(key + ": array", type);
    }
    int size = count(key + ": number of elements", bytes == 0 ? 8 : bytes);
    long start = at;
    if (bytes > 0) {
      at += (long) size * bytes;
    } else {
      for (int i = 0; i < size; i++) {
        int length = length(key, MAX_HEADER); // moves on, past the number itself
        at += length;
      }
    }
    return new Gguf.Array(type, size, all.asSlice(start, at - start));
  }

  private Info info() {
    String name = name("the name of a tensor");
    int n = int32(name);
    if (n < 0 || n > MAX_DIMENSIONS) {
      throw bad("tensor " + name + ": at most 4 dimensions expected, " + n + " found");
    }
    var shape = new ArrayList<Integer>();
    for (int i = 0; i < n; i++) {
      long d = int64(name);
      if (d < 0 || d > Integer.MAX_VALUE) {
        throw bad(
            "tensor "
                + name
                + ": a size in [0, 2^31) expected, "
                + Long.toUnsignedString(d)
                + " found");
      }
      shape.addFirst((int) d); // the file has the fastest first
    }
    int number = int32(name);
    Gguf.Type type =
        Gguf.Type.of(number)
            .orElseThrow(
                () ->
                    bad(
                        "tensor "
                            + name
                            + ": type "
                            + Gguf.Type.nameOf(number)
                            + " is not supported; supported: F32, F16, BF16, Q8_0"));
    int width = shape.isEmpty() ? 1 : shape.getLast();
    if (width % type.blockElements != 0) {
      throw bad("tensor " + name + ": rows of " + width + " cannot be " + type);
    }
    return new Info(name, type, List.copyOf(shape), int64(name));
  }

  private int alignment(Map<String, Object> values) {
    Object value = values.getOrDefault(Gguf.ALIGNMENT, (long) Gguf.DEFAULT_ALIGNMENT);
    if (value instanceof Long n && n >= 1 && n <= 1 << 20 && Long.bitCount(n) == 1) {
      return n.intValue();
    }
    throw bad(Gguf.ALIGNMENT + ": a power of two up to 2^20 expected, " + value + " found");
  }

  /** Each tensor where the one before it ends, aligned, as ggml asks; up to the end of the file. */
  private Map<String, Gguf.Tensor> tensors(List<Info> infos, int alignment) {
    long start = aligned(at, alignment);
    long end = at;
    var tensors = new LinkedHashMap<String, Gguf.Tensor>();
    for (Info info : infos) {
      long begin = aligned(end, alignment);
      if (info.offset != begin - start) {
        throw bad(
            "tensor "
                + info.name
                + ": offset "
                + (begin - start)
                + " expected, "
                + Long.toUnsignedString(info.offset)
                + " found");
      }
      long bytes = bytes(info);
      if (begin > all.byteSize() || bytes > all.byteSize() - begin) {
        throw bad(
            "tensor "
                + info.name
                + ": "
                + bytes
                + " bytes expected, "
                + Math.max(0, all.byteSize() - begin)
                + " found");
      }
      end = begin + bytes;
      var tensor = new Gguf.Tensor(info.name, info.type, info.shape, all.asSlice(begin, bytes));
      if (tensors.put(info.name, tensor) != null) {
        throw bad("tensor " + info.name + " is there twice");
      }
    }
    if (all.byteSize() > aligned(end, alignment)) {
      throw bad((all.byteSize() - end) + " bytes found after the last tensor");
    }
    return tensors;
  }

  private static long aligned(long at, int alignment) {
    return Math.ceilDiv(at, (long) alignment) * alignment;
  }

  private long bytes(Info info) {
    try {
      return info.type.bytes(info.shape);
    } catch (ArithmeticException overflow) {
      throw new ModelException(
          file + ": tensor " + info.name + ": shape " + info.shape + " is larger than any file",
          overflow);
    }
  }

  private String name(String what) {
    return utf8(what, length(what, MAX_NAME));
  }

  String string(String what) {
    return utf8(what, length(what, MAX_HEADER));
  }

  /** The length of a string, whose bytes are all there. */
  private int length(String what, long most) {
    long length = int64(what);
    if (length < 0 || length > most || length > headerEnd - at) {
      throw bad(
          what
              + ": a string of at most "
              + Math.min(most, headerEnd - at)
              + " bytes expected, "
              + Long.toUnsignedString(length)
              + " announced");
    }
    return (int) length;
  }

  private String utf8(String what, int length) {
    byte[] bytes = all.asSlice(at, length).toArray(ValueLayout.JAVA_BYTE);
    at += length;
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new ModelException(file + ": " + what + ": not UTF-8", e);
    }
  }

  /** A number of things, for each of which at least {@code leastBytes} are there. */
  private int count(String what, long leastBytes) {
    long n = int64(what);
    if (n < 0 || n > (headerEnd - at) / leastBytes) {
      throw bad(
          what
              + ": "
              + Long.toUnsignedString(n)
              + " announced, "
              + (headerEnd - at)
              + " bytes are left for them");
    }
    return (int) n;
  }

  private byte int8(String what) {
    return all.get(ValueLayout.JAVA_BYTE, next(what, 1));
  }

  private short int16(String what) {
    return all.get(Gguf.SHORT, next(what, 2));
  }

  private int int32(String what) {
    return all.get(Gguf.INT, next(what, 4));
  }

  private long int64(String what) {
    return all.get(Gguf.LONG, next(what, 8));
  }

  private long next(String what, int bytes) {
    long here = at;
    if (headerEnd - here < bytes) {
      throw bad(what + ": the file ends, or its header is longer than " + MAX_HEADER + " bytes");
    }
    at = here + bytes;
    return here;
  }

  private ModelException badType(String what, int type) {
    return bad(what + ": type " + Integer.toUnsignedString(type) + " is unknown");
  }

  private ModelException bad(String what) {
    return new ModelException(file + ": " + what);
  }
}
