package org.fastgpt.sampling;

/**
 * Random numbers that depend on seed and step alone: the token at a step of a text is drawn the
 * same in a batch of any size, with drafts or without, on any machine.
 *
 * <p>SplitMix64 (Steele, Lea, Flood 2014) by its counter: output i of a seed is {@code mix(seed +
 * (i + 1) * GAMMA)}. The number of a step is the top 53 bits of output {@code step} of output 0 of
 * the seed.
 */
final class Draws {

  private static final long GAMMA = 0x9e3779b97f4a7c15L;

  private Draws() {}

  /** A number in [0, 1), a multiple of 2⁻⁵³. */
  static double uniform(long seed, int step) {
    return (output(output(seed, 0), step) >>> 11) * 0x1p-53;
  }

  /**
   * The seed of text {@code i} of several: of the first the seed itself, of another the top 53 bits
   * of output {@code i}, which every reader of JSON keeps.
   */
  static long seed(long seed, int i) {
    return i == 0 ? seed : output(seed, i) >>> 11;
  }

  /** SplitMix64's output {@code i} from 0. */
  static long output(long seed, int i) {
    long z = seed + (i + 1L) * GAMMA;
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }
}
