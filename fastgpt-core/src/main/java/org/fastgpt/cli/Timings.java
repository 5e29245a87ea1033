package org.fastgpt.cli;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.LongSupplier;

/**
 * Where the time of a run goes. One phase begins where another ends, so that all of them add up to
 * the age of the process.
 */
final class Timings {

  /** What the time is spent on; what comes back later is added to what it had. */
  enum Phase {
    JVM("from the start of the process to main; the start is known to 10 ms"),
    ARGUMENTS("the command line, and the text of the prompt"),
    LOAD("the model's files opened, the engine made"),
    TOKENIZER("the vocabulary read, the prompt encoded"),
    KERNELS("waited until they were compiled"),
    PREFILL("from the prompt to the first new token"),
    DECODE("from the first new token to the last"),
    OTHER("such as printing");

    private final String what;

    Phase(String what) {
      this.what = what;
    }
  }

  /**
   * One line.
   *
   * @param tokens processed meanwhile; 0 where there are none, or it makes no sense
   */
  record Row(String name, long elapsedNanos, int tokens, String what) {
    double millis() {
      return elapsedNanos / 1e6;
    }

    double millisPerToken() {
      return millis() / tokens;
    }

    double tokensPerSecond() {
      return tokens * 1e9 / elapsedNanos;
    }
  }

  private final LongSupplier clock;
  private final long mainNanos;
  private final Map<Phase, Long> nanos = new EnumMap<>(Phase.class);
  private long lastNanos;
  private long firstTokenNanos; // since main
  private int tokens;

  /** The clock is in nanoseconds, and so is when the program's main began by it. */
  Timings(LongSupplier clock, long mainNanos) {
    this.clock = clock;
    this.mainNanos = mainNanos;
    lastNanos = mainNanos;
  }

  /** A phase ends here; it began where the one before ended. */
  void end(Phase phase) {
    long now = clock.getAsLong();
    add(phase, now - lastNanos);
    lastNanos = now;
  }

  /** A new token has come. */
  void token() {
    end(tokens == 0 ? Phase.PREFILL : Phase.DECODE);
    if (tokens == 0) {
      firstTokenNanos = lastNanos - mainNanos;
    }
    tokens++;
  }

  /** No more tokens come. What went into waiting for the kernels was no part of the prefill. */
  void generated(long waitedNanos) {
    end(tokens == 0 ? Phase.PREFILL : Phase.OTHER);
    add(Phase.PREFILL, -waitedNanos);
    add(Phase.KERNELS, waitedNanos);
  }

  private void add(Phase phase, long elapsedNanos) {
    nanos.merge(phase, elapsedNanos, Long::sum);
  }

  /**
   * A row for each phase, then for the first token, if there was one, and for all, both since the
   * start of the process.
   *
   * @param ageNanos of the process, now
   * @param promptTokens length of the prompt
   */
  List<Row> rows(long ageNanos, int promptTokens) {
    end(Phase.OTHER);
    long jvm = ageNanos - (lastNanos - mainNanos);
    nanos.put(Phase.JVM, jvm);
    var rows = new ArrayList<Row>();
    for (Phase phase : Phase.values()) {
      int processed =
          switch (phase) {
            case PREFILL -> promptTokens;
            case DECODE -> Math.max(0, tokens - 1);
            default -> 0;
          };
      String name = phase.name().toLowerCase(Locale.ROOT);
      rows.add(new Row(name, nanos.getOrDefault(phase, 0L), processed, phase.what));
    }
    if (tokens > 0) {
      rows.add(new Row("first_token", jvm + firstTokenNanos, 0, "since the start of the process"));
    }
    rows.add(new Row("total", ageNanos, 0, "since the start of the process"));
    return rows;
  }

  /** For people: a heading, and a line for each row. */
  static String table(List<Row> rows) {
    var text = new StringBuilder("\nTimings              ms  tokens  ms/token  tokens/s");
    for (Row row : rows) {
      text.append(String.format(Locale.ROOT, "%n%-12s%11.2f", row.name, row.millis()));
      text.append(
          row.tokens == 0
              ? " ".repeat(28)
              : String.format(
                  Locale.ROOT,
                  "%8d%10.3f%10.1f",
                  row.tokens,
                  row.millisPerToken(),
                  row.tokensPerSecond()));
      text.append("  ").append(row.what);
    }
    return text.toString();
  }

  /** For programs: an object for each row, by its name. */
  static Map<String, Object> object(List<Row> rows) {
    var object = new LinkedHashMap<String, Object>();
    for (Row row : rows) {
      var values = new LinkedHashMap<String, Object>();
      values.put("ms", row.millis());
      if (row.tokens > 0) {
        values.put("tokens", row.tokens);
        values.put("ms_per_token", row.millisPerToken());
        values.put("tokens_per_second", row.tokensPerSecond());
      }
      object.put(row.name, values);
    }
    return object;
  }
}
