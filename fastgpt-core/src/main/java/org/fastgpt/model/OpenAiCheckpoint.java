package org.fastgpt.model;

import java.io.StringReader;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.fastgpt.GptConfig;
import org.fastgpt.model.GptTensors.Found;
import org.fastgpt.tokenizer.Tokenizer;

/**
 * Reads a folder as OpenAI published GPT-2 (openai/gpt-2 {@code download_model.py}, {@code
 * src/model.py}): hparams.json, a checkpoint of TensorFlow named model.ckpt, and encoder.json with
 * vocab.bpe.
 */
final class OpenAiCheckpoint implements Format {
  private static final String HPARAMS = "hparams.json";
  private static final String INDEX = "model.ckpt.index";
  private static final long MAX_HPARAMS_BYTES = 1 << 16;
  private static final List<String> SIZES =
      List.of("n_vocab", "n_ctx", "n_embd", "n_head", "n_layer");

  @Override
  public boolean matches(Path path) {
    return Files.exists(path.resolve(HPARAMS)) || Files.exists(path.resolve(INDEX));
  }

  @Override
  public Checkpoint read(Path folder, Arena arena) {
    GptConfig config = hparams(folder.resolve(HPARAMS));
    var found = new HashMap<String, Found>();
    var crc32c = new HashMap<String, Integer>();
    for (TensorBundle.Stored stored : TensorBundle.read(folder.resolve(INDEX), arena)) {
      StoredTensor tensor = renamed(stored.tensor());
      String shard = stored.shard().getFileName().toString();
      if (found.put(tensor.name(), new Found(tensor, shard)) != null) {
        throw new ModelException(
            folder.resolve(INDEX) + ": " + tensor.name() + " is there twice, by two names");
      }
      crc32c.put(tensor.name(), stored.crc32c());
    }
    return new Checkpoint(
        "OpenAI",
        config,
        GptTensors.select(config, found, INDEX),
        Models.hasVocabulary(folder) ? Optional.of(() -> Tokenizer.load(folder)) : Optional.empty(),
        Optional.empty(),
        crc32c);
  }

  /** By HuggingFace's name; a matrix is [1, in, out] here, since OpenAI's Conv1D is one of 1. */
  private static StoredTensor renamed(StoredTensor tensor) {
    List<Integer> shape = tensor.shape();
    boolean conv1d = tensor.name().endsWith("/w") && shape.size() == 3 && shape.getFirst() == 1;
    return new StoredTensor(
        OpenAiWeights.huggingFaceName(tensor.name()),
        tensor.dtype(),
        conv1d ? shape.subList(1, 3) : shape,
        tensor.data());
  }

  /** The five sizes, and nothing that OpenAI's own program would not know what to do with. */
  private static GptConfig hparams(Path file) {
    Map<String, Object> json =
        Json.object(new StringReader(ModelFile.text(file, MAX_HPARAMS_BYTES)), file);
    Map<String, Integer> sizes = new LinkedHashMap<>();
    SIZES.forEach(name -> sizes.put(name, size(file, name, json.get(name))));
    for (String name : json.keySet()) {
      if (!sizes.containsKey(name)) {
        throw new ModelException(
            file + ": '" + name + "' is not supported; supported: " + String.join(", ", SIZES));
      }
    }
    try {
      return GptConfig.gpt2(
          sizes.get("n_vocab"),
          sizes.get("n_ctx"),
          sizes.get("n_embd"),
          sizes.get("n_head"),
          sizes.get("n_layer"));
    } catch (IllegalArgumentException e) {
      throw new ModelException(file + ": " + e.getMessage(), e);
    }
  }

  private static int size(Path file, String name, Object value) {
    if (value instanceof Integer size && size >= 1 && size <= ConfigJson.MAX_SIZE) {
      return size;
    }
    String found = value == null ? "nothing" : Json.show(value);
    throw new ModelException(
        file
            + ": "
            + name
            + ": a whole number in [1, "
            + ConfigJson.MAX_SIZE
            + "] expected, "
            + found
            + " found");
  }
}
