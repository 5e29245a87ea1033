package org.fastgpt.model;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The entries of a zip file, in place: found by the directory at its end, of 64 bits where the file
 * needs them. Only entries that are stored as they are, as PyTorch writes them; nothing is
 * decompressed, so nothing can grow. After PKWARE's APPNOTE.TXT, sections 4.3 and 4.5.3.
 */
final class StoredZip {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final int LOCAL = 0x04034b50;
  private static final int CENTRAL = 0x02014b50;
  private static final int END = 0x06054b50;
  private static final int END_64 = 0x06064b50;
  private static final int LOCATOR_64 = 0x07064b50;
  private static final int END_BYTES = 22;
  private static final int LOCATOR_BYTES = 20;
  private static final long IN_64 = 0xFFFFFFFFL; // the number stands in a field of 64 bits

  /** An archive of GPT-2 1558M and its optimizer has 2000 entries of 100 bytes. */
  private static final long MAX_DIRECTORY = 16 << 20;

  private final MemorySegment all;
  private final String file;

  private StoredZip(MemorySegment all, String file) {
    this.all = all;
    this.file = file;
  }

  /** From {@code start}, where its header is, to {@code end}. */
  private record Entry(String name, long start, long data, long end) {}

  /** Whether a file that begins so is a zip file. */
  static boolean begins(MemorySegment all) {
    return all.byteSize() >= 4 && all.get(INT, 0) == LOCAL;
  }

  /**
   * The bytes of each entry by its name.
   *
   * @throws ModelException damaged, or with an entry that is compressed or encrypted
   */
  static Map<String, MemorySegment> entries(MemorySegment all, String file) {
    return new StoredZip(all, file).entries();
  }

  private Map<String, MemorySegment> entries() {
    MemorySegment directory = directory();
    long directoryStart = directory.address() - all.address();
    var entries = new ArrayList<Entry>();
    for (long at = 0; at < directory.byteSize(); ) {
      at = entry(directory, at, directoryStart, entries);
    }
    checkDisjoint(entries);
    var byName = new LinkedHashMap<String, MemorySegment>();
    for (Entry e : entries) {
      if (byName.put(e.name, all.asSlice(e.data, e.end - e.data)) != null) {
        throw bad("entry " + e.name + " is there twice");
      }
    }
    return byName;
  }

  private MemorySegment directory() {
    long end = end();
    long size = u4(all, end + 12);
    long offset = u4(all, end + 16);
    if (size == IN_64 || offset == IN_64) {
      long locator = end - LOCATOR_BYTES;
      if (locator < 0 || all.get(INT, locator) != LOCATOR_64) {
        throw bad("the 64-bit end of the zip directory is missing");
      }
      end = all.get(LONG, locator + 8);
      if (end < 0 || end > locator - 56 || all.get(INT, end) != END_64) {
        throw bad("the 64-bit end of the zip directory is not where it should be");
      }
      size = all.get(LONG, end + 40);
      offset = all.get(LONG, end + 48);
    }
    if (offset < 0 || size < 0 || offset > end || size > end - offset || size > MAX_DIRECTORY) {
      throw bad(
          "a zip directory of %d bytes at %d is announced, but it ends at %d"
              .formatted(size, offset, end));
    }
    return all.asSlice(offset, size);
  }

  /** Where the end record is: at the very end, but for a comment of up to 65535 bytes. */
  private long end() {
    long last = all.byteSize() - END_BYTES;
    for (long at = last; at >= Math.max(0, last - 0xFFFF); at--) {
      if (all.get(INT, at) == END && at + END_BYTES + u2(all, at + 20) == all.byteSize()) {
        return at;
      }
    }
    throw bad("the zip directory at the end is missing: not a zip file, or not all of it");
  }

  /** Adds the entry at {@code at} and returns where the next one is. */
  private long entry(MemorySegment d, long at, long directoryStart, List<Entry> entries) {
    if (d.byteSize() - at < 46 || d.get(INT, at) != CENTRAL) {
      throw bad("the zip directory is damaged at byte " + (directoryStart + at));
    }
    int nameLength = u2(d, at + 28);
    int extraLength = u2(d, at + 30);
    long next = at + 46 + nameLength + extraLength + u2(d, at + 32);
    if (next > d.byteSize()) {
      throw bad("the zip directory is damaged at byte " + (directoryStart + at));
    }
    String name = text(d.asSlice(at + 46, nameLength));
    if (u2(d, at + 10) != 0 || (u2(d, at + 8) & 1) != 0) {
      throw bad("entry " + name + " is compressed or encrypted, a stored one expected");
    }
    var wide = new Wide(d.asSlice(at + 46 + nameLength, extraLength), name);
    long size = wide.number(u4(d, at + 24));
    if (wide.number(u4(d, at + 20)) != size) {
      throw bad("entry " + name + " has two sizes");
    }
    entries.add(located(name, wide.number(u4(d, at + 42)), size, directoryStart));
    return next;
  }

  private Entry located(String name, long start, long size, long directoryStart) {
    if (start < 0 || start > directoryStart - 30 || all.get(INT, start) != LOCAL) {
      throw bad("entry " + name + " is not at " + start + ", where the directory says it is");
    }
    long data = start + 30 + u2(all, start + 26) + u2(all, start + 28);
    if (size < 0 || data > directoryStart || size > directoryStart - data) {
      throw bad("entry " + name + " of " + size + " bytes at " + start + " is not in the file");
    }
    return new Entry(name, start, data, data + size);
  }

  /** The same bytes under many names would look like more than the file is. */
  private void checkDisjoint(List<Entry> entries) {
    List<Entry> inOrder = new ArrayList<>(entries);
    inOrder.sort(Comparator.comparingLong(Entry::start));
    for (int i = 1; i < inOrder.size(); i++) {
      if (inOrder.get(i).start < inOrder.get(i - 1).end) {
        throw bad(
            "entries " + inOrder.get(i - 1).name + " and " + inOrder.get(i).name + " overlap");
      }
    }
  }

  /** The extra field 1, with those numbers in 64 bits that do not fit into the entry itself. */
  private final class Wide {
    private final String name;
    private final MemorySegment extra;
    private long at = -1; // of the next number
    private long end;

    Wide(MemorySegment extra, String name) {
      this.name = name;
      this.extra = extra;
      for (long field = 0; field + 4 <= extra.byteSize() && at < 0; field = end) {
        end = Math.min(field + 4 + u2(extra, field + 2), extra.byteSize());
        if (u2(extra, field) == 1) {
          at = field + 4;
        }
      }
    }

    long number(long narrow) {
      if (narrow != IN_64) {
        return narrow;
      }
      if (at < 0 || end - at < 8) {
        throw bad("entry " + name + " lacks a number of 64 bits");
      }
      at += 8;
      return extra.get(LONG, at - 8);
    }
  }

  private static String text(MemorySegment bytes) {
    return new String(bytes.toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
  }

  private static int u2(MemorySegment from, long at) {
    return Short.toUnsignedInt(from.get(SHORT, at));
  }

  private static long u4(MemorySegment from, long at) {
    return Integer.toUnsignedLong(from.get(INT, at));
  }

  private ModelException bad(String what) {
    return new ModelException(file + ": " + what);
  }
}
