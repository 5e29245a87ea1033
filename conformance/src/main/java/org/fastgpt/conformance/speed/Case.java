package org.fastgpt.conformance.speed;

/**
 * One line of the tables.
 *
 * @param threads how many the engine is given
 * @param cached with the KV cache; if not, every new token computes the whole sequence again
 */
record Case(Entrant entrant, int threads, boolean cached) {

  /** "djl, no cache": the line without its number of threads. */
  String name() {
    return entrant.name() + (cached ? "" : ", no cache");
  }

  @Override
  public String toString() {
    return name() + ", " + threads(threads);
  }

  static String threads(int n) {
    return n + (n == 1 ? " thread" : " threads");
  }
}
