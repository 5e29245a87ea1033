package org.fastgpt.model;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads messages in protobuf's wire format (protobuf.dev/programming-guides/encoding): a list of
 * numbered fields. What a number means is up to the caller, who skips those that it does not know.
 */
final class Protobuf {
  private static final int VARINT = 0;
  private static final int FIXED64 = 1;
  private static final int LENGTH_DELIMITED = 2;
  private static final int FIXED32 = 5;

  private Protobuf() {}

  /**
   * A field: a number, or bytes (text, or a message).
   *
   * @param where what the message is, for errors
   * @param bytes null if it is a number
   */
  record Field(int number, String where, long value, ByteBuffer bytes) {

    /** Its value, which must be a number in [0, max]. */
    long inRange(String name, long max) {
      if (bytes != null || value < 0 || value > max) {
        String found = bytes != null ? "bytes" : Long.toUnsignedString(value);
        throw new ModelException(
            where + ": " + name + ": a number in [0, " + max + "] expected, " + found + " found");
      }
      return value;
    }

    /** The fields of the message that it holds. */
    List<Field> message(String name) {
      if (bytes == null) {
        throw new ModelException(where + ": " + name + ": a message expected, a number found");
      }
      return fields(bytes, where + ": " + name);
    }
  }

  /**
   * The fields of a message, in its order.
   *
   * @param where what the message is, for errors
   */
  static List<Field> fields(ByteBuffer message, String where) {
    ByteBuffer in = message.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    var fields = new ArrayList<Field>();
    while (in.hasRemaining()) {
      long key = varint(in, where);
      int number = (int) (key >>> 3);
      if (key >>> 3 < 1 || key >>> 3 >= 1 << 29) {
        throw new ModelException(
            where + ": the number of a field expected, " + (key >>> 3) + " found");
      }
      fields.add(
          switch ((int) key & 7) {
            case VARINT -> new Field(number, where, varint(in, where), null);
            case FIXED64 -> new Field(number, where, require(in, 8, where).getLong(), null);
            case LENGTH_DELIMITED -> new Field(number, where, 0, delimited(in, where));
            case FIXED32 -> {
              long value = Integer.toUnsignedLong(require(in, 4, where).getInt());
              yield new Field(number, where, value, null);
            }
            default ->
                throw new ModelException(
                    where + ": field " + number + ": wire type " + (key & 7) + " is unknown");
          });
    }
    return fields;
  }

  private static ByteBuffer delimited(ByteBuffer in, String where) {
    return slice(in, varint(in, where), where);
  }

  /** The next {@code length} bytes, which {@code in} is moved over. */
  static ByteBuffer slice(ByteBuffer in, long length, String where) {
    require(in, length, where);
    ByteBuffer bytes = in.slice(in.position(), (int) length);
    in.position(in.position() + (int) length);
    return bytes;
  }

  /** A number of up to 64 bits: 7 in each byte, the lowest first, the last with high bit 0. */
  static long varint(ByteBuffer in, String where) {
    long value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      byte b = require(in, 1, where).get();
      value |= (b & 0x7FL) << shift;
      if (b >= 0) {
        return value;
      }
    }
    throw new ModelException(where + ": a number of at most 10 bytes expected, a longer one found");
  }

  private static ByteBuffer require(ByteBuffer in, long bytes, String where) {
    if (bytes < 0 || bytes > in.remaining()) {
      throw new ModelException(
          where
              + ": "
              + Long.toUnsignedString(bytes)
              + " more bytes expected, "
              + in.remaining()
              + " found");
    }
    return in;
  }
}
