package org.fastgpt.model;

import java.io.StringReader;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.fastgpt.GptConfig;
import org.fastgpt.model.GptTensors.Found;
import org.fastgpt.tokenizer.Tokenizer;

/**
 * Reads a folder in HuggingFace's layout: config.json, and model.safetensors or, for a model in
 * several files (shards), model.safetensors.index.json, which says in which file each tensor is. Of
 * older models the same as PyTorch's files: pytorch_model.bin, pytorch_model.bin.index.json.
 */
final class HuggingFace implements Format {
  static final String CONFIG = "config.json";
  static final String SINGLE = "model.safetensors";
  static final String INDEX = "model.safetensors.index.json";
  private static final long MAX_INDEX_BYTES = 16 << 20;

  /** The kinds of file that weights come in, the preferred first, as transformers has it. */
  private static final List<Kind> KINDS =
      List.of(
          new Kind(SINGLE, INDEX, Safetensors::read),
          new Kind("pytorch_model.bin", "pytorch_model.bin.index.json", HuggingFace::readTorch));

  private record Kind(String single, String index, Reader reader) {}

  @FunctionalInterface
  private interface Reader {
    /** The tensors of a file by their names in it. */
    Map<String, StoredTensor> read(Path file, Arena arena);
  }

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
    for (Kind kind : KINDS) {
      // As transformers does: one file, if it is there, before several.
      Path single = folder.resolve(kind.single);
      Path index = folder.resolve(kind.index);
      if (isThere(single)) {
        return GptTensors.select(config, single(single, kind, arena), kind.single);
      }
      if (isThere(index)) {
        return GptTensors.select(config, sharded(index, kind, arena), kind.index);
      }
    }
    throw new ModelException(
        folder
            + ": weights expected, none found: "
            + String.join(
                ", ", KINDS.stream().flatMap(k -> Stream.of(k.single, k.index)).toList()));
  }

  /** Whether the folder has weights, whatever else it lacks. */
  static boolean hasWeights(Path folder) {
    return KINDS.stream()
        .anyMatch(k -> isThere(folder.resolve(k.single)) || isThere(folder.resolve(k.index)));
  }

  private static Map<String, StoredTensor> readTorch(Path file, Arena arena) {
    TorchFile torch = TorchFile.read(file, arena);
    Map<String, StoredTensor> tensors = new LinkedHashMap<>();
    torch
        .tensors(torch.root())
        .forEach((name, tensor) -> tensors.put(name, torch.stored(name, tensor)));
    return tensors;
  }

  /** A broken link is there: it gets its error when it is read. */
  static boolean isThere(Path file) {
    return Files.exists(file) || Files.isSymbolicLink(file);
  }

  private static Map<String, Found> single(Path file, Kind kind, Arena arena) {
    var found = new LinkedHashMap<String, Found>();
    kind.reader.read(file, arena).forEach((name, tensor) -> add(found, tensor, file));
    return found;
  }

  private static Map<String, Found> sharded(Path index, Kind kind, Arena arena) {
    Map<?, ?> weightMap =
        weightMap(new StringReader(ModelFile.text(index, MAX_INDEX_BYTES)), index);
    var found = new LinkedHashMap<String, Found>();
    for (String shard : shards(weightMap, index)) {
      Path file = index.resolveSibling(shard);
      kind.reader
          .read(file, arena)
          .forEach(
              (name, tensor) -> {
                if (!shard.equals(weightMap.get(name))) {
                  throw new ModelException(
                      file + ": has " + name + ", which " + kind.index + " does not say");
                }
                add(found, tensor, file);
              });
    }
    for (Object name : weightMap.keySet()) {
      if (!found.containsKey(withoutPrefix((String) name))) {
        throw new ModelException(
            name
                + ": not found in "
                + weightMap.get(name)
                + ", where "
                + kind.index
                + " says it is");
      }
    }
    return found;
  }

  /** Which file each tensor is in. */
  static Map<?, ?> weightMap(StringReader text, Path index) {
    if (Json.object(text, index).get("weight_map") instanceof Map<?, ?> weightMap) {
      return weightMap;
    }
    throw new ModelException(index + ": an object weight_map expected, none found");
  }

  /** The files of a weight_map. */
  static Set<String> shards(Map<?, ?> weightMap, Path index) {
    String suffix = index.endsWith(INDEX) ? ".safetensors" : ".bin";
    var shards = new LinkedHashSet<String>();
    weightMap.values().forEach(name -> shards.add(shard(index, name, suffix)));
    return shards;
  }

  /** A file of the folder itself: the index must not lead anywhere else. */
  private static String shard(Path index, Object name, String suffix) {
    if (name instanceof String s
        && s.matches("[A-Za-z0-9_][A-Za-z0-9._-]*")
        && s.endsWith(suffix)) {
      return s;
    }
    throw new ModelException(
        index
            + ": weight_map: the name of a "
            + suffix
            + " file in this folder expected, "
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

  static String withoutPrefix(String name) {
    return name.startsWith("transformer.") ? name.substring("transformer.".length()) : name;
  }
}
