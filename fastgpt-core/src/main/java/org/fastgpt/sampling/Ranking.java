package org.fastgpt.sampling;

/**
 * Ids in falling order of a key, of equal ones the lower id first; as many as are asked for. A
 * heap, so that the few that matter of 50257 come without sorting the rest. Allocates nothing.
 */
final class Ranking {

  private final int[] heap;
  private double[] key;
  private int size;

  /** For ids in [0, nVocab). */
  Ranking(int nVocab) {
    heap = new int[nVocab];
  }

  /** Begins anew with {@code ids[0, n)}, ranked by {@code key[id]}. */
  void begin(double[] by, int[] ids, int n) {
    key = by;
    size = n;
    System.arraycopy(ids, 0, heap, 0, n);
    for (int i = n / 2 - 1; i >= 0; i--) {
      sink(i);
    }
  }

  boolean isEmpty() {
    return size == 0;
  }

  /** The key of the next id. */
  double next() {
    return key[heap[0]];
  }

  /** Takes the next id. */
  int poll() {
    int first = heap[0];
    heap[0] = heap[--size];
    sink(0);
    return first;
  }

  private void sink(int from) {
    int i = from;
    while (2 * i + 1 < size) {
      int child = 2 * i + 1;
      if (child + 1 < size && before(heap[child + 1], heap[child])) {
        child++;
      }
      if (!before(heap[child], heap[i])) {
        return;
      }
      int id = heap[i];
      heap[i] = heap[child];
      heap[child] = id;
      i = child;
    }
  }

  private boolean before(int a, int b) {
    return key[a] > key[b] || (key[a] == key[b] && a < b);
  }
}
