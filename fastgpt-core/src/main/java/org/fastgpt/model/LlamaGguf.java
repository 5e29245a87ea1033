package org.fastgpt.model;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.fastgpt.GptConfig;
import org.fastgpt.model.StoredTensor.DType;
import org.fastgpt.tokenizer.Tokenizer;

/**
 * llama.cpp's GGUF of architecture gpt2, as its convert_hf_to_gguf.py writes it: sizes and
 * vocabulary in keys, matrices [out, in]. F32, F16 and BF16 vectors and embeddings are used in
 * place; matrices are transposed; Q8_0 becomes F32.
 */
final class LlamaGguf {
  static final String ARCHITECTURE = "general.architecture";
  static final String GPT2 = "gpt2";
  static final String BLOCK_COUNT = "gpt2.block_count";
  static final String CONTEXT_LENGTH = "gpt2.context_length";
  static final String EMBEDDING_LENGTH = "gpt2.embedding_length";
  static final String FEED_FORWARD_LENGTH = "gpt2.feed_forward_length";
  static final String HEAD_COUNT = "gpt2.attention.head_count";
  static final String HEAD_COUNT_KV = "gpt2.attention.head_count_kv";
  static final String EPSILON = "gpt2.attention.layer_norm_epsilon";
  static final String TOKENIZER = "tokenizer.ggml.model";
  static final String PRE_TOKENIZER = "tokenizer.ggml.pre";
  static final String TOKENS = "tokenizer.ggml.tokens";
  static final String TOKEN_TYPES = "tokenizer.ggml.token_type";
  static final String MERGES = "tokenizer.ggml.merges";
  static final String BOS = "tokenizer.ggml.bos_token_id";
  static final String EOS = "tokenizer.ggml.eos_token_id";

  // Types of tokens.
  static final int NORMAL = 1;
  static final int CONTROL = 3;
  static final int USER_DEFINED = 4;

  private static final Map<String, String> TOP =
      Map.of(
          "wte.weight", "token_embd.weight",
          "wpe.weight", "position_embd.weight",
          "ln_f.weight", "output_norm.weight",
          "ln_f.bias", "output_norm.bias",
          "lm_head.weight", "output.weight");
  private static final Map<String, String> BLOCK =
      Map.of(
          "ln_1", "attn_norm",
          "attn.c_attn", "attn_qkv",
          "attn.c_proj", "attn_output",
          "ln_2", "ffn_norm",
          "mlp.c_fc", "ffn_up",
          "mlp.c_proj", "ffn_down");

  private final Gguf gguf;

  LlamaGguf(Gguf gguf) {
    this.gguf = gguf;
  }

  /** llama.cpp's name of a tensor: h.0.attn.c_attn.bias is blk.0.attn_qkv.bias. */
  static String name(String name) {
    if (TOP.containsKey(name)) {
      return TOP.get(name);
    }
    String[] parts = name.split("\\.", 3); // h, the layer, the rest
    int dot = parts[2].lastIndexOf('.');
    return "blk."
        + parts[1]
        + "."
        + BLOCK.get(parts[2].substring(0, dot))
        + parts[2].substring(dot);
  }

  /** Whether it is a matrix of a block, which is [out, in] here and [in, out] there. */
  static boolean isTransposed(String name, List<Integer> shape) {
    return name.startsWith("h.") && shape.size() == 2;
  }

  Checkpoint read(Arena arena) {
    GptConfig config = config();
    return new Checkpoint(
        "llama.cpp's GGUF, " + gguf.types(),
        config,
        tensors(config, arena),
        gguf.find(TOKENIZER).isPresent() ? Optional.of(this::tokenizer) : Optional.empty());
  }

  private GptConfig config() {
    int nHead = gguf.size(HEAD_COUNT, ConfigJson.MAX_SIZE);
    oneOf(HEAD_COUNT_KV, (long) nHead);
    oneOf("split.count", 0L, 1L); // of several files this is one
    Gguf.Tensor wte = gguf.tensors().get(name("wte.weight"));
    if (wte == null || wte.shape().size() != 2) {
      throw gguf.bad("tensor " + name("wte.weight") + " [n_vocab, n_embd] expected");
    }
    try {
      return new GptConfig(
          wte.shape().getFirst(),
          gguf.size(CONTEXT_LENGTH, ConfigJson.MAX_SIZE),
          gguf.size(EMBEDDING_LENGTH, ConfigJson.MAX_SIZE),
          nHead,
          gguf.size(BLOCK_COUNT, ConfigJson.MAX_SIZE),
          gguf.size(FEED_FORWARD_LENGTH, ConfigJson.MAX_SIZE),
          epsilon(),
          true,
          false,
          !gguf.tensors().containsKey(name("lm_head.weight")),
          eosTokenId());
    } catch (IllegalArgumentException e) {
      throw new ModelException(gguf.file() + ": " + e.getMessage(), e);
    }
  }

  private float epsilon() {
    if (gguf.values().get(EPSILON) instanceof Double epsilon) {
      return epsilon.floatValue();
    }
    throw gguf.wrong(EPSILON, "a number", gguf.values().get(EPSILON));
  }

  private int eosTokenId() {
    Object value = gguf.find(EOS).orElse(-1L);
    if (value instanceof Long id && id >= -1 && id < ConfigJson.MAX_SIZE) {
      return id.intValue();
    }
    throw gguf.wrong(EOS, "a token id", value);
  }

  /** Fails if there is another value than these; none is fine. */
  private void oneOf(String key, Object... supported) {
    Optional<Object> found = gguf.find(key);
    if (found.isPresent() && !List.of(supported).contains(found.get())) {
      throw gguf.wrong(key, List.of(supported).getLast().toString(), found.get());
    }
  }

  private Map<String, StoredTensor> tensors(GptConfig config, Arena arena) {
    var tensors = new LinkedHashMap<String, StoredTensor>();
    var left = new LinkedHashMap<>(gguf.tensors());
    GptTensors.forEach(
        config,
        (name, shape) -> {
          Gguf.Tensor tensor = left.remove(name(name));
          if (tensor == null) {
            throw gguf.bad("tensor " + name(name) + " (" + name + ") expected, none found");
          }
          tensors.put(name, stored(name, shape, tensor, arena));
        });
    if (!left.isEmpty()) {
      throw gguf.bad("tensor " + left.keySet().iterator().next() + ": a GPT-2 has no such tensor");
    }
    return tensors;
  }

  private StoredTensor stored(String name, List<Integer> shape, Gguf.Tensor tensor, Arena arena) {
    boolean transposed = isTransposed(name, shape);
    List<Integer> expected = transposed ? shape.reversed() : shape;
    if (!tensor.shape().equals(expected)) {
      throw gguf.bad(
          "tensor "
              + tensor.name()
              + ": shape "
              + expected
              + " expected, "
              + tensor.shape()
              + " found");
    }
    if (!transposed) {
      return plain(name, tensor, arena);
    }
    try (Arena passing = Arena.ofConfined()) {
      return Transposed.of(plain(name, tensor, passing), arena);
    }
  }

  /** In place, but for Q8_0, which becomes float32 in {@code arena}. */
  private StoredTensor plain(String name, Gguf.Tensor tensor, Arena arena) {
    DType dtype =
        switch (tensor.type()) {
          case F32, Q8_0 -> DType.F32;
          case F16 -> DType.F16;
          case BF16 -> DType.BF16;
          default ->
              throw gguf.bad(
                  "tensor "
                      + tensor.name()
                      + ": F32, F16, BF16 or Q8_0 expected, "
                      + tensor.type()
                      + " found");
        };
    MemorySegment data =
        tensor.type() == Gguf.Type.Q8_0 ? Q8.floats(tensor.data(), arena) : tensor.data();
    return new StoredTensor(name, dtype, tensor.shape(), data);
  }

  private Tokenizer tokenizer() {
    oneOf(TOKENIZER, "gpt2"); // llama.cpp's name for byte-level BPE
    oneOf(PRE_TOKENIZER, "default", "gpt-2"); // the first converters wrote none
    oneOf("tokenizer.ggml.add_bos_token", false);
    oneOf("tokenizer.ggml.add_eos_token", false);
    oneOf("tokenizer.ggml.add_space_prefix", false);
    List<String> tokens = gguf.strings(TOKENS);
    int[] types = gguf.find(TOKEN_TYPES).isPresent() ? gguf.ints(TOKEN_TYPES) : new int[0];
    if (types.length != 0 && types.length != tokens.size()) {
      throw gguf.bad(
          TOKEN_TYPES + ": " + tokens.size() + " types expected, " + types.length + " found");
    }
    return Tokenizer.of(
        gguf.file(),
        tokens,
        gguf.strings(MERGES),
        id -> types.length > 0 && (types[id] == CONTROL || types[id] == USER_DEFINED));
  }
}
