package org.fastgpt.djl;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import org.fastgpt.GptConfig;

/**
 * HuggingFace's GPT2LMHeadModel as a tree of TorchScript modules over named weights. What the
 * modules do is written in {@code gpt2.py}; here are their attributes, as {@code modeling_gpt2.py}
 * of HuggingFace transformers sets them.
 */
final class Gpt2Script {

  /**
   * A module.
   *
   * @param type its class in gpt2.py
   * @param attributes Boolean, Integer, Double, {@link Weight} or Node, by name
   */
  record Node(String type, Map<String, Object> attributes) {}

  /** A float32 tensor, by the model's name for it; two of one name are one tensor. */
  record Weight(String name) {}

  private static final String REPEATED = "{l}";

  private final GptConfig config;

  Gpt2Script(GptConfig config) {
    this.config = config;
  }

  /** The source text of all classes: gpt2.py, with a line for each layer where it says so. */
  String code() {
    var code = new StringBuilder();
    for (String line : template().lines().toList()) {
      int times = line.contains(REPEATED) && !line.startsWith("#") ? config.nLayer() : 1;
      for (int l = 0; l < times; l++) {
        code.append(line.replace(REPEATED, Integer.toString(l))).append('\n');
      }
    }
    return code.toString();
  }

  private static String template() {
    try (InputStream in = Gpt2Script.class.getResourceAsStream("gpt2.py")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** GPT2LMHeadModel, the root. A tied head is the very tensor of wte. */
  Node model() {
    var blocks = new LinkedHashMap<String, Object>();
    for (int l = 0; l < config.nLayer(); l++) {
      blocks.put(Integer.toString(l), block(l));
    }
    String head = config.tieWordEmbeddings() ? "wte.weight" : "lm_head.weight";
    return node(
        "GPT2LMHeadModel",
        "transformer",
        node(
            "GPT2Model",
            "wte",
            node("Embedding", "weight", new Weight("wte.weight")),
            "wpe",
            node("Embedding", "weight", new Weight("wpe.weight")),
            "h",
            node("ModuleList", blocks),
            "ln_f",
            layerNorm("ln_f")),
        "lm_head",
        node("Linear", "weight", new Weight(head)));
  }

  private Node block(int l) {
    String name = "h." + l;
    return node(
        "GPT2Block",
        "ln_1",
        layerNorm(name + ".ln_1"),
        "attn",
        attention(name + ".attn", l),
        "ln_2",
        layerNorm(name + ".ln_2"),
        "mlp",
        node(
            "GPT2MLP",
            "c_fc",
            weightAndBias("Conv1D", name + ".mlp.c_fc"),
            "c_proj",
            weightAndBias("Conv1D", name + ".mlp.c_proj")));
  }

  private Node attention(String name, int l) {
    double scaling = config.scaleAttnWeights() ? 1 / Math.sqrt(config.headSize()) : 1;
    return node(
        "GPT2Attention",
        "c_attn",
        weightAndBias("Conv1D", name + ".c_attn"),
        "c_proj",
        weightAndBias("Conv1D", name + ".c_proj"),
        "split_size",
        config.nEmbd(),
        "head_dim",
        config.headSize(),
        "scaling",
        config.scaleAttnByInverseLayerIdx() ? scaling / (l + 1) : scaling);
  }

  private Node layerNorm(String name) {
    Node node = weightAndBias("LayerNorm", name);
    // The shortest decimal of the float is what config.json says: HuggingFace adds that as a
    // double.
    node.attributes().put("eps", Double.valueOf(Float.toString(config.layerNormEpsilon())));
    return node;
  }

  private static Node weightAndBias(String type, String name) {
    return node(type, "weight", new Weight(name + ".weight"), "bias", new Weight(name + ".bias"));
  }

  private static Node node(String type, Object... namesAndValues) {
    var attributes = new LinkedHashMap<String, Object>();
    for (int i = 0; i < namesAndValues.length; i += 2) {
      attributes.put((String) namesAndValues[i], namesAndValues[i + 1]);
    }
    return node(type, attributes);
  }

  private static Node node(String type, Map<String, Object> attributes) {
    attributes.put("training", false);
    return new Node(type, attributes);
  }
}
