package org.fastgpt.model;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.fastgpt.GptConfig;
import org.fastgpt.model.StoredTensor.DType;
import org.fastgpt.tokenizer.Tokenizer;

/**
 * Writes llama.cpp's GGUF of architecture gpt2: the keys that it needs, matrices [out, in], and the
 * rounding of gguf-py. Vectors and wpe stay float32, as its convert_hf_to_gguf.py keeps them.
 */
final class LlamaGgufWriter implements ModelWriter {
  private static final List<Gguf.Type> TYPES =
      List.of(Gguf.Type.F32, Gguf.Type.F16, Gguf.Type.BF16, Gguf.Type.Q8_0);

  private final Gguf.Type type;

  private LlamaGgufWriter(Gguf.Type type) {
    this.type = type;
  }

  /**
   * A writer whose matrices are of that type.
   *
   * @param type f32, f16, bf16 or q8_0, as convert_hf_to_gguf.py's --outtype
   * @throws IllegalArgumentException it is another
   */
  static LlamaGgufWriter of(String type) {
    return TYPES.stream()
        .filter(t -> t.name().toLowerCase(Locale.ROOT).equals(type))
        .findFirst()
        .map(LlamaGgufWriter::new)
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "outtype '" + type + "': f32, f16, bf16 or q8_0 expected"));
  }

  @Override
  public String format() {
    return "llama-gguf";
  }

  @Override
  public String fileName() {
    return "model" + GgufFormat.EXTENSION;
  }

  @Override
  public void write(Model model, Path file, Progress progress) {
    layout(model).plan().replace(file, progress);
  }

  GgufWriter layout(Model model) {
    GptConfig c = model.config();
    if (!c.scaleAttnWeights() || c.scaleAttnByInverseLayerIdx()) {
      throw new ModelException(
          "llama.cpp's gpt2 has scale_attn_weights and not scale_attn_by_inverse_layer_idx; this"
              + " model has: "
              + c);
    }
    var gguf = new GgufWriter();
    sizes(gguf, c);
    vocabulary(gguf, model.requireTokenizer(), c.eosTokenId());
    GptTensors.forEach(c, (name, shape) -> tensor(gguf, model, name, shape));
    return gguf;
  }

  private static void sizes(GgufWriter gguf, GptConfig c) {
    gguf.string(LlamaGguf.ARCHITECTURE, LlamaGguf.GPT2);
    gguf.uint32(LlamaGguf.BLOCK_COUNT, c.nLayer());
    gguf.uint32(LlamaGguf.CONTEXT_LENGTH, c.nCtx());
    gguf.uint32(LlamaGguf.EMBEDDING_LENGTH, c.nEmbd());
    gguf.uint32(LlamaGguf.FEED_FORWARD_LENGTH, c.nInner());
    gguf.uint32(LlamaGguf.HEAD_COUNT, c.nHead());
    gguf.float32(LlamaGguf.EPSILON, c.layerNormEpsilon());
  }

  private static void vocabulary(GgufWriter gguf, Tokenizer tokenizer, int eosTokenId) {
    List<String> tokens = new ArrayList<>(tokenizer.vocabulary());
    int[] types = new int[tokens.size()];
    Arrays.fill(types, LlamaGguf.NORMAL);
    for (Map.Entry<String, Integer> special : tokenizer.special().entrySet()) {
      int id = special.getValue();
      tokens.set(id, special.getKey());
      types[id] =
          special.getKey().equals(Tokenizer.END_OF_TEXT)
              ? LlamaGguf.CONTROL
              : LlamaGguf.USER_DEFINED;
    }
    gguf.string(LlamaGguf.TOKENIZER, "gpt2");
    gguf.string(LlamaGguf.PRE_TOKENIZER, "gpt-2");
    gguf.strings(LlamaGguf.TOKENS, tokens);
    gguf.int32s(LlamaGguf.TOKEN_TYPES, types);
    gguf.strings(LlamaGguf.MERGES, tokenizer.merges());
    if (eosTokenId >= 0) {
      gguf.uint32(LlamaGguf.BOS, eosTokenId);
      gguf.uint32(LlamaGguf.EOS, eosTokenId);
    }
  }

  private void tensor(GgufWriter gguf, Model model, String name, List<Integer> shape) {
    boolean transposed = LlamaGguf.isTransposed(name, shape);
    List<Integer> its = transposed ? shape.reversed() : shape;
    MemorySegment floats = model.floats(name);
    Gguf.Type itsType = type(name, its);
    Halves.Elements elements =
        transposed
            ? i -> floats.get(Model.FLOAT, 4 * transposed(i, its))
            : i -> floats.get(Model.FLOAT, 4 * i);
    gguf.tensor(LlamaGguf.name(name), itsType, its, data(name, itsType, elements));
  }

  /** Where element {@code i} of {@code [out, in]} lies in {@code [in, out]}. */
  private static long transposed(long i, List<Integer> outIn) {
    int out = outIn.get(0);
    int in = outIn.get(1);
    return i % in * out + i / in;
  }

  /** Rows that are not whole blocks become F16, as convert_hf_to_gguf.py has it. */
  private Gguf.Type type(String name, List<Integer> shape) {
    if (shape.size() < 2 || name.equals("wpe.weight")) {
      return Gguf.Type.F32;
    }
    return shape.getLast() % type.blockElements == 0 ? type : Gguf.Type.F16;
  }

  private static FilePlan.Data data(String name, Gguf.Type type, Halves.Elements x) {
    return switch (type) {
      case F32 ->
          (chunk, from) -> {
            for (long i = 0; i < chunk.byteSize() / 4; i++) {
              chunk.set(Model.FLOAT, 4 * i, x.get(from / 4 + i));
            }
          };
      case Q8_0 ->
          (chunk, from) -> {
            float[] block = new float[Q8.BLOCK];
            for (long b = 0; b < chunk.byteSize() / Q8.BLOCK_BYTES; b++) {
              for (int i = 0; i < Q8.BLOCK; i++) {
                block[i] = x.get((from / Q8.BLOCK_BYTES + b) * Q8.BLOCK + i);
              }
              Q8.block(block, chunk, b * Q8.BLOCK_BYTES);
            }
          };
      default -> Halves.data(type == Gguf.Type.F16 ? DType.F16 : DType.BF16, name, x);
    };
  }
}
