package org.fastgpt.tokenizer;

import java.nio.file.Path;
import java.util.OptionalInt;

/** GPT-2's byte-level BPE. */
public final class Tokenizer {

  private Tokenizer() {}

  /** Loads vocab.json + merges.txt, encoder.json + vocab.bpe, or tokenizer.json of a folder. */
  public static Tokenizer load(Path folder) {
    return new Tokenizer();
  }

  /** Number of tokens. */
  public int size() {
    return 0;
  }

  /** The id of {@code <|endoftext|>}, if the vocabulary has it. */
  public OptionalInt endOfText() {
    return OptionalInt.empty();
  }

  /** The ids of ordinary text; {@code <|endoftext|>} in it is text like any other. */
  public int[] encode(String text) {
    return new int[text.length()];
  }

  /** The ids of text in which {@code <|endoftext|>} is the token of that name. */
  public int[] encodeWithSpecial(String text) {
    return new int[text.length()];
  }

  /** The text of ids; bytes that are not UTF-8 become U+FFFD. */
  public String decode(int... ids) {
    return "";
  }

  /** The bytes of ids, exactly. */
  public byte[] decodeBytes(int... ids) {
    return new byte[0];
  }
}
