package org.fastgpt.conformance;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.fastgpt.Engine;
import org.fastgpt.Promise;
import org.fastgpt.Session;
import org.fastgpt.Tolerances;
import org.fastgpt.conformance.Verdict.Outcome;

/** The rules on sessions: the same question, asked in different ways, has one answer. */
final class SessionRules {
  private SessionRules() {}

  static Verdict prefillEqualsDecode(Rule rule, Trial trial) {
    int[] ids = trial.exam().sequence();
    float[][] stepwise = new float[ids.length][];
    try (Session session = trial.engine().newSession()) {
      for (int t = 0; t < ids.length; t++) {
        stepwise[t] = session.forward(ids[t]).clone();
      }
    }
    return same(rule, trial, fresh(trial), stepwise, "decode step");
  }

  static Verdict chunksEqualWhole(Rule rule, Trial trial) {
    int[] ids = trial.exam().sequence();
    float[][] whole = fresh(trial);
    double worst = 0;
    for (int size : new int[] {2, 3, 7, 16, 33}) {
      var rows = new ArrayList<float[]>();
      try (Session session = trial.engine().newSession()) {
        int from = 0;
        for (; from + size < ids.length; from += size) {
          int[] chunk = Arrays.copyOfRange(ids, from, from + size);
          rows.addAll(List.of(Trial.all(session, chunk)));
        }
        // The last chunk the other way: its last logits alone.
        float[] last = session.forward(Arrays.copyOfRange(ids, from, ids.length)).clone();
        rows.addAll(List.of(Arrays.copyOfRange(whole, from, ids.length - 1)));
        rows.add(last);
      }
      Verdict verdict = same(rule, trial, whole, rows.toArray(float[][]::new), "chunks of " + size);
      if (verdict.outcome() == Outcome.FAULT) {
        return verdict;
      }
      worst = Math.max(worst, verdict.measured());
    }
    return trial.measured(rule, worst, bound(trial), "chunks");
  }

  static Verdict sessionsAreApart(Rule rule, Trial trial) {
    int[] ids = trial.exam().sequence();
    int[] others = ids.clone();
    for (int t = 0; t < others.length; t++) {
      others[t] = (others[t] + 1) % trial.config().nVocab();
    }
    float[][] alone = stepwise(trial.engine(), ids);
    float[][] interleaved = new float[ids.length][];
    try (Session first = trial.engine().newSession();
        Session second = trial.engine().newSession()) {
      for (int t = 0; t < ids.length; t++) {
        interleaved[t] = first.forward(ids[t]).clone();
        second.forward(others[t]);
      }
    }
    Verdict verdict = same(rule, trial, alone, interleaved, "interleaved, position");
    if (verdict.outcome() == Outcome.FAULT) {
      return verdict;
    }
    double worst = verdict.measured();
    try (var pool = Executors.newFixedThreadPool(3)) {
      var runs = new ArrayList<Future<float[][]>>();
      for (int i = 0; i < 3; i++) {
        int[] mine = i == 1 ? others : ids;
        runs.add(pool.submit(() -> stepwise(trial.engine(), mine)));
      }
      for (int i = 0; i < 3; i += 2) {
        Verdict concurrent = same(rule, trial, alone, runs.get(i).get(), "concurrent, position");
        if (concurrent.outcome() == Outcome.FAULT) {
          return concurrent;
        }
        worst = Math.max(worst, concurrent.measured());
      }
    } catch (ExecutionException e) {
      return trial.verdict(rule, Outcome.FAULT, "concurrent: " + e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
    return trial.measured(rule, worst, bound(trial), "sessions");
  }

  static Verdict twiceTheSame(Rule rule, Trial trial) {
    return exactly(rule, trial, fresh(trial), fresh(trial), "position");
  }

  static Verdict causality(Rule rule, Trial trial) {
    int[] ids = trial.exam().sequence();
    float[][] before = fresh(trial);
    int changed = ids.length / 2;
    int[] other = ids.clone();
    for (int t = changed; t < ids.length; t++) {
      other[t] = (ids[t] + 3) % trial.config().nVocab();
    }
    float[][] after = fresh(trial, other);
    return same(
        rule,
        trial,
        Arrays.copyOf(before, changed),
        Arrays.copyOf(after, Math.min(changed, after.length)),
        "later tokens changed position");
  }

  static Verdict cacheEqualsNone(Rule rule, Trial trial) {
    int[] ids = trial.exam().sequence();
    float[][] cached = stepwise(trial.engine(), ids);
    float[][] without = new float[ids.length][];
    try (Session session = trial.engine().newSession()) {
      for (int n = 1; n <= ids.length; n++) {
        session.rewind(0);
        without[n - 1] = session.forward(Arrays.copyOf(ids, n)).clone();
      }
    }
    return same(rule, trial, cached, without, "without cache, position");
  }

  /** Goes back and on with other tokens, further back and on with the first ones, and so on. */
  static Verdict rewoundEqualsFresh(Rule rule, Trial trial) {
    int[] ids = trial.exam().sequence();
    double worst = 0;
    try (Session session = trial.engine().newSession()) {
      session.forward(ids);
      int[] before = ids;
      for (int to : new int[] {ids.length - 1, ids.length / 2, ids.length / 4, 1, 0}) {
        int[] now = before.clone();
        for (int t = to; t < now.length; t++) {
          now[t] = (now[t] + 5) % trial.config().nVocab();
        }
        session.rewind(to);
        float[][] again = Trial.all(session, Arrays.copyOfRange(now, to, now.length));
        float[][] fresh = Arrays.copyOfRange(fresh(trial, now), to, now.length);
        Verdict verdict = same(rule, trial, fresh, again, "rewound to " + to + ", row");
        if (verdict.outcome() == Outcome.FAULT) {
          return verdict;
        }
        worst = Math.max(worst, verdict.measured());
        before = now;
      }
    }
    return trial.measured(rule, worst, bound(trial), "rewound");
  }

  static Verdict badInput(Rule rule, Trial trial) {
    int vocab = trial.config().nVocab();
    int context = trial.config().nCtx();
    String problem = "";
    try (Session session = trial.engine().newSession()) {
      session.forward(1);
      problem +=
          expect(
              () -> session.forward(0, vocab),
              IllegalArgumentException.class,
              "token " + vocab + " is outside the vocabulary [0, " + vocab + ")");
      problem +=
          expect(
              () -> session.forward(-1),
              IllegalArgumentException.class,
              "token -1 is outside the vocabulary [0, " + vocab + ")");
      problem += expect(session::forward, IllegalArgumentException.class, "no tokens");
      problem +=
          expect(
              () -> session.forward(new int[context]),
              IllegalStateException.class,
              "context full: position 1 + " + context + " new tokens is more than n_ctx = ");
      problem += expect(() -> session.rewind(2), IllegalArgumentException.class, "cannot rewind");
      if (session.position() != 1) {
        problem += "a refused call moved the position to " + session.position() + ". ";
      }
    }
    problem +=
        expect(() -> closed(trial).forward(1), IllegalStateException.class, "session is closed");
    return problem.isEmpty()
        ? trial.pass(rule)
        : trial.verdict(rule, Outcome.FAULT, problem.strip());
  }

  private static Session closed(Trial trial) {
    try (Session session = trial.engine().newSession()) {
      return session;
    }
  }

  private static String expect(Runnable call, Class<?> type, String message) {
    try {
      call.run();
      return "no " + type.getSimpleName() + " '" + message + "…'. ";
    } catch (RuntimeException | Error e) {
      return type.isInstance(e) && String.valueOf(e.getMessage()).startsWith(message)
          ? ""
          : type.getSimpleName() + " '" + message + "…' expected, " + e + " found. ";
    }
  }

  static Verdict bitsHoweverRun(Rule rule, Trial trial) {
    if (trial.subject().otherWays().isEmpty()) {
      return trial.verdict(rule, Outcome.NOT_OBSERVED, "no other way to run it is declared");
    }
    float[][] expected = fresh(trial);
    for (Subject.Way way : trial.subject().otherWays()) {
      try (Engine other = way.open(trial.exam().model());
          Session session = other.newSession()) {
        Verdict verdict =
            exactly(
                rule,
                trial,
                expected,
                Trial.all(session, trial.exam().sequence()),
                way.name() + ", position");
        if (verdict.outcome() == Outcome.FAULT) {
          return verdict;
        }
      }
    }
    return trial.measured(rule, 0, 0, "");
  }

  private static float[][] fresh(Trial trial) {
    return fresh(trial, trial.exam().sequence());
  }

  /** The logits at all positions, by one call on a new session. */
  private static float[][] fresh(Trial trial, int[] ids) {
    try (Session session = trial.engine().newSession()) {
      return Trial.all(session, ids);
    }
  }

  private static float[][] stepwise(Engine engine, int[] ids) {
    float[][] rows = new float[ids.length][];
    try (Session session = engine.newSession()) {
      for (int t = 0; t < ids.length; t++) {
        rows[t] = session.forward(ids[t]).clone();
      }
    }
    return rows;
  }

  /** Zero where the engine promises bits; else what rounding explains between two results. */
  private static double bound(Trial trial) {
    return trial.promises(Promise.SAME_BITS_HOWEVER_SPLIT)
        ? 0
        : Tolerances.betweenTwo(Tolerances.logits(trial.config()));
  }

  private static Verdict same(
      Rule rule, Trial trial, float[][] expected, float[][] actual, String what) {
    return compare(rule, trial, expected, actual, what, bound(trial));
  }

  private static Verdict exactly(
      Rule rule, Trial trial, float[][] expected, float[][] actual, String what) {
    return compare(rule, trial, expected, actual, what, 0);
  }

  private static Verdict compare(
      Rule rule, Trial trial, float[][] expected, float[][] actual, String what, double bound) {
    double worst = expected.length == actual.length ? 0 : Double.POSITIVE_INFINITY;
    int where = -1;
    for (int t = 0; t < Math.min(expected.length, actual.length); t++) {
      double error = difference(expected[t], actual[t]);
      if (where < 0 && !(error <= bound)) {
        where = t;
      }
      worst = Math.max(worst, error);
    }
    return trial.measured(rule, worst, bound, what + " " + where + " differs");
  }

  /** The largest difference relative to the largest value; 0 means equal bits. */
  private static double difference(float[] expected, float[] actual) {
    if (Arrays.equals(expected, actual)) {
      return 0;
    }
    double[] exact = new double[expected.length];
    for (int i = 0; i < exact.length; i++) {
      exact[i] = expected[i];
    }
    return Math.max(Double.MIN_VALUE, Activations.relativeError(actual, exact));
  }
}
