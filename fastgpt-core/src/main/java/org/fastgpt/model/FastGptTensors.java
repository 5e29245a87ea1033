package org.fastgpt.model;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.fastgpt.GptConfig;
import org.fastgpt.tokenizer.Tokenizer;

/**
 * What fastGPT's two layouts, model.gguf and model.dat, have in common: arrays of float32 that hold
 * one parameter of all layers, [n_layer, ...]; matrices [in, out], as Conv1D; and texts, one after
 * the other, with an array of where each begins. As in fastGPT's {@code create_model.py}.
 */
final class FastGptTensors {
  /** Marks a file of fastGPT; its digits look like the letters. */
  static final int MARK = 0xfa51697;

  /** Bytes in an alphabet that maps them to code points below this. */
  static final int CODE_POINTS = 324;

  private static final float EPSILON = 1e-5f;

  /** By HuggingFace's name, * for the layer: fastGPT's name. In the order of its files. */
  private static final Map<String, String> NAMES = new LinkedHashMap<>();

  static {
    NAMES.put("wte.weight", "wte");
    NAMES.put("wpe.weight", "wpe");
    NAMES.put("h.*.mlp.c_fc.weight", "mlp_fc_w");
    NAMES.put("h.*.mlp.c_fc.bias", "mlp_fc_b");
    NAMES.put("h.*.mlp.c_proj.weight", "mlp_proj_w");
    NAMES.put("h.*.mlp.c_proj.bias", "mlp_proj_b");
    NAMES.put("h.*.attn.c_attn.weight", "attn_w");
    NAMES.put("h.*.attn.c_attn.bias", "attn_b");
    NAMES.put("h.*.attn.c_proj.weight", "attn_proj_w");
    NAMES.put("h.*.attn.c_proj.bias", "attn_proj_b");
    NAMES.put("h.*.ln_1.bias", "ln1_b");
    NAMES.put("h.*.ln_1.weight", "ln1_g");
    NAMES.put("h.*.ln_2.bias", "ln2_b");
    NAMES.put("h.*.ln_2.weight", "ln2_g");
    NAMES.put("ln_f.bias", "lnf_b");
    NAMES.put("ln_f.weight", "lnf_g");
  }

  private FastGptTensors() {}

  /**
   * The configuration of a file that says only these sizes.
   *
   * @param eosTokenId -1 if the vocabulary has no end-of-text
   */
  static GptConfig config(
      Path file, int nVocab, int nCtx, int nEmbd, int nLayer, int nHead, int eosTokenId) {
    for (int size : new int[] {nVocab, nCtx, nEmbd, nLayer, nHead}) {
      if (size < 1 || size > ConfigJson.MAX_SIZE) {
        throw new ModelException(
            file + ": header: size " + size + " is not in [1, " + ConfigJson.MAX_SIZE + "]");
      }
    }
    try {
      return new GptConfig(
          nVocab, nCtx, nEmbd, nHead, nLayer, 4 * nEmbd, EPSILON, true, false, true, eosTokenId);
    } catch (IllegalArgumentException e) {
      throw new ModelException(file + ": header: " + e.getMessage(), e);
    }
  }

  /**
   * Fails unless a file that says only sizes says all of {@code config}.
   *
   * @throws ModelException it needs what fastGPT does not have
   */
  static void checkConfig(GptConfig config) {
    var plain =
        new GptConfig(
            config.nVocab(),
            config.nCtx(),
            config.nEmbd(),
            config.nHead(),
            config.nLayer(),
            4 * config.nEmbd(),
            EPSILON,
            true,
            false,
            true,
            config.eosTokenId());
    if (!config.equals(plain)) {
      throw new ModelException(
          "fastGPT's layouts are for n_inner 4 * n_embd, layer_norm_epsilon 1e-5,"
              + " scale_attn_weights, tie_word_embeddings and not scale_attn_by_inverse_layer_idx;"
              + " this model has: "
              + config);
    }
  }

  /** The shape of each array by fastGPT's name, in the order of its files. */
  static Map<String, List<Integer>> shapes(GptConfig config) {
    var shapes = new LinkedHashMap<String, List<Integer>>();
    NAMES.values().forEach(name -> shapes.put(name, List.of())); // for the order
    var oneLayer =
        GptConfig.gpt2(config.nVocab(), config.nCtx(), config.nEmbd(), config.nHead(), 1);
    GptTensors.forEach(
        oneLayer,
        (name, shape) -> {
          String pattern = name.replaceFirst("^h\\.0\\.", "h.*.");
          var full = new ArrayList<>(shape);
          if (!pattern.equals(name)) {
            full.addFirst(config.nLayer());
          }
          shapes.put(NAMES.get(pattern), List.copyOf(full));
        });
    return shapes;
  }

  /**
   * The tensors, each a part of one of the arrays.
   *
   * @param arrays gives the array of fastGPT's name, which has the size of its shape
   */
  static Map<String, StoredTensor> tensors(GptConfig config, Map<String, MemorySegment> arrays) {
    var tensors = new LinkedHashMap<String, StoredTensor>();
    GptTensors.forEach(
        config,
        (name, shape) -> {
          String[] parts = name.split("\\.", 3); // h, the layer, the rest
          boolean inBlock = parts[0].equals("h");
          int layer = inBlock ? Integer.parseInt(parts[1]) : 0;
          MemorySegment array = arrays.get(NAMES.get(inBlock ? "h.*." + parts[2] : name));
          long bytes = shape.stream().mapToLong(d -> d).reduce(4, Math::multiplyExact);
          tensors.put(
              name,
              new StoredTensor(
                  name, StoredTensor.DType.F32, shape, array.asSlice(layer * bytes, bytes)));
        });
    return tensors;
  }

  /** Of the array of fastGPT's name all tensors, layer after layer, by HuggingFace's names. */
  static List<String> members(GptConfig config, String array) {
    String pattern =
        NAMES.entrySet().stream()
            .filter(e -> e.getValue().equals(array))
            .map(Map.Entry::getKey)
            .findFirst()
            .orElseThrow();
    var members = new ArrayList<String>();
    int n = pattern.contains("*") ? config.nLayer() : 1;
    for (int l = 0; l < n; l++) {
      members.add(pattern.replace("*", Integer.toString(l)));
    }
    return members;
  }

  /** Texts, put together, and where each begins; the last index is where all end. */
  record Texts(byte[] text, byte[] index) {
    static Texts of(List<String> texts) {
      byte[] text = String.join("", texts).getBytes(StandardCharsets.UTF_8);
      var index = ByteBuffer.allocate(4 * (texts.size() + 1)).order(Gguf.INT.order());
      int at = 0;
      index.putInt(at);
      for (String t : texts) {
        at += t.getBytes(StandardCharsets.UTF_8).length;
        index.putInt(at);
      }
      return new Texts(text, index.array());
    }

    /** Number of indices, one more than of texts. */
    int indices() {
      return index.length / 4;
    }
  }

  /**
   * The texts back.
   *
   * @param what they are, for messages
   */
  static List<String> texts(Path file, String what, MemorySegment index, MemorySegment text) {
    int[] starts = index.toArray(Gguf.INT);
    if (starts.length == 0 || starts[0] != 0 || starts[starts.length - 1] != text.byteSize()) {
      throw new ModelException(
          file
              + ": "
              + what
              + ": indices from 0 to "
              + text.byteSize()
              + " expected, others found");
    }
    var texts = new ArrayList<String>();
    var utf8 = StandardCharsets.UTF_8.newDecoder();
    for (int i = 0; i + 1 < starts.length; i++) {
      int start = starts[i];
      int end = starts[i + 1];
      if (end < start || end > text.byteSize()) {
        throw new ModelException(
            file + ": " + what + ": indices that rise expected, " + end + " found after " + start);
      }
      byte[] bytes = text.asSlice(start, end - start).toArray(ValueLayout.JAVA_BYTE);
      try {
        texts.add(utf8.decode(ByteBuffer.wrap(bytes)).toString());
      } catch (CharacterCodingException e) {
        throw new ModelException(file + ": " + what + " " + i + ": not UTF-8", e);
      }
    }
    return texts;
  }

  /** The lines of merges.txt as create_model.py keeps them: the end of the last one is one more. */
  static List<String> withLastLine(List<String> merges) {
    var lines = new ArrayList<>(merges);
    lines.add("");
    return lines;
  }

  /** The merges of these lines. */
  static List<String> withoutLastLine(List<String> lines) {
    boolean ended = !lines.isEmpty() && lines.getLast().isEmpty();
    return ended ? lines.subList(0, lines.size() - 1) : lines;
  }

  /** The id of end-of-text among the tokens; -1 if it is not there. */
  static int endOfText(List<String> tokens) {
    return tokens.lastIndexOf(Tokenizer.END_OF_TEXT);
  }

  /** The code point of each byte: 256 int32. */
  static byte[] codePointsOfBytes() {
    var out = ByteBuffer.allocate(4 * 256).order(Gguf.INT.order());
    for (int b = 0; b < 256; b++) {
      out.putInt(4 * b, Tokenizer.character(b));
    }
    return out.array();
  }

  /** The byte of each code point, 0 where there is none: 324 int32. */
  static byte[] bytesOfCodePoints() {
    var out = ByteBuffer.allocate(4 * CODE_POINTS).order(Gguf.INT.order());
    for (int b = 0; b < 256; b++) {
      out.putInt(4 * Tokenizer.character(b), b);
    }
    return out.array();
  }

  /** Numbers as they stand in the files. */
  static byte[] int32s(int... values) {
    var bytes = ByteBuffer.allocate(4 * values.length).order(Gguf.INT.order());
    for (int value : values) {
      bytes.putInt(value);
    }
    return bytes.array();
  }

  /** Fails unless the file writes bytes as GPT-2 does: another way gives other ids. */
  static void checkAlphabet(Path file, MemorySegment found, byte[] expected) {
    if (found.mismatch(MemorySegment.ofArray(expected)) != -1) {
      throw new ModelException(file + ": byte_decoder: GPT-2's alphabet expected, another found");
    }
  }
}
