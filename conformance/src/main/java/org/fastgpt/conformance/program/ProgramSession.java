package org.fastgpt.conformance.program;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.fastgpt.GptConfig;
import org.fastgpt.Probe;
import org.fastgpt.Session;
import org.fastgpt.conformance.program.Answer.Fault;

/** A sequence that a program keeps. An answer is read whole before anything of it is shown. */
final class ProgramSession implements Session {
  private final Program program;
  private final GptConfig config;
  private final int session;
  private final boolean showsActivations;
  private int position;
  private Probe probe;
  private boolean closed;

  private record Activation(String name, int position, int[] shape, float[] values) {}

  private record Forward(List<Activation> activations, List<float[]> logits) {}

  ProgramSession(Program program, GptConfig config, int session, boolean showsActivations) {
    this.program = program;
    this.config = config;
    this.session = session;
    this.showsActivations = showsActivations;
  }

  @Override
  public int position() {
    return position;
  }

  @Override
  public float[] forward(int... ids) {
    return run(ids, false).getFirst();
  }

  @Override
  public void forward(int[] ids, LogitsSink each) {
    int first = position;
    List<float[]> logits = run(ids, true);
    for (int t = 0; t < logits.size(); t++) {
      each.accept(first + t, logits.get(t));
    }
  }

  /** The logits [n_vocab] of every new position, or of the last one. */
  private List<float[]> run(int[] ids, boolean all) {
    int rows = all ? ids.length : 1;
    boolean watched = probe != null;
    Map<String, ?> request =
        Map.of("op", "forward", "session", session, "ids", ids, "all", all, "activations", watched);
    int widest =
        IntStream.of(
                config.nVocab(),
                config.nInner(),
                3 * config.nEmbd(),
                config.nHead() * config.nCtx())
            .max()
            .getAsInt();
    Forward forward =
        program.ask(
            request,
            watched ? (long) ids.length * widest : config.nVocab(),
            (first, next) -> read(first, next, rows, ids.length));
    position += ids.length;
    for (Activation a : forward.activations) {
      probe.see(a.name, a.position, a.shape, a.values);
    }
    return forward.logits;
  }

  /** Lines with an activation, in the order of their computing, and one line for each row. */
  private Forward read(Answer first, Supplier<Answer> next, int rows, int nSeq) {
    var forward = new Forward(new ArrayList<>(), new ArrayList<>());
    long parts = (long) Probe.names(config.nLayer()).size() * nSeq; // a row each, if not more
    for (Answer line = first; ; line = next.get()) {
      if (line.has("activation")) {
        forward.activations.add(activation(line));
        if (probe == null || forward.activations.size() > parts) {
          throw new Fault("activations that were not asked for");
        }
      } else {
        forward.logits.add(line.floats("logits", config.nVocab()));
        if (forward.logits.size() >= rows) {
          return forward;
        }
      }
    }
  }

  private static Activation activation(Answer line) {
    int[] shape = line.integers("shape");
    if (!Arrays.stream(shape).allMatch(n -> n > 0)) {
      throw new Fault("shape: numbers above 0 expected, " + Arrays.toString(shape) + " found");
    }
    long size = Arrays.stream(shape).asLongStream().reduce(1, (a, b) -> a * b);
    return new Activation(
        line.text("activation"), line.integer("position"), shape, line.floats("values", size));
  }

  @Override
  public void rewind(int to) {
    program.ask(Map.of("op", "rewind", "session", session, "position", to), 0, (_, _) -> null);
    position = to;
  }

  @Override
  public boolean observe(Probe observer) {
    if (closed) {
      throw new IllegalStateException("session is closed");
    }
    if (showsActivations) {
      probe = observer;
    }
    return showsActivations;
  }

  @Override
  public void close() {
    if (!closed && program.serves()) {
      program.ask(Map.of("op", "close", "session", session), 0, (_, _) -> null);
    }
    closed = true;
  }
}
