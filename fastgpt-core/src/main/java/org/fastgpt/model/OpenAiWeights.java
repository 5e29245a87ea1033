package org.fastgpt.model;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.fastgpt.GptConfig;

/** OpenAI's own weights of GPT-2 124M: how they are known, in whatever layout they come. */
public final class OpenAiWeights {
  /** "crc32c name" on each line, from data/golden/openai-124M-tensors.json. */
  private static final String RESOURCE = "openai-124M.crc32c";

  private OpenAiWeights() {}

  /**
   * Whether a model is OpenAI's 124M to the last bit: the float32 values of each tensor have the
   * CRC32C that stands in the index of OpenAI's checkpoint. Looks no further than the first tensor
   * that differs.
   */
  public static boolean is124M(Model model) {
    return hasShapesOf124M(model)
        && crc32cOf124M().entrySet().stream()
            .allMatch(
                tensor ->
                    FloatChunks.crc32c(model.tensors().get(tensor.getKey())) == tensor.getValue());
  }

  /** Whether the tensors are those of a 124M by name and shape, whatever their values. */
  static boolean hasShapesOf124M(Model model) {
    return shapes(model.config()).equals(shapes(GptConfig.gpt2(50257, 1024, 768, 12, 12)));
  }

  private static Map<String, List<Integer>> shapes(GptConfig config) {
    var shapes = new HashMap<String, List<Integer>>();
    GptTensors.forEach(config, shapes::put);
    return shapes;
  }

  /** The CRC32C of each tensor's little-endian float32 values, by HuggingFace's name. */
  static Map<String, Integer> crc32cOf124M() {
    var crc32c = new LinkedHashMap<String, Integer>();
    try (var lines =
        new BufferedReader(
            new InputStreamReader(
                OpenAiWeights.class.getResourceAsStream(RESOURCE), StandardCharsets.US_ASCII))) {
      lines
          .lines()
          .forEach(line -> crc32c.put(line.substring(9), Integer.parseUnsignedInt(line, 0, 8, 16)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return Collections.unmodifiableMap(crc32c);
  }

  /** model/h0/attn/c_attn/w -> h.0.attn.c_attn.weight; layer norm's gain is g there. */
  static String huggingFaceName(String openAi) {
    return openAi
        .replaceFirst("^model/", "")
        .replaceFirst("^h([0-9]+)/", "h.$1.")
        .replaceFirst("^(wte|wpe)$", "$1.weight")
        .replaceFirst("/[wg]$", ".weight")
        .replaceFirst("/b$", ".bias")
        .replace('/', '.');
  }
}
