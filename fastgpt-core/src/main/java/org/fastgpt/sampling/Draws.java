package org.fastgpt.sampling;

/**
 * Random numbers that depend on seed, row and step alone: the token at a step of a row is drawn the
 * same in a batch of any size, with drafts or without, on any machine.
 *
 * <p>SplitMix64 (Steele, Lea, Flood 2014) by its counter: output i of a seed is {@code mix(seed +
 * (i + 1) * GAMMA)}. A row's own seed is output {@code row} of the seed, the number of a step the
 * top 53 bits of output {@code step} of that.
 */
final class Draws {

  private static final long GAMMA = 0x9e3779b97f4a7c15L;

  private Draws() {}

  /** A number in [0, 1), a multiple of 2⁻⁵³. */
  static double uniform(long seed, int row, int step) {
    return (output(output(seed, row), step) >>> 11) * 0x1p-53;
  }

  /** SplitMix64's output {@code i} from 0. */
  static long output(long seed, int i) {
    long z = seed + (i + 1L) * GAMMA;
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }
}
