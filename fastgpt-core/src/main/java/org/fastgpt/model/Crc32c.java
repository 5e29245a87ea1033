package org.fastgpt.model;

import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/** CRC32C, and the form in which LevelDB and TensorFlow store it. */
final class Crc32c {
  private static final int MASK_DELTA = 0xA282EAD8; // LevelDB's util/crc32c.h

  private Crc32c() {}

  static int of(ByteBuffer bytes) {
    var crc = new CRC32C();
    crc.update(bytes);
    return (int) crc.getValue();
  }

  /** The checksum that is stored as {@code masked}: data with checksums in it has good ones too. */
  static int unmasked(int masked) {
    return Integer.rotateLeft(masked - MASK_DELTA, 15);
  }

  /** As {@code crc} is stored. */
  static int masked(int crc) {
    return Integer.rotateRight(crc, 15) + MASK_DELTA;
  }
}
