package org.fastgpt;

/** What an {@link Engine} also is if it has a tokenizer of its own. */
public interface TextCodec {

  /** The ids of ordinary text. */
  int[] encode(String text);

  /** The bytes of ids. */
  byte[] decodeBytes(int... ids);
}
