package org.fastgpt.model;

import java.io.Reader;
import java.io.StringReader;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.fastgpt.GptConfig;
import org.fastgpt.model.GptTensors.Found;
import org.fastgpt.tokenizer.Tokenizer;

/**
 * Reads a folder in HuggingFace's layout: config.json, and model.safetensors or, for a model in
 * several files (shards), model.safetensors.index.json, which says in which file each tensor is.
 */
final class HuggingFace implements Format {
  static final String CONFIG = "config.json";
  static final String SINGLE = "model.safetensors";
  static final String INDEX = "model.safetensors.index.json";
  private static final long MAX_INDEX_BYTES = 16 << 20;

  /** By config.json: what it asks for, and a folder lacks, is what the user has to hear about. */
  @Override
  public boolean matches(Path path) {
    return Files.isDirectory(path) && isThere(path.resolve(CONFIG));
  }

  @Override
  public Checkpoint read(Path folder, Arena arena) {
    GptConfig config = ConfigJson.read(folder.resolve(CONFIG));
    return new Checkpoint(
        "HuggingFace",
        config,
        tensors(folder, config, arena),
        Models.hasVocabulary(folder)
            ? Optional.of(() -> Tokenizer.load(folder))
            : Optional.empty());
  }

  /** The tensors by name without "transformer.", checked against {@code config}. */
  private static Map<String, StoredTensor> tensors(Path folder, GptConfig config, Arena arena) {
    // As transformers does: one file, if it is there, before several.
    if (isThere(folder.resolve(SINGLE))) {
      return GptTensors.select(config, single(folder.resolve(SINGLE), arena), SINGLE);
    }
    if (isThere(folder.resolve(INDEX))) {
      return GptTensors.select(config, sharded(folder.resolve(INDEX), arena), INDEX);
    }
    throw new ModelException(folder + ": " + SINGLE + " or " + INDEX + " expected, neither found");
  }

  /** A broken link is there: it gets its error when it is read. */
  private static boolean isThere(Path file) {
    return Files.exists(file) || Files.isSymbolicLink(file);
  }

  private static Map<String, Found> single(Path file, Arena arena) {
    var found = new LinkedHashMap<String, Found>();
    Safetensors.read(file, arena).forEach((name, tensor) -> add(found, tensor, file));
    return found;
  }

  private static Map<String, Found> sharded(Path index, Arena arena) {
    Map<?, ?> weightMap =
        weightMap(new StringReader(ModelFile.text(index, MAX_INDEX_BYTES)), index);
    var found = new LinkedHashMap<String, Found>();
    for (String shard : shards(weightMap, index)) {
      Path file = index.resolveSibling(shard);
      Safetensors.read(file, arena)
          .forEach(
              (name, tensor) -> {
                if (!shard.equals(weightMap.get(name))) {
                  throw new ModelException(
                      file + ": has " + name + ", which " + INDEX + " does not say");
                }
                add(found, tensor, file);
              });
    }
    for (Object name : weightMap.keySet()) {
      if (!found.containsKey(withoutPrefix((String) name))) {
        throw new ModelException(
            name + ": not found in " + weightMap.get(name) + ", where " + INDEX + " says it is");
      }
    }
    return found;
  }

  /** Which file each tensor is in. */
  static Map<?, ?> weightMap(Reader text, Path index) {
    if (Json.object(text, index).get("weight_map") instanceof Map<?, ?> weightMap) {
      return weightMap;
    }
    throw new ModelException(index + ": an object weight_map expected, none found");
  }

  /** The files of a weight_map. */
  static Set<String> shards(Map<?, ?> weightMap, Path index) {
    var shards = new LinkedHashSet<String>();
    weightMap.values().forEach(name -> shards.add(shard(index, name)));
    return shards;
  }

  /** A file of the folder itself: the index must not lead anywhere else. */
  private static String shard(Path index, Object name) {
    if (name instanceof String s && s.matches("[A-Za-z0-9_][A-Za-z0-9._-]*\\.safetensors")) {
      return s;
    }
    throw new ModelException(
        index
            + ": weight_map: the name of a .safetensors file in this folder expected, "
            + Json.show(name)
            + " found");
  }

  private static void add(Map<String, Found> found, StoredTensor tensor, Path file) {
    String name = withoutPrefix(tensor.name());
    var renamed = new StoredTensor(name, tensor.dtype(), tensor.shape(), tensor.data());
    if (found.put(name, new Found(renamed, file.getFileName().toString())) != null) {
      throw new ModelException(
          file + ": " + name + " is there twice, with and without transformer.");
    }
  }

  private static String withoutPrefix(String name) {
    return name.startsWith("transformer.") ? name.substring("transformer.".length()) : name;
  }
}
