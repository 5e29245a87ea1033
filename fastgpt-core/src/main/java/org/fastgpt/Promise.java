package org.fastgpt;

/** What an engine may promise beyond what every engine must keep. */
public enum Promise {
  /** The logits are the same bits however the ids are split into calls, cached or not. */
  SAME_BITS_HOWEVER_SPLIT,
  /** The logits are the same bits for any number of threads and any way of computing. */
  SAME_BITS_HOWEVER_RUN
}
