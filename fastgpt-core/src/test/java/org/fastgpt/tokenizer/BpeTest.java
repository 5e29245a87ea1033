package org.fastgpt.tokenizer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class BpeTest {
  /** Merges of a, b, c and their results, in any order, also one that no training would give. */
  private static Bpe randomMerges(Random random) {
    int tokens = 256 + random.nextInt(40);
    byte[][] bytes = new byte[tokens][];
    int[] byteIds = new int[256];
    for (int b = 0; b < 256; b++) {
      byteIds[b] = b;
      bytes[b] = new byte[] {(byte) b};
    }
    int merges = tokens - 256;
    int[] left = new int[merges];
    int[] right = new int[merges];
    int[] merged = new int[merges];
    for (int i = 0; i < merges; i++) {
      left[i] = part(random, i);
      right[i] = part(random, i);
      merged[i] = 256 + i;
      bytes[256 + i] = (left[i] + "+" + right[i]).getBytes(UTF_8);
    }
    shuffle(random, left, right, merged);
    return new Bpe(new TokenTable(bytes, _ -> true), byteIds, left, right, merged);
  }

  private static int part(Random random, int before) {
    return random.nextBoolean() || before == 0
        ? 'a' + random.nextInt(3)
        : 256 + random.nextInt(before);
  }

  private static void shuffle(Random random, int[]... arrays) {
    for (int i = arrays[0].length - 1; i > 0; i--) {
      int j = random.nextInt(i + 1);
      for (int[] array : arrays) {
        int swap = array[i];
        array[i] = array[j];
        array[j] = swap;
      }
    }
  }

  @Test
  void listAndHeapGiveTheIdsOfTheLoop() {
    for (int seed = 0; seed < 3000; seed++) {
      var random = new Random(seed);
      Bpe bpe = randomMerges(random);
      int n = 1 + random.nextInt(300);
      int at = random.nextInt(3);
      int[] bytes = random.ints(at + n, 'a', 'd').toArray();
      int[] loop = bytes.clone();
      int[] list = bytes.clone();
      int nLoop = bpe.mergeShort(loop, at, n, new int[n]);
      int nList = bpe.mergeLong(list, at, n);
      assertThat(Arrays.copyOf(list, at + nList))
          .as("seed %d", seed)
          .isEqualTo(Arrays.copyOf(loop, at + nLoop));
    }
  }
}
