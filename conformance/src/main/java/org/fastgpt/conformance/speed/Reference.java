package org.fastgpt.conformance.speed;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.Engines;
import org.fastgpt.Generator;
import org.fastgpt.Session;
import org.fastgpt.Tolerances;
import org.fastgpt.conformance.Golden;
import org.fastgpt.model.Model;

/**
 * The ids that are right: those of the golden data where they know this prompt, and, from there on,
 * those of core's scalar kernels. An engine with other ids has no time.
 */
public final class Reference implements AutoCloseable {

  /**
   * What was found out.
   *
   * @param right whether the times count
   * @param note what is wrong, or to be said of it; empty if nothing
   */
  record Check(boolean right, String note) {
    static final Check FINE = new Check(true, "");
  }

  private final Task task;
  private final Engine scalar;
  private final int known;
  private final int[] ids;
  private final List<Integer> afterPrefills = new ArrayList<>();
  private final Optional<String> text;

  /** Computes them; the model stays open as long as this. */
  public Reference(Model model, Task task) {
    this.task = task;
    scalar = Engines.named("core").open(model, new EngineOptions(0, Map.of("kernels", "scalar")));
    int[] golden = Golden.continuation(model, task.prompt()).orElse(new int[0]);
    int wanted = Math.max(task.tokens(), task.longTokens());
    known = Math.min(golden.length, wanted);
    ids = Arrays.copyOf(golden, wanted);
    continueKnown();
    text = model.tokenizer().map(t -> t.decode(Arrays.copyOf(ids, task.tokens())));
    // By the kernels that are fast, which give the scalar ones' bits: these are long prompts.
    try (Engine core = Engines.named("core").open(model, EngineOptions.DEFAULT);
        Session session = core.newSession()) {
      for (int length : task.prefillLengths()) {
        session.rewind(0);
        afterPrefills.add(Generator.argmax(session.forward(Task.repeated(task.prompt(), length))));
      }
    }
  }

  private void continueKnown() {
    if (known == ids.length) {
      return;
    }
    try (Session session = scalar.newSession()) {
      float[] logits = session.forward(sequence(known));
      for (int i = known; i < ids.length; i++) {
        ids[i] = Generator.argmax(logits);
        if (i + 1 < ids.length) {
          logits = session.forward(ids[i]);
        }
      }
    }
  }

  /** The prompt and the first new ids. */
  private int[] sequence(int newIds) {
    int length = task.prompt().length;
    int[] all = Arrays.copyOf(task.prompt(), length + newIds);
    System.arraycopy(ids, 0, all, length, newIds);
    return all;
  }

  /** Where the ids come from. */
  String source() {
    return known == 0
        ? "core's scalar kernels"
        : known == ids.length
            ? "golden data"
            : "golden data for " + known + " tokens, then core's scalar kernels";
  }

  /** The first ids that are to come. */
  int[] ids(int n) {
    return Arrays.copyOf(ids, n);
  }

  /** Judges the first ids of a generation. */
  Check check(int[] found, int wanted) {
    int[] expected = ids(wanted);
    int k = Arrays.mismatch(expected, found);
    if (k < 0) {
      return Check.FINE;
    }
    String at = " at token " + (k + 1);
    return k < Math.min(wanted, found.length) && isTie(k, found[k])
        ? new Check(true, "numerical tie" + at)
        : new Check(false, "wrong ids" + at);
  }

  /** Judges the id that follows a long prompt, {@code which} of them. */
  Check checkPrefill(int which, int found) {
    return found == afterPrefills.get(which)
        ? Check.FINE
        : new Check(
            false, "wrong id after a prompt of " + task.prefillLengths().get(which) + " tokens");
  }

  /**
   * Whether two right engines may differ here: the gap between the two logits is within what
   * rounding explains. After a tie the texts go apart, and the rest cannot be compared.
   */
  private boolean isTie(int k, int found) {
    if (found < 0 || found >= task.config().nVocab()) {
      return false;
    }
    try (Session session = scalar.newSession()) {
      float[] logits = session.forward(sequence(k));
      double largest = 0;
      for (float logit : logits) {
        largest = Math.max(largest, Math.abs(logit));
      }
      double bound = largest * Tolerances.betweenTwo(Tolerances.logits(task.config()));
      return Math.abs(logits[ids[k]] - logits[found]) <= bound;
    }
  }

  /**
   * Judges what a foreign program printed: by the text that the user expects, else by the
   * continuation as text or as ids; what has neither is not checked.
   */
  Check checkOutput(String output, Optional<String> expected) {
    if (expected.isPresent()) {
      return output.contains(expected.get())
          ? Check.FINE
          : new Check(false, "the expected text is not in its output");
    }
    boolean hasText = text.filter(t -> !t.isBlank() && output.contains(t.strip())).isPresent();
    return hasText || hasIds(output) ? Check.FINE : new Check(true, "output not checked");
  }

  private boolean hasIds(String output) {
    String numbers = " " + output.replaceAll("\\D+", " ") + " ";
    return numbers.contains(" " + join(ids(task.tokens())) + " ");
  }

  /** Ids as they are read. */
  static String join(int[] ids) {
    return String.join(" ", Arrays.stream(ids).mapToObj(String::valueOf).toList());
  }

  @Override
  public void close() {
    scalar.close();
  }
}
