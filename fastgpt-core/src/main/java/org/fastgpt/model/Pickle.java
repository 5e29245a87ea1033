package org.fastgpt.model;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigInteger;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads Python's pickles, protocols 2 to 5, as data. A pickle is a program: it can name any
 * function and have it called. Here a name that is not among the few of {@link Names} is refused,
 * and nothing is ever called but code of this project's own. So is an instruction that no
 * checkpoint needs; those there are, are those of Python's {@code pickletools}.
 *
 * <p>Nothing here recurses, and time and memory are bounded by {@link #MAX_BYTES} and {@link
 * #MAX_STEPS}, however the values are nested or shared. A value may contain itself: whoever walks
 * one must know how deep to go.
 *
 * <p>Values become Java's: {@code None} null, {@code int} {@link Long} or {@link BigInteger},
 * {@code float} {@link Double}, {@code str} {@link String}, {@code bytes} {@code byte[]}, {@code
 * list} {@link List}, {@code dict} {@link Map}, {@code tuple} {@link Tuple}.
 */
final class Pickle {
  /** A checkpoint of GPT-2 1558M has 0.1 MB of this, and its optimizer as much again. */
  static final long MAX_BYTES = 64 << 20;

  /** The same checkpoint takes 30,000; each makes one small object at most. */
  static final int MAX_STEPS = 1 << 20;

  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfDouble DOUBLE =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  /** What names in a pickle stand for. */
  interface Names {
    /** Nothing but plain values. */
    Names NONE =
        new Names() {
          @Override
          public boolean knows(String name) {
            return false;
          }

          @Override
          public Object call(String name, List<Object> arguments) {
            throw new AssertionError(name);
          }

          @Override
          public Object persistent(Object id) {
            throw new IllegalArgumentException("refers to something outside of it");
          }
        };

    /** Whether {@code name}, such as "collections.OrderedDict", may occur. */
    boolean knows(String name);

    /**
     * What a call of a known name gives.
     *
     * @throws IllegalArgumentException these arguments do not belong there; the message says why
     */
    Object call(String name, List<Object> arguments);

    /**
     * What the pickle refers to but does not hold.
     *
     * @throws IllegalArgumentException there is no such thing; the message says why
     */
    Object persistent(Object id);
  }

  /** A class or function, named but not called. */
  record Name(String name) {}

  /** Python's tuple. */
  record Tuple(List<Object> items) {}

  private final MemorySegment in;
  private final String source;
  private final Names names;
  private final Map<Long, Object> memo = new HashMap<>();
  private final List<Object> stack = new ArrayList<>();
  private final Deque<Integer> marks = new ArrayDeque<>();
  private long at;

  /**
   * Reads pickles out of {@code in}, one after the other.
   *
   * @param source what to call it in messages
   */
  Pickle(MemorySegment in, String source, Names names) {
    this.in = in;
    this.source = source;
    this.names = names;
  }

  /** Where the next byte is. */
  long position() {
    return at;
  }

  /**
   * The value of the pickle that begins here.
   *
   * @throws ModelException it is damaged, or would run code
   */
  Object read() {
    memo.clear();
    stack.clear();
    marks.clear();
    long start = at;
    for (int steps = 0; steps < MAX_STEPS; steps++) {
      if (at - start > MAX_BYTES) {
        throw bad("a pickle of at most " + MAX_BYTES + " bytes expected, more found");
      }
      int opcode = u1();
      if (opcode == '.') {
        return pop();
      }
      if (!value(opcode) && !container(opcode)) {
        call(opcode);
      }
    }
    throw bad("a pickle of at most " + MAX_STEPS + " steps expected, more found");
  }

  /** Pushes a value that stands in the pickle itself; false if the instruction is another one. */
  private boolean value(int opcode) {
    switch (opcode) {
      case 'N' -> stack.add(null);
      case 0x88 -> stack.add(true);
      case 0x89 -> stack.add(false);
      case 'K' -> stack.add((long) u1());
      case 'M' -> stack.add((long) Short.toUnsignedInt(in.get(SHORT, skip(2))));
      case 'J' -> stack.add((long) in.get(INT, skip(4)));
      case 0x8a -> stack.add(integer(u1()));
      case 'G' -> stack.add(in.get(DOUBLE, skip(8)));
      case 0x8c -> stack.add(text(u1()));
      case 'X' -> stack.add(text(u4()));
      case 0x8d -> stack.add(text(in.get(LONG, skip(8))));
      case 'C' -> stack.add(bytes(u1()));
      case 'B' -> stack.add(bytes(u4()));
      case 0x8e, 0x96 -> stack.add(bytes(in.get(LONG, skip(8))));
      default -> {
        return false;
      }
    }
    return true;
  }

  /** Makes or fills a container, or moves values; false if the instruction is another one. */
  private boolean container(int opcode) {
    switch (opcode) {
      case ']' -> stack.add(new ArrayList<>());
      case '}' -> stack.add(new LinkedHashMap<>());
      case ')' -> stack.add(new Tuple(List.of()));
      case 0x85 -> stack.add(new Tuple(pop(1)));
      case 0x86 -> stack.add(new Tuple(pop(2)));
      case 0x87 -> stack.add(new Tuple(pop(3)));
      case 't' -> stack.add(new Tuple(popToMark()));
      case 'a' -> append(pop(1));
      case 'e' -> append(popToMark());
      case 's' -> put(pop(2));
      case 'u' -> put(popToMark());
      case '(' -> marks.push(stack.size());
      case '0' -> pop();
      case '1' -> popToMark();
      case '2' -> stack.add(peek());
      case 'q' -> memo.put((long) u1(), peek());
      case 'r' -> memo.put(u4(), peek());
      case 0x94 -> memo.put((long) memo.size(), peek());
      case 'h' -> stack.add(remembered(u1()));
      case 'j' -> stack.add(remembered(u4()));
      default -> {
        return false;
      }
    }
    return true;
  }

  private void call(int opcode) {
    switch (opcode) {
      case 0x80 -> checkProtocol(u1());
      case 0x95 -> skip(8); // how long a frame is: only for readers of streams
      case 'c' -> stack.add(name(line(), line()));
      case 0x93 -> {
        List<Object> parts = pop(2);
        stack.add(name(string(parts.get(0)), string(parts.get(1))));
      }
      case 'R', 0x81 -> { // a function called, or an object of a class made
        Object arguments = pop();
        Object callee = pop();
        if (!(callee instanceof Name(String name)) || !(arguments instanceof Tuple(var items))) {
          throw bad("calls what is not a name, or without arguments");
        }
        stack.add(tried(() -> names.call(name, items)));
      }
      case 'b' -> { // an object's attributes; the objects known here are dicts, which need none
        Object state = pop();
        if (!(peek() instanceof Map) || !(state instanceof Map)) {
          throw bad("sets the state of what is not a dict");
        }
      }
      case 'Q' -> {
        Object id = pop();
        stack.add(tried(() -> names.persistent(id)));
      }
      default -> throw bad("instruction 0x%02x is not known here; refused".formatted(opcode));
    }
  }

  private void checkProtocol(int version) {
    if (version < 2 || version > 5) {
      throw bad("pickle protocol 2 to 5 expected, " + version + " found");
    }
  }

  private Name name(String module, String name) {
    String full = module + "." + name;
    if (!names.knows(full)) {
      throw bad("names " + full + ", which would run code; refused");
    }
    return new Name(full);
  }

  @FunctionalInterface
  private interface Call {
    Object result();
  }

  private Object tried(Call call) {
    try {
      return call.result();
    } catch (IllegalArgumentException e) {
      throw bad(e.getMessage());
    }
  }

  private void append(List<Object> values) {
    if (!(peek() instanceof List<?>)) {
      throw bad("appends to what is not a list");
    }
    @SuppressWarnings("unchecked") // all lists on the stack are made here
    var list = (List<Object>) peek();
    list.addAll(values);
  }

  private void put(List<Object> keysAndValues) {
    if (!(peek() instanceof Map<?, ?>) || keysAndValues.size() % 2 != 0) {
      throw bad("puts into what is not a dict, or a key without a value");
    }
    @SuppressWarnings("unchecked") // all maps on the stack are made here, or by Names
    var map = (Map<Object, Object>) peek();
    for (int i = 0; i < keysAndValues.size(); i += 2) {
      Object key = keysAndValues.get(i);
      // The hash of a container would be that of all that is in it, perhaps itself.
      if (!(key instanceof String || key instanceof Long || key instanceof Double)) {
        throw bad("a str or a number expected as a dict's key, another found");
      }
      map.put(key, keysAndValues.get(i + 1));
    }
  }

  private Object remembered(long index) {
    Object value = memo.get(index);
    if (value == null && !memo.containsKey(index)) {
      throw bad("memo " + index + " is read but not written");
    }
    return value;
  }

  /** The number of values that belong to an outer mark. */
  private int floor() {
    return marks.isEmpty() ? 0 : marks.peek();
  }

  private Object peek() {
    if (stack.size() == floor()) {
      throw bad("a value is missing");
    }
    return stack.getLast();
  }

  private Object pop() {
    Object value = peek();
    stack.removeLast();
    return value;
  }

  /** The last {@code n} values, the last one last. */
  private List<Object> pop(int n) {
    if (stack.size() - floor() < n) {
      throw bad("a value is missing");
    }
    List<Object> top = stack.subList(stack.size() - n, stack.size());
    List<Object> values = new ArrayList<>(top);
    top.clear();
    return values;
  }

  private List<Object> popToMark() {
    if (marks.isEmpty()) {
      throw bad("a mark is missing");
    }
    List<Object> values = pop(stack.size() - marks.peek());
    marks.pop();
    return values;
  }

  /** Where {@code n} bytes begin, which are read with this. */
  private long skip(long n) {
    if (n < 0 || n > in.byteSize() - at) {
      throw bad("ends in the middle");
    }
    if (n > MAX_BYTES) {
      throw bad("a value of at most " + MAX_BYTES + " bytes expected, " + n + " found");
    }
    at += n;
    return at - n;
  }

  private int u1() {
    return Byte.toUnsignedInt(in.get(ValueLayout.JAVA_BYTE, skip(1)));
  }

  private long u4() {
    return Integer.toUnsignedLong(in.get(INT, skip(4)));
  }

  /** The next {@code n} bytes. */
  private byte[] bytes(long n) {
    return in.asSlice(skip(n), n).toArray(ValueLayout.JAVA_BYTE);
  }

  /** A number of {@code n} bytes, the lowest first. */
  private Number integer(int n) {
    byte[] bytes = bytes(n);
    byte[] highestFirst = new byte[n + 1]; // one more: no byte at all is 0
    for (int i = 0; i < n; i++) {
      highestFirst[n - i] = bytes[i];
    }
    highestFirst[0] = (byte) (n > 0 && bytes[n - 1] < 0 ? -1 : 0);
    var number = new BigInteger(highestFirst);
    return number.bitLength() < 64 ? (Number) number.longValue() : number;
  }

  private String text(long n) {
    try {
      return StandardCharsets.UTF_8
          .newDecoder() // refuses what is not UTF-8
          .decode(in.asSlice(skip(n), n).asByteBuffer())
          .toString();
    } catch (CharacterCodingException e) {
      throw new ModelException(source + ": a str that is not UTF-8 ends at byte " + at, e);
    }
  }

  /** A name, up to the end of the line. */
  private String line() {
    long start = at;
    long length = 0;
    while (u1() != '\n') {
      length++;
    }
    at = start;
    String line = text(length);
    skip(1);
    return line;
  }

  private String string(Object value) {
    if (value instanceof String s) {
      return s;
    }
    throw bad("a name that is not a str");
  }

  private ModelException bad(String what) {
    return new ModelException(source + ": " + what + " (at byte " + at + ")");
  }
}
