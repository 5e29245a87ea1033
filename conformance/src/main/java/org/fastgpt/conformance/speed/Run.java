package org.fastgpt.conformance.speed;

import java.util.Map;

/**
 * What one process gave.
 *
 * @param round from 1
 * @param of whose it is; null for the streaming read
 * @param threads how many
 * @param kind which process
 * @param values by the names below, as measured
 */
record Run(int round, Case of, int threads, Kind kind, Map<String, Double> values) {

  /** What a process is for. */
  enum Kind {
    /** {@link Worker} generates and times the parts. */
    PHASES,
    /** The program as a user starts it. */
    WHOLE,
    /** {@link StreamingRead}. */
    READ
  }

  /** Model and engine. */
  static final String OPEN = "open_s";

  /** The first generation of a process: all of it, its first token, each of the others. */
  static final String GENERATE = "generate_s";

  static final String PREFILL = "prefill_s";
  static final String DECODE = "decode_s_per_token";

  /** The same as the median of several later ones, when all is compiled. */
  static final String WARM_GENERATE = "warm_generate_s";

  static final String WARM_PREFILL = "warm_prefill_s";
  static final String WARM_DECODE = "warm_decode_s_per_token";

  /** Each token but the first of the longer generation. */
  static final String LONG_DECODE = "long_decode_s_per_token";

  /** The largest resident size, until the first generation is done. */
  static final String PEAK = "peak_bytes";

  /** From the start of the process to its end, and to its first output. */
  static final String WHOLE = "whole_s";

  static final String FIRST_TOKEN = "first_token_s";
  static final String READ = "read_bytes_per_s";

  /** The prefill of a prompt of that length, after a generation. */
  static String prefill(int length) {
    return "prefill_" + length + "_s";
  }
}
