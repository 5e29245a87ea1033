package org.fastgpt.model;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * fastGPT's input.dat, which its encode_input.py writes and its first versions run: int32 n_seq,
 * n_tokens_to_generate, and n_seq ids.
 *
 * @param ids of the prompt
 * @param n how many tokens are to be generated
 */
public record InputDat(int[] ids, int n) {
  public static final String NAME = "input.dat";

  /** How many tokens fastGPT generates if nobody says otherwise. */
  public static final int DEFAULT_N = 20;

  private static final int HEADER_INTS = 2;

  /**
   * Reads the file.
   *
   * @throws ModelException it is not one, or holds several prompts
   */
  public static InputDat read(Path file) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment all = ModelFile.map(file, arena);
      long size = all.byteSize();
      int nSeq = size < 4 * HEADER_INTS ? -1 : all.get(Gguf.INT, 0);
      if (nSeq < 0 || size != 4L * (HEADER_INTS + nSeq)) {
        throw new ModelException(
            file
                + ": n_seq, n_tokens_to_generate and n_seq ids expected, "
                + size
                + " bytes"
                + (nSeq < 0 ? "" : " with n_seq " + nSeq)
                + " found");
      }
      int[] ints = all.toArray(Gguf.INT);
      if (ints[1] < 0) {
        throw new ModelException(file + ": n_tokens_to_generate " + ints[1] + " is negative");
      }
      return new InputDat(Arrays.copyOfRange(ints, HEADER_INTS, ints.length), ints[1]);
    }
  }

  /** Writes the file; one that is there is replaced. */
  public void write(Path file) {
    var bytes = ByteBuffer.allocate(4 * (HEADER_INTS + ids.length)).order(Gguf.INT.order());
    bytes.putInt(ids.length).putInt(n);
    Arrays.stream(ids).forEach(bytes::putInt);
    var plan = new FilePlan();
    plan.add(bytes.array());
    plan.replace(file, Progress.NONE);
  }
}
