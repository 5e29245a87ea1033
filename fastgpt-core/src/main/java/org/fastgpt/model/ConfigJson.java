package org.fastgpt.model;

import java.io.StringReader;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.fastgpt.GptConfig;

/**
 * Reads HuggingFace's config.json. A value that changes the arithmetic is obeyed or refused by
 * name; an absent one is as in HuggingFace's class GPT2Config.
 *
 * <p>Not looked at, because generation does not depend on it: dropouts ({@code *_pdrop}), {@code
 * initializer_range}, {@code summary_*} (another head), {@code use_cache}, {@code *dtype} (the
 * weights say theirs), {@code bos_token_id} and {@code pad_token_id}, {@code n_special}, {@code
 * predict_special_tokens}, {@code task_specific_params}, names and versions, and any name that
 * GPT2Config does not know either.
 */
final class ConfigJson {
  private static final long MAX_BYTES = 1 << 20;
  // Far above any GPT-2, and low enough that no product of two of them leaves the range of long,
  // and 4 * n_embd that of int.
  static final int MAX_SIZE = 1 << 24;

  private final Path file;
  private final Map<String, Object> json;

  private ConfigJson(Path file) {
    this.file = file;
    this.json = Json.object(new StringReader(ModelFile.text(file, MAX_BYTES)), file);
  }

  /**
   * The configuration in {@code file}.
   *
   * @throws ModelException it is not one, or not one of a GPT-2 that is supported
   */
  static GptConfig read(Path file) {
    return new ConfigJson(file).config();
  }

  private GptConfig config() {
    refuseOtherModels();
    int nVocab = size("vocab_size", 50257);
    int nEmbd = size("n_embd", 768, "hidden_size");
    try {
      return new GptConfig(
          nVocab,
          size("n_positions", 1024, "n_ctx", "max_position_embeddings"),
          nEmbd,
          size("n_head", 12, "num_attention_heads"),
          size("n_layer", 12, "num_hidden_layers"),
          size("n_inner", 4 * nEmbd),
          epsilon(),
          flag("scale_attn_weights", true),
          flag("scale_attn_by_inverse_layer_idx", false),
          flag("tie_word_embeddings", true),
          eosTokenId(nVocab));
    } catch (IllegalArgumentException e) {
      throw new ModelException(file + ": " + e.getMessage(), e);
    }
  }

  private void refuseOtherModels() {
    oneOf("model_type", json.getOrDefault("model_type", "gpt2"), "gpt2");
    // The three are one function, written in three ways; "gelu" is another one.
    oneOf(
        "activation_function",
        json.getOrDefault("activation_function", "gelu_new"),
        "gelu_new",
        "gelu_pytorch_tanh",
        "gelu_fast");
    if (json.get("architectures") instanceof List<?> classes) {
      // The others have a head of their own in place of the one that gives logits.
      classes.forEach(c -> oneOf("architectures", c, "GPT2LMHeadModel", "GPT2Model"));
    } else {
      requireAbsent("architectures");
    }
    requireAbsent("quantization_config");
    requireAbsent("auto_map"); // code of the model's own
    requireAbsent("pruned_heads");
    if (flag("add_cross_attention", false)) {
      throw new ModelException(file + ": add_cross_attention true is not supported");
    }
    // Only asks for fp32 scores in a model that runs in half precision: here all is fp32.
    flag("reorder_and_upcast_attn", false);
  }

  private void oneOf(String name, Object value, String... supported) {
    if (!Arrays.asList(supported).contains(value)) {
      String found = value instanceof String s ? "'" + s + "'" : Json.show(value);
      throw new ModelException(
          file
              + ": "
              + name
              + " "
              + found
              + " is not supported; supported: "
              + String.join(", ", supported));
    }
  }

  private void requireAbsent(String name) {
    Object value = json.get(name);
    if (value != null && !(value instanceof Map<?, ?> map && map.isEmpty())) {
      throw new ModelException(file + ": " + name + " " + Json.show(value) + " is not supported");
    }
  }

  /** The positive number that has {@code name} or another name that HuggingFace takes for it. */
  private int size(String name, int absent, String... otherNames) {
    Object value = json.get(name);
    String found = name;
    for (String other : otherNames) {
      Object same = json.get(other);
      if (value != null && same != null && !value.equals(same)) {
        throw new ModelException(
            file
                + ": "
                + found
                + " "
                + Json.show(value)
                + " and "
                + other
                + " "
                + Json.show(same)
                + " should be equal");
      }
      if (value == null && same != null) {
        value = same;
        found = other;
      }
    }
    if (value == null) {
      return absent;
    }
    int size = whole(found, value);
    if (size < 1 || size > MAX_SIZE) {
      throw new ModelException(
          file + ": " + found + " " + size + " is not in [1, " + MAX_SIZE + "]");
    }
    return size;
  }

  private int whole(String name, Object value) {
    if (value instanceof Integer i) {
      return i;
    }
    throw wrongType(name, "a whole number", value);
  }

  private boolean flag(String name, boolean absent) {
    Object value = json.containsKey(name) ? json.get(name) : absent;
    if (value instanceof Boolean flag) {
      return flag;
    }
    throw wrongType(name, "true or false", value);
  }

  private float epsilon() {
    Object value = json.getOrDefault("layer_norm_epsilon", 1e-5);
    if (value instanceof Number number) {
      return number.floatValue();
    }
    throw wrongType("layer_norm_epsilon", "a number", value);
  }

  /** Of several ids that end a text, the first; -1 if none does. */
  private int eosTokenId(int nVocab) {
    if (!json.containsKey("eos_token_id")) {
      return nVocab > 50256 ? 50256 : -1; // a smaller vocabulary cannot have GPT-2's
    }
    Object value = json.get("eos_token_id");
    if (value instanceof List<?> ids) {
      value = ids.isEmpty() ? null : ids.getFirst();
    }
    return value == null ? -1 : whole("eos_token_id", value);
  }

  private ModelException wrongType(String name, String expected, Object found) {
    return new ModelException(
        file + ": " + name + ": " + expected + " expected, " + Json.show(found) + " found");
  }
}
