package org.fastgpt.model;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * A GGUF file, opened: keys with values, and tensors. Versions 2 and 3, little-endian, as in ggml's
 * docs/gguf.md. What the keys and the tensors mean is not known here.
 *
 * @param file for messages
 * @param values by key: Long (all whole numbers), Double, Boolean, String, or {@link Array}
 * @param tensors by name, in the order of the file
 */
record Gguf(Path file, Map<String, Object> values, Map<String, Tensor> tensors) {
  static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  static final int MAGIC = 0x46554747; // the bytes "GGUF"
  static final String ALIGNMENT = "general.alignment";
  static final int DEFAULT_ALIGNMENT = 32;

  // Types of values.
  static final int UINT32 = 4;
  static final int INT32 = 5;
  static final int FLOAT32 = 6;
  static final int STRING = 8;
  static final int ARRAY = 9;

  Gguf {
    values = Collections.unmodifiableMap(values);
    tensors = Collections.unmodifiableMap(tensors);
  }

  /**
   * The types of tensors that are read, by ggml's numbers: elements come in blocks, each of as many
   * bytes.
   */
  enum Type {
    F32(0, 1, 4),
    F16(1, 1, 2),
    Q8_0(8, 32, 34), // a scale of float16, and 32 bytes
    I8(24, 1, 1),
    I16(25, 1, 2),
    I32(26, 1, 4),
    I64(27, 1, 8),
    F64(28, 1, 8),
    BF16(30, 1, 2);

    final int number;
    final int blockElements;
    final int blockBytes;

    Type(int number, int blockElements, int blockBytes) {
      this.number = number;
      this.blockElements = blockElements;
      this.blockBytes = blockBytes;
    }

    static Optional<Type> of(int number) {
      return Arrays.stream(values()).filter(type -> type.number == number).findFirst();
    }

    /**
     * Size of a tensor in bytes.
     *
     * @throws ArithmeticException larger than any file
     */
    long bytes(List<Integer> shape) {
      long elements = shape.stream().mapToLong(d -> d).reduce(1, Math::multiplyExact);
      return Math.multiplyExact(elements / blockElements, blockBytes);
    }

    /** A type that is not in the list, by the name under which its users know it. */
    static String nameOf(int number) {
      Map<Integer, String> others =
          Map.of(
              2, "Q4_0", 3, "Q4_1", 6, "Q5_0", 7, "Q5_1", 10, "Q2_K", 11, "Q3_K", 12, "Q4_K", 13,
              "Q5_K", 14, "Q6_K");
      return others.getOrDefault(number, "number " + Integer.toUnsignedString(number));
    }
  }

  /**
   * A tensor as it lies in the file.
   *
   * @param shape as PyTorch has it: the file has the dimensions in the other order
   */
  record Tensor(String name, Type type, List<Integer> shape, MemorySegment data) {}

  /**
   * An array, not yet read: a vocabulary is only wanted by who has text.
   *
   * @param type of its elements
   */
  record Array(int type, int size, MemorySegment data) {}

  /**
   * Opens the file.
   *
   * @throws ModelException it is not a whole and valid GGUF file
   */
  static Gguf open(Path file, Arena arena) {
    return new GgufReader(file, ModelFile.map(file, arena)).read();
  }

  /** The value of {@code key}, if there is one. */
  Optional<Object> find(String key) {
    return Optional.ofNullable(values.get(key));
  }

  /** The whole number under {@code key}, which must be there and in [1, {@code most}]. */
  int size(String key, int most) {
    Object value = values.get(key);
    if (value instanceof Long n && n >= 1 && n <= most) {
      return n.intValue();
    }
    throw wrong(key, "a whole number in [1, " + most + "]", value);
  }

  /** An array of strings, such as the tokens. */
  List<String> strings(String key) {
    Array array = array(key, STRING, "an array of strings");
    var reader = new GgufReader(file, array.data);
    return IntStream.range(0, array.size).mapToObj(_ -> reader.string(key)).toList();
  }

  /** An array of int32. */
  int[] ints(String key) {
    return array(key, INT32, "an array of int32").data.toArray(INT);
  }

  private Array array(String key, int type, String expected) {
    if (values.get(key) instanceof Array array && array.type == type) {
      return array;
    }
    throw wrong(key, expected, values.get(key));
  }

  /**
   * The tensor {@code name}.
   *
   * @throws ModelException it is missing, or of another type or shape
   */
  Tensor tensor(String name, Type type, List<Integer> shape) {
    Tensor tensor = tensors.get(name);
    if (tensor == null || tensor.type != type || !tensor.shape.equals(shape)) {
      String found = tensor == null ? "nothing" : tensor.type + " " + tensor.shape;
      throw bad("tensor " + name + ": " + type + " " + shape + " expected, " + found + " found");
    }
    return tensor;
  }

  /** A value that is not as it should be. */
  ModelException wrong(String key, String expected, Object found) {
    String shown =
        switch (found) {
          case null -> "nothing";
          case String s -> "'" + s + "'";
          case Array a -> "an array of " + a.size;
          default -> found.toString();
        };
    return bad(key + ": " + expected + " expected, " + shown + " found");
  }

  ModelException bad(String what) {
    return new ModelException(file + ": " + what);
  }

  /** Such as "F32, Q8_0": the types of the tensors. */
  String types() {
    return tensors.values().stream()
        .map(Tensor::type)
        .collect(Collectors.toMap(t -> t, t -> t, (a, _) -> a, LinkedHashMap::new))
        .keySet()
        .stream()
        .sorted()
        .map(Type::name)
        .collect(Collectors.joining(", "));
  }
}
