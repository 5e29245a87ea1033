package org.fastgpt.model;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.fastgpt.GptConfig;
import org.fastgpt.model.StoredTensor.DType;

/**
 * Checkpoints whose weights are a hash of tensor name and index: GPT-2 in its real sizes without a
 * download, the same bits on any machine and in any language. What they say is noise; how fast, and
 * whether two engines agree, is as with the real weights. Defined in data/scripts/synthetic.py.
 */
public final class Synthetic {
  /** All names begin so; what follows names the sizes. */
  public static final String PREFIX = "synthetic-";

  // Part of config.json. The number goes up with the definition: older folders are written again.
  private static final String MARK = "\"fastgpt_synthetic\":";
  private static final int DEFINITION = 1;
  private static final long SPARE_BYTES = 16 << 20; // for what the file system adds to the tensors

  private record Spec(String name, GptConfig config, long seed) {}

  private static final List<Spec> SPECS =
      List.of(
          new Spec("synthetic-awkward", GptConfig.gpt2(97, 24, 36, 3, 2), 3),
          new Spec("synthetic-micro", GptConfig.gpt2(1024, 64, 32, 4, 2), 6),
          new Spec("synthetic-small", GptConfig.gpt2(997, 64, 96, 6, 6), 5),
          new Spec("synthetic-124M", GptConfig.gpt2(50257, 1024, 768, 12, 12), 1),
          new Spec("synthetic-355M", GptConfig.gpt2(50257, 1024, 1024, 16, 24), 1),
          new Spec("synthetic-774M", GptConfig.gpt2(50257, 1024, 1280, 20, 36), 1),
          new Spec("synthetic-1558M", GptConfig.gpt2(50257, 1024, 1600, 25, 48), 2));

  private Synthetic() {}

  /** The names, smallest first: synthetic-awkward, ..., synthetic-124M, ..., synthetic-1558M. */
  public static List<String> names() {
    return SPECS.stream().map(Spec::name).toList();
  }

  private static Spec spec(String name) {
    return SPECS.stream()
        .filter(spec -> spec.name.equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new ModelException(
                    name + ": no such checkpoint; there are " + String.join(", ", names())));
  }

  /**
   * Makes {@code folder} the checkpoint {@code name}, in HuggingFace's layout; nothing is done if
   * it is already. The folder appears at once and whole; of several processes that want it one
   * writes and the others wait.
   *
   * @throws ModelException no such name, no space, the folder is something else, or cannot be
   *     written
   */
  public static void write(String name, Path folder, Progress progress) {
    Spec spec = spec(name);
    Path target = folder.toAbsolutePath().normalize();
    var tensors = new SafetensorsWriter(items(spec));
    try {
      if (!isCurrent(spec, target, tensors.size())) { // else a read-only cache will do
        Files.createDirectories(target.getParent());
        writeAlone(spec, tensors, target, progress);
      }
    } catch (IOException e) {
      throw ModelFile.unreadable(target, e);
    }
  }

  /** Whether {@code folder} holds a synthetic checkpoint. */
  static boolean isOne(Path folder) {
    Path config = folder.resolve(HuggingFace.CONFIG);
    return Files.isRegularFile(config) && ModelFile.text(config, 1 << 20).contains(MARK);
  }

  // A file lock keeps processes apart, not the threads of one process: those the monitor does.
  private static synchronized void writeAlone(
      Spec spec, SafetensorsWriter tensors, Path folder, Progress progress) throws IOException {
    Path lock = folder.resolveSibling("." + folder.getFileName() + ".lock");
    try (var channel = FileChannel.open(lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        var _ = channel.lock()) {
      if (isCurrent(spec, folder, tensors.size())) {
        return; // another was first
      }
      Path part = folder.resolveSibling("." + folder.getFileName() + ".part");
      delete(part); // left by a process that died
      deleteOutdated(folder);
      checkSpace(spec.name, folder.getParent(), tensors.size());
      Files.createDirectory(part);
      try {
        Files.writeString(part.resolve(HuggingFace.CONFIG), configJson(spec.config));
        tensors.write(part.resolve(HuggingFace.SINGLE), progress);
        Files.move(part, folder, StandardCopyOption.ATOMIC_MOVE);
      } finally {
        delete(part);
      }
    }
  }

  private static boolean isCurrent(Spec spec, Path folder, long size) throws IOException {
    Path config = folder.resolve(HuggingFace.CONFIG);
    Path tensors = folder.resolve(HuggingFace.SINGLE);
    return Files.isRegularFile(config)
        && Files.isRegularFile(tensors)
        && Files.size(tensors) == size
        && ModelFile.text(config, 1 << 20).equals(configJson(spec.config));
  }

  private static void deleteOutdated(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return;
    }
    if (!isOne(folder)) {
      throw new ModelException(folder + ": is in the way, and not a synthetic checkpoint");
    }
    delete(folder);
  }

  /** Deletes what this class has written, and nothing else. */
  private static void delete(Path folder) throws IOException {
    Files.deleteIfExists(folder.resolve(HuggingFace.SINGLE));
    Files.deleteIfExists(folder.resolve(HuggingFace.CONFIG));
    try {
      Files.deleteIfExists(folder);
    } catch (DirectoryNotEmptyException e) {
      throw new ModelException(folder + ": holds files that do not belong to the checkpoint", e);
    }
  }

  static void checkSpace(String name, Path where, long size) throws IOException {
    long free = Files.getFileStore(where).getUsableSpace();
    if (free < size + SPARE_BYTES) {
      throw new ModelException(
          String.format(
              Locale.ROOT,
              "%s takes %.1f GB of disk space, %.1f GB are free in %s",
              name,
              (size + SPARE_BYTES) / 1e9,
              free / 1e9,
              where));
    }
  }

  private static String configJson(GptConfig c) {
    return """
    {
      "architectures": ["GPT2LMHeadModel"],
      "model_type": "gpt2",
      "vocab_size": %d,
      "n_positions": %d,
      "n_embd": %d,
      "n_layer": %d,
      "n_head": %d,
      "n_inner": null,
      "activation_function": "gelu_new",
      "layer_norm_epsilon": 1e-05,
      "tie_word_embeddings": true,
      "bos_token_id": %d,
      "eos_token_id": %d,
      "dtype": "float32",
      %s %d
    }
    """
        .formatted(
            c.nVocab(),
            c.nCtx(),
            c.nEmbd(),
            c.nLayer(),
            c.nHead(),
            c.eosTokenId(),
            c.eosTokenId(),
            MARK,
            DEFINITION);
  }

  private static List<SafetensorsWriter.Item> items(Spec spec) {
    var items = new ArrayList<SafetensorsWriter.Item>();
    GptTensors.forEach(
        spec.config,
        (name, shape) -> {
          long start = fnv1a(name) + spec.seed * 0xD1B54A32D192ED03L;
          float center = center(name);
          float scale = scale(name, spec.config.nEmbd());
          items.add(
              new SafetensorsWriter.Item(
                  "transformer." + name,
                  DType.F32,
                  shape,
                  (chunk, from) -> fill(chunk, from / 4, start, center, scale)));
        });
    return items;
  }

  /** Elements {@code first}, ... of the tensor: center + scale * u, u in [-1, 1) of 24 bits. */
  private static void fill(MemorySegment chunk, long first, long start, float center, float scale) {
    long n = chunk.byteSize() / 4;
    for (long i = 0; i < n; i++) {
      long z = start + (first + i + 1) * 0x9E3779B97F4A7C15L; // SplitMix64
      z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
      z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
      z = z ^ (z >>> 31);
      float u = ((int) (z >>> 40) - (1 << 23)) * 0x1p-23f;
      chunk.set(Model.FLOAT, 4 * i, center + scale * u);
    }
  }

  private static long fnv1a(String name) {
    long h = 0xCBF29CE484222325L;
    for (byte b : name.getBytes(StandardCharsets.UTF_8)) {
      h = (h ^ b) * 0x100000001B3L; // names are ASCII: b is not negative
    }
    return h;
  }

  /** Layer norm's gain lies around 1, everything else around 0. */
  static float center(String name) {
    return name.contains("ln_") && name.endsWith(".weight") ? 1 : 0;
  }

  /** Half the width of the range of a tensor's elements. */
  static float scale(String name, int nEmbd) {
    return switch (name.replaceFirst("^h\\.[0-9]+\\.", "")) {
      case "wte.weight" -> matrix(6, nEmbd);
      case "wpe.weight" -> matrix(3, nEmbd);
      case "attn.c_attn.weight" -> matrix(2, nEmbd);
      case "attn.c_proj.weight" -> matrix(4, nEmbd);
      case "mlp.c_fc.weight" -> matrix(1, nEmbd);
      case "mlp.c_proj.weight" -> matrix(1, 4 * nEmbd);
      case "ln_1.weight", "ln_2.weight", "ln_f.weight" -> 0.25f;
      case "ln_1.bias", "ln_2.bias", "ln_f.bias" -> 0.125f;
      default -> 0.25f; // the biases of the matrices
    };
  }

  private static float matrix(double gain, int fanIn) {
    return (float) (gain * Math.sqrt(3.0 / fanIn));
  }
}
