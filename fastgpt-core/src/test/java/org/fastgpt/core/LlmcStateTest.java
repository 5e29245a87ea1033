package org.fastgpt.core;

import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.Engines;
import org.fastgpt.Fixtures;
import org.fastgpt.GptConfig;
import org.fastgpt.Scorer;
import org.fastgpt.Session;
import org.fastgpt.Tolerances;
import org.fastgpt.model.Model;
import org.fastgpt.model.Models;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Logits and loss that PyTorch computed for llm.c, over tokens of Shakespeare: of karpathy/llm.c
 * train_gpt2.py's write_state, which test_gpt2.c reads. Little-endian: 256 int32 of header (magic,
 * version, B, T); x and y, int32 [B, T]; logits, float32 [B, T, n_vocab]; the loss, float32; then
 * gradients, which nobody here has.
 */
class LlmcStateTest {

  private static final int MAGIC = 20240327;
  private static final int VERSION = 2;
  private static final int HEADER_BYTES = 4 * 256;

  /** test_gpt2.c, expected_losses[0]: 4 sequences of 64 tokens. */
  private static final double PUBLISHED_LOSS = 5.270007133483887;

  @TempDir private Path folder;

  /**
   * What such a file says.
   *
   * @param x tokens [b, t]
   * @param y the token that follows each [b, t]
   * @param logits [b, t, n_vocab]
   */
  private record State(int b, int t, int[] x, int[] y, FloatBuffer logits, float loss) {

    static State read(Path file, GptConfig config) throws IOException {
      try (var channel = FileChannel.open(file)) {
        ByteBuffer all =
            channel.map(MapMode.READ_ONLY, 0, channel.size()).order(ByteOrder.LITTLE_ENDIAN);
        expect("bytes of header", all.limit() >= HEADER_BYTES, all.limit());
        expect("magic", all.getInt(0) == MAGIC, all.getInt(0));
        expect("version", all.getInt(4) == VERSION, all.getInt(4));
        int b = all.getInt(8);
        int t = all.getInt(12);
        expect("B", b >= 1 && b <= 1024, b);
        expect("T", t >= 1 && t <= config.nCtx(), t);
        long n = (long) b * t;
        long bytes = HEADER_BYTES + 4 * (2 * n + n * config.nVocab() + 1);
        expect("bytes", all.limit() >= bytes, all.limit());
        int[] x = ints(all, HEADER_BYTES, b * t);
        int[] y = ints(all, HEADER_BYTES + 4 * b * t, b * t);
        int at = HEADER_BYTES + 8 * b * t;
        FloatBuffer logits =
            all.slice(at, 4 * b * t * config.nVocab())
                .order(ByteOrder.LITTLE_ENDIAN)
                .asFloatBuffer();
        return new State(b, t, x, y, logits, all.getFloat((int) bytes - 4));
      }
    }

    private static int[] ints(ByteBuffer all, int at, int n) {
      int[] ints = new int[n];
      all.slice(at, 4 * n).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer().get(ints);
      return ints;
    }

    private static void expect(String what, boolean ok, int found) {
      if (!ok) {
        throw new IllegalArgumentException(
            "the state of llm.c has not the right " + what + ": " + found);
      }
    }

    /** Sequence i, and the token after it. */
    int[] text(int i) {
      int[] text = Arrays.copyOf(Arrays.copyOfRange(x, i * t, (i + 1) * t), t + 1);
      text[t] = y[(i + 1) * t - 1];
      return text;
    }
  }

  @Test
  @Tag("model")
  void logitsAndLossAreThoseOfLlmc() throws IOException {
    Path file = Models.folder().resolve("gpt2_124M_debug_state.bin");
    assumeTrue(
        Files.isRegularFile(file),
        () ->
            "no " + file + "; llm.c's dev/download_starter_pack.sh gets it, or its train_gpt2.py");
    try (Model model = Model.open(PublishedScoresTest.installed());
        Engine engine = Engines.named("core").open(model, EngineOptions.DEFAULT)) {
      State state = State.read(file, engine.config());
      assertThat(new int[] {state.b, state.t}).containsExactly(4, 64);
      assertThat((double) state.loss).isCloseTo(PUBLISHED_LOSS, within(1e-4)); // it is that file
      check(state, engine);
    }
  }

  /** Of HuggingFace's float64 loss; the logits are core's own, there being no others of all. */
  @Test
  void aStateIsReadAsItWasWritten() throws IOException {
    try (Model model = Model.open(Fixtures.TINY_SHAKESPEARE);
        Engine engine = Engines.named("core").open(model, EngineOptions.DEFAULT)) {
      ByteBuffer bytes = state(engine);
      check(State.read(write(bytes), engine.config()), engine);

      int last = bytes.limit() - 4;
      float loss = bytes.getFloat(last);
      assertFails(() -> checkChanged(bytes, last, loss + 0.001f, engine));
      bytes.putFloat(last, loss);
      int logit = HEADER_BYTES + 8 * 255 + 4 * 1024 * 200;
      assertFails(() -> checkChanged(bytes, logit, bytes.getFloat(logit) + 0.01f, engine));
    }
  }

  private void checkChanged(ByteBuffer bytes, int at, float value, Engine engine)
      throws IOException {
    bytes.putFloat(at, value);
    check(State.read(write(bytes), engine.config()), engine);
  }

  private static void assertFails(ThrowingCallable call) {
    assertThatThrownBy(call).isInstanceOf(AssertionError.class);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 20240326, magic: 20240326",
    "4, 1, version: 1",
    "8, 0, B: 0",
    "8, 2000000000, B: 2000000000",
    "8, 1000, bytes: ",
    "12, 257, T: 257",
    "12, -1, T: -1"
  })
  void aDamagedStateIsRefused(int at, int value, String message) throws IOException {
    try (Model model = Model.open(Fixtures.TINY_SHAKESPEARE);
        Engine engine = Engines.named("core").open(model, EngineOptions.DEFAULT)) {
      Path file = write(state(engine).putInt(at, value));
      assertThatThrownBy(() -> State.read(file, engine.config()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(message);
    }
  }

  private static void check(State state, Engine engine) {
    GptConfig config = engine.config();
    double sum = 0;
    double largest = 0;
    try (Session session = engine.newSession()) {
      for (int i = 0; i < state.b; i++) {
        int[] text = state.text(i);
        int[] y = Arrays.copyOfRange(state.y, i * state.t, (i + 1) * state.t);
        assertThat(Arrays.copyOfRange(text, 1, state.t + 1)).containsExactly(y);
        largest = Math.max(largest, checkLogits(state, i, session, config));
        sum += Scorer.whole(config).score(session, config, text, 0).sum();
      }
    }
    double mean = sum / (state.b * state.t);
    assertThat(-mean).isCloseTo(state.loss, within(PublishedScoresTest.bound(config, largest)));
  }

  /** Of all positions of sequence i; returns the largest. */
  private static double checkLogits(State state, int i, Session session, GptConfig config) {
    double[] largest = {0};
    float[] expected = new float[config.nVocab()];
    session.rewind(0);
    session.forward(
        Arrays.copyOfRange(state.x, i * state.t, (i + 1) * state.t),
        (position, logits) -> {
          state.logits.get((i * state.t + position) * config.nVocab(), expected);
          double most = 0;
          double apart = 0;
          for (int id = 0; id < expected.length; id++) {
            most = Math.max(most, Math.abs(expected[id]));
            apart = Math.max(apart, Math.abs((double) logits[id] - expected[id]));
          }
          double bound = Tolerances.betweenTwo(Tolerances.logits(config)) * most;
          assertThat(apart).as("sequence %d, position %d", i, position).isLessThanOrEqualTo(bound);
          largest[0] = Math.max(largest[0], most);
        });
    return largest[0];
  }

  /** One sequence of 255 tokens of the fixture's full context, which has HuggingFace's scores. */
  private static ByteBuffer state(Engine engine) {
    var golden = Fixtures.object(Fixtures.golden("tiny-shakespeare"), "full_context");
    int[] ids = Fixtures.ids(golden, "ids");
    double[] next = Fixtures.doubles(golden, "next_logprob");
    int t = next.length;
    int nVocab = engine.config().nVocab();
    var bytes =
        ByteBuffer.allocate(HEADER_BYTES + 4 * (2 * t + t * nVocab + 1))
            .order(ByteOrder.LITTLE_ENDIAN);
    bytes.putInt(MAGIC).putInt(VERSION).putInt(1).putInt(t).position(HEADER_BYTES);
    for (int i = 0; i < t; i++) {
      bytes.putInt(ids[i]);
    }
    for (int i = 0; i < t; i++) {
      bytes.putInt(ids[i + 1]);
    }
    try (Session session = engine.newSession()) {
      session.forward(
          Arrays.copyOf(ids, t),
          (_, logits) -> {
            for (float logit : logits) {
              bytes.putFloat(logit);
            }
          });
    }
    return bytes.putFloat((float) -Arrays.stream(next).average().orElseThrow());
  }

  private Path write(ByteBuffer bytes) throws IOException {
    Path file = folder.resolve("state.bin");
    Files.deleteIfExists(file);
    try (var channel = Files.newByteChannel(file, CREATE_NEW, WRITE)) {
      channel.write(bytes.rewind());
    }
    return file;
  }
}
