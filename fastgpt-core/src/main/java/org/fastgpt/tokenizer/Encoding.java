package org.fastgpt.tokenizer;

import java.util.Arrays;

/** The ids of a text while it is being encoded, and the scratch of that. For one thread. */
abstract class Encoding {
  int[] ids;
  int size;

  /**
   * No ids yet.
   *
   * @param expected how many there will be; it may become more
   */
  Encoding(int expected) {
    this.ids = new int[expected];
  }

  /** Appends the ids of ordinary text. */
  abstract void add(String text, int start, int end);

  final void add(int id) {
    reserve(1);
    ids[size++] = id;
  }

  final int[] ids() {
    return Arrays.copyOf(ids, size);
  }

  final void reserve(int more) {
    if (ids.length - size < more) {
      ids = Arrays.copyOf(ids, Math.max(Math.addExact(size, more), size + size / 2));
    }
  }
}
