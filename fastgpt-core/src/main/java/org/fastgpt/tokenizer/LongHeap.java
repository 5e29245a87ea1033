package org.fastgpt.tokenizer;

import java.util.Arrays;

/** A priority queue of longs, least first: {@link java.util.PriorityQueue} without its boxes. */
final class LongHeap {
  private long[] heap; // the children of i are 2i + 1 and 2i + 2
  private int size;

  LongHeap(int capacity) {
    heap = new long[Math.max(capacity, 1)];
  }

  boolean isEmpty() {
    return size == 0;
  }

  void add(long value) {
    if (size == heap.length) {
      heap = Arrays.copyOf(heap, size * 2);
    }
    int i = size++;
    while (i > 0 && value < heap[(i - 1) / 2]) {
      heap[i] = heap[(i - 1) / 2];
      i = (i - 1) / 2;
    }
    heap[i] = value;
  }

  /** Removes and returns the least; the heap must not be empty. */
  long poll() {
    long least = heap[0];
    long last = heap[--size];
    int i = 0;
    for (int child = 1; child < size; child = 2 * i + 1) {
      if (child + 1 < size && heap[child + 1] < heap[child]) {
        child++;
      }
      if (last <= heap[child]) {
        break;
      }
      heap[i] = heap[child];
      i = child;
    }
    heap[i] = last;
    return least;
  }
}
