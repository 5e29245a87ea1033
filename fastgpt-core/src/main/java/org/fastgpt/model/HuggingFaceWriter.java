package org.fastgpt.model;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.fastgpt.GptConfig;
import org.fastgpt.model.StoredTensor.DType;
import org.fastgpt.tokenizer.Tokenizer;

/**
 * Writes a folder in HuggingFace's layout; the weights as they are stored, F32, F16 or BF16, or all
 * of one of these.
 */
final class HuggingFaceWriter implements ModelWriter {
  private static final JSON PRETTY =
      JSON.std.with(JSON.Feature.PRETTY_PRINT_OUTPUT, JSON.Feature.WRITE_NULL_PROPERTIES);

  private final Optional<DType> type;

  private HuggingFaceWriter(Optional<DType> type) {
    this.type = type;
  }

  /** Each tensor stays as it is stored. */
  static HuggingFaceWriter asStored() {
    return new HuggingFaceWriter(Optional.empty());
  }

  /**
   * All tensors become of that type.
   *
   * @param type f32, f16 or bf16
   * @throws IllegalArgumentException it is another
   */
  static HuggingFaceWriter of(String type) {
    return Stream.of(DType.F32, DType.F16, DType.BF16)
        .filter(t -> t.name().toLowerCase(Locale.ROOT).equals(type))
        .findFirst()
        .map(t -> new HuggingFaceWriter(Optional.of(t)))
        .orElseThrow(
            () ->
                new IllegalArgumentException("outtype '" + type + "': f32, f16 or bf16 expected"));
  }

  @Override
  public String format() {
    return "safetensors";
  }

  @Override
  public String fileName() {
    return "model";
  }

  @Override
  public void write(Model model, Path folder, Progress progress) {
    Path target = folder.toAbsolutePath().normalize();
    Path parent = target.getParent();
    if (parent == null || Files.exists(target)) {
      throw new ModelException(folder + ": is there already; a folder is never replaced");
    }
    if (!Files.isDirectory(parent)) {
      throw new ModelException(parent + ": no such folder");
    }
    Path part =
        parent.resolve("." + target.getFileName() + "." + ProcessHandle.current().pid() + ".part");
    try {
      var tensors = new SafetensorsWriter(items(model));
      Synthetic.checkSpace(target.getFileName().toString(), parent, tensors.size());
      Files.createDirectory(part);
      try {
        json(part.resolve(HuggingFace.CONFIG), config(model.config()));
        if (model.tokenizer().isPresent()) {
          vocabulary(part, model.requireTokenizer());
        }
        tensors.write(part.resolve(HuggingFace.SINGLE), progress);
        Files.move(part, target, StandardCopyOption.ATOMIC_MOVE);
      } finally {
        delete(part);
      }
    } catch (IOException e) {
      throw ModelFile.unreadable(folder, e);
    }
  }

  private List<SafetensorsWriter.Item> items(Model model) {
    var items = new ArrayList<SafetensorsWriter.Item>();
    for (StoredTensor t : model.tensors().values()) {
      String prefix = t.name().equals("lm_head.weight") ? "" : "transformer.";
      DType its = type.orElse(t.dtype());
      FilePlan.Data data =
          its == t.dtype()
              ? FilePlan.Data.of(t.data())
              : data(its, model.floats(t.name()), t.name());
      items.add(new SafetensorsWriter.Item(prefix + t.name(), its, t.shape(), data));
    }
    return items;
  }

  private static FilePlan.Data data(DType type, MemorySegment floats, String name) {
    if (type == DType.F32) {
      return FilePlan.Data.of(floats);
    }
    return Halves.data(type, name, i -> floats.get(Model.FLOAT, 4 * i));
  }

  private static Map<String, Object> config(GptConfig c) {
    var json = new LinkedHashMap<String, Object>();
    json.put("architectures", List.of("GPT2LMHeadModel"));
    json.put("model_type", "gpt2");
    json.put("vocab_size", c.nVocab());
    json.put("n_positions", c.nCtx());
    json.put("n_embd", c.nEmbd());
    json.put("n_layer", c.nLayer());
    json.put("n_head", c.nHead());
    json.put("n_inner", c.nInner());
    json.put("activation_function", "gelu_new");
    // Its shortest decimal, not that of the double nearest to the float.
    json.put("layer_norm_epsilon", Double.valueOf(Float.toString(c.layerNormEpsilon())));
    json.put("scale_attn_weights", c.scaleAttnWeights());
    json.put("scale_attn_by_inverse_layer_idx", c.scaleAttnByInverseLayerIdx());
    json.put("tie_word_embeddings", c.tieWordEmbeddings());
    json.put("bos_token_id", c.eosTokenId() < 0 ? null : c.eosTokenId());
    json.put("eos_token_id", c.eosTokenId() < 0 ? null : c.eosTokenId());
    return json;
  }

  /** vocab.json and merges.txt; of added tokens all but end-of-text in added_tokens.json. */
  private static void vocabulary(Path folder, Tokenizer tokenizer) throws IOException {
    var added = new TreeMap<>(tokenizer.special());
    added.remove(Tokenizer.END_OF_TEXT);
    List<String> tokens = tokenizer.vocabulary();
    var vocab = new LinkedHashMap<String, Integer>();
    for (int id = 0; id < tokens.size(); id++) {
      if (!added.containsValue(id)) {
        vocab.put(tokens.get(id), id);
      }
    }
    json(folder.resolve("vocab.json"), vocab);
    if (!added.isEmpty()) {
      json(folder.resolve("added_tokens.json"), added);
    }
    Files.writeString(
        folder.resolve("merges.txt"),
        "#version: 0.2\n" + String.join("\n", tokenizer.merges()) + "\n");
  }

  private static void json(Path file, Object value) throws IOException {
    Files.writeString(file, PRETTY.asString(value));
  }

  private static void delete(Path folder) throws IOException {
    for (String name :
        List.of(
            HuggingFace.CONFIG,
            HuggingFace.SINGLE,
            "vocab.json",
            "added_tokens.json",
            "merges.txt")) {
      Files.deleteIfExists(folder.resolve(name));
    }
    Files.deleteIfExists(folder);
  }
}
