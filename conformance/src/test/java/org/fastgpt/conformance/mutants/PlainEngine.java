package org.fastgpt.conformance.mutants;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.fastgpt.BatchGenerator;
import org.fastgpt.Engine;
import org.fastgpt.Generator;
import org.fastgpt.GptConfig;
import org.fastgpt.ParameterView;
import org.fastgpt.Promise;
import org.fastgpt.Session;
import org.fastgpt.TextCodec;
import org.fastgpt.model.Model;

/**
 * A GPT-2 in plain float Java behind the whole SPI, made to be broken: healthy it keeps every rule,
 * and each {@link Mutation} is one fault at one place, where {@link #has} asks for it. Speed is no
 * aim.
 */
final class PlainEngine implements Engine, TextCodec, ParameterView, BatchGenerator {

  private final String name;
  private final Model model;
  private final GptConfig config;
  private final Mutation mutation;
  private final Map<String, float[]> parameters = new HashMap<>();
  private final float[] head; // [n_vocab, n_embd]
  private final Cache sharedCache; // of SHARED_CACHE, else null
  private final Random noise = new Random(1); // of NONDETERMINISTIC

  /** Keys and values of one sequence. */
  static final class Cache {
    final float[][] keys; // [n_layer][n_ctx, n_embd]
    final float[][] values; // [n_layer][n_ctx, n_embd]

    Cache(GptConfig config) {
      keys = new float[config.nLayer()][config.nCtx() * config.nEmbd()];
      values = new float[config.nLayer()][config.nCtx() * config.nEmbd()];
    }
  }

  PlainEngine(String name, Model model, Mutation mutation) {
    this.name = name;
    this.model = model;
    this.mutation = mutation;
    config = model.config();
    model.tensors().keySet().forEach(key -> parameters.put(key, load(key)));
    head = head();
    sharedCache = has(Mutation.SHARED_CACHE) ? new Cache(config) : null;
  }

  /** Whether this is the engine's fault. */
  boolean has(Mutation fault) {
    return mutation == fault;
  }

  private float[] load(String key) {
    float[] w = model.floats(key).toArray(Model.FLOAT);
    for (int i = 0; i < w.length; i++) {
      if (has(Mutation.F16_WEIGHTS)) {
        w[i] = Float.float16ToFloat(Float.floatToFloat16(w[i]));
      }
      if (has(Mutation.BF16_WEIGHTS)) {
        w[i] = Float.intBitsToFloat((Float.floatToRawIntBits(w[i]) + 0x8000) & 0xFFFF0000);
      }
    }
    return w;
  }

  private float[] head() {
    float[] w = weights(config.tieWordEmbeddings() ? "wte.weight" : "lm_head.weight");
    if (has(Mutation.UNTIED_HEAD)) {
      w = w.clone();
      var random = new Random(1);
      for (int i = 0; i < w.length; i++) {
        w[i] *= 1 + 0.01f * (float) random.nextGaussian();
      }
    }
    return w;
  }

  float[] weights(String key) {
    return parameters.get(key);
  }

  float[] headWeights() {
    return head;
  }

  Cache newCache() {
    return sharedCache == null ? new Cache(config) : sharedCache;
  }

  /** -1, 0 or 1. */
  int noise() {
    return noise.nextInt(-1, 2);
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public GptConfig config() {
    return config;
  }

  /** Each row is computed for itself, all sums in the order of their indices. */
  @Override
  public Set<Promise> promises() {
    return Set.of(Promise.SAME_BITS_HOWEVER_SPLIT);
  }

  @Override
  public Session newSession() {
    return new PlainSession(this, 0);
  }

  @Override
  public float[] parameter(String key) {
    if (!parameters.containsKey(key)) {
      throw new IllegalArgumentException(key + ": there is no such parameter");
    }
    return weights(key).clone();
  }

  @Override
  public int[] encode(String text) {
    return has(Mutation.FASTGPT_TOKENIZER)
        ? new FastGptTokenizer(model.requireTokenizer()).encode(text)
        : model.requireTokenizer().encode(text);
  }

  @Override
  public byte[] decodeBytes(int... ids) {
    byte[] bytes = model.requireTokenizer().decodeBytes(ids);
    return has(Mutation.INCOMPLETE_UTF8_DROPPED) ? wholeCharacters(bytes) : bytes;
  }

  private static byte[] wholeCharacters(byte[] bytes) {
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.IGNORE)
          .decode(ByteBuffer.wrap(bytes))
          .toString()
          .getBytes(StandardCharsets.UTF_8);
    } catch (CharacterCodingException e) {
      throw new AssertionError(e); // malformed input is ignored
    }
  }

  /** As a batch is computed, padded on the left to the longest prompt, but row by row. */
  @Override
  public List<int[]> generateBatch(List<int[]> prompts, int newTokens) {
    if (prompts.isEmpty()) {
      throw new IllegalArgumentException("no prompts");
    }
    prompts.forEach(prompt -> config.checkInput(prompt, 0));
    int width = prompts.stream().mapToInt(prompt -> prompt.length).max().orElseThrow();
    if (newTokens < 1) {
      throw new IllegalArgumentException("new tokens " + newTokens + ": at least 1 is needed");
    }
    if (width + newTokens - 1 > config.nCtx()) { // the last new token needs no position
      throw new IllegalStateException(
          "context full: a prompt of %d and %d new tokens need more than n_ctx = %d"
              .formatted(width, newTokens, config.nCtx()));
    }
    return prompts.stream().map(prompt -> continued(prompt, width, newTokens)).toList();
  }

  private int[] continued(int[] prompt, int width, int newTokens) {
    int padding = width - prompt.length;
    int[] row = new int[width + newTokens];
    System.arraycopy(prompt, 0, row, padding, prompt.length);
    try (var session = new PlainSession(this, padding)) {
      float[] logits = session.forward(Arrays.copyOf(row, width));
      for (int i = width; i < row.length; i++) {
        row[i] = Generator.argmax(logits);
        if (i + 1 < row.length) {
          logits = session.forward(row[i]);
        }
      }
    }
    return Arrays.copyOfRange(row, width, row.length);
  }

  @Override
  public void close() {}
}
