package org.fastgpt.conformance;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import org.fastgpt.ParameterView;
import org.fastgpt.TextCodec;
import org.fastgpt.conformance.Verdict.Outcome;
import org.fastgpt.model.Model;
import org.fastgpt.model.StoredTensor;

/** The rules by number; here those on text and parameters. */
final class Rules {
  private Rules() {}

  static Verdict check(Rule rule, Trial trial) {
    return switch (rule) {
      case C01 -> tokenizerIds(rule, trial);
      case C02 -> bytesRoundTrip(rule, trial);
      case C03 -> parameters(rule, trial);
      case C04 -> LogitsRules.embedding(rule, trial);
      case C05 -> LogitsRules.activations(rule, trial);
      case C06 -> LogitsRules.logits(rule, trial);
      case C07 -> SessionRules.prefillEqualsDecode(rule, trial);
      case C08 -> SessionRules.chunksEqualWhole(rule, trial);
      case C09 -> SessionRules.sessionsAreApart(rule, trial);
      case C10 -> SessionRules.twiceTheSame(rule, trial);
      case C11 -> SessionRules.causality(rule, trial);
      case C12 -> LogitsRules.greedy(rule, trial);
      case C13 -> SessionRules.cacheEqualsNone(rule, trial);
      case C14 -> SessionRules.rewoundEqualsFresh(rule, trial);
      case C15 -> SessionRules.badInput(rule, trial);
      case C16 -> SessionRules.bitsHoweverRun(rule, trial);
      case C17 -> LogitsRules.wholeContext(rule, trial);
      case C18 -> LogitsRules.perplexity(rule, trial);
      case C19 -> LogitsRules.raggedBatch(rule, trial);
    };
  }

  private static Verdict tokenizerIds(Rule rule, Trial trial) {
    if (!(trial.engine() instanceof TextCodec codec)) {
      return trial.verdict(rule, Outcome.NOT_OBSERVED, "has no tokenizer of its own");
    }
    if (trial.exam().model().tokenizer().isEmpty() || trial.exam().texts().isEmpty()) {
      return trial.verdict(rule, Outcome.NOT_APPLICABLE, "the model has no vocabulary");
    }
    for (Exam.Text text : trial.exam().texts()) {
      int[] ids = codec.encode(text.text());
      if (!Arrays.equals(ids, text.ids())) {
        return trial.verdict(
            rule,
            Outcome.FAULT,
            "'%s': %s expected, %s found"
                .formatted(text.text(), Arrays.toString(text.ids()), Arrays.toString(ids)));
      }
    }
    return trial.pass(rule);
  }

  private static Verdict bytesRoundTrip(Rule rule, Trial trial) {
    if (!(trial.engine() instanceof TextCodec codec)) {
      return trial.verdict(rule, Outcome.NOT_OBSERVED, "has no tokenizer of its own");
    }
    if (trial.exam().model().tokenizer().isEmpty()) {
      return trial.verdict(rule, Outcome.NOT_APPLICABLE, "the model has no vocabulary");
    }
    for (String text :
        new String[] {"", " ", "a  b\n\n c", "Příliš žluťoučký 😀👨‍👩‍👧 中文", "\0\1\u007f"}) {
      byte[] bytes = codec.decodeBytes(codec.encode(text));
      if (!Arrays.equals(bytes, text.getBytes(StandardCharsets.UTF_8))) {
        return trial.verdict(rule, Outcome.FAULT, "'" + text + "' does not come back");
      }
    }
    // A token may end inside a character: its bytes must survive alone too.
    int[] ids = codec.encode("😀 中");
    var joined = new ByteArrayOutputStream();
    for (int id : ids) {
      joined.writeBytes(codec.decodeBytes(id));
    }
    boolean whole = joined.toString(StandardCharsets.UTF_8).equals("😀 中");
    return whole
        ? trial.pass(rule)
        : trial.verdict(rule, Outcome.FAULT, "the bytes of single tokens do not join");
  }

  private static Verdict parameters(Rule rule, Trial trial) {
    if (!(trial.engine() instanceof ParameterView view)) {
      return trial.verdict(rule, Outcome.NOT_OBSERVED, "shows no parameters");
    }
    Model model = trial.exam().model();
    for (StoredTensor tensor : model.tensors().values()) {
      float[] expected = model.floats(tensor.name()).toArray(Model.FLOAT);
      float[] actual = view.parameter(tensor.name());
      if (actual.length != expected.length) {
        return trial.verdict(
            rule,
            Outcome.FAULT,
            "%s: %d elements expected, %d found"
                .formatted(tensor.name(), expected.length, actual.length));
      }
      if (!sameBits(expected, actual) || !isPublished(trial, tensor.name(), actual)) {
        return trial.verdict(
            rule,
            Outcome.FAULT,
            "%s: element %d is the first that is not the file's"
                .formatted(tensor.name(), Arrays.mismatch(expected, actual)));
      }
    }
    return trial.pass(rule);
  }

  private static boolean sameBits(float[] a, float[] b) {
    return MemorySegment.ofArray(a).mismatch(MemorySegment.ofArray(b)) < 0;
  }

  /** Whether the tensor has the SHA-256 that the golden data has of it, if any. */
  private static boolean isPublished(Trial trial, String name, float[] actual) {
    return trial
        .exam()
        .golden()
        .filter(g -> g.has("sha256_le_float32"))
        .map(g -> sha256(actual).equals(g.object("sha256_le_float32").text(name)))
        .orElse(true);
  }

  /** Of the values as little-endian float32. */
  static String sha256(float[] values) {
    MessageDigest digest = sha256();
    ByteBuffer chunk = ByteBuffer.allocate(1 << 16).order(ByteOrder.LITTLE_ENDIAN);
    for (int from = 0; from < values.length; from += chunk.capacity() / 4) {
      int n = Math.min(chunk.capacity() / 4, values.length - from);
      chunk.clear().asFloatBuffer().put(values, from, n);
      digest.update(chunk.limit(4 * n));
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
  }
}
