package org.fastgpt.model;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.fastgpt.GptConfig;
import org.fastgpt.model.GptTensors.Found;
import org.fastgpt.model.StoredTensor.DType;
import org.fastgpt.tokenizer.Tokenizer;

/**
 * Reads a file of llm.c, such as gpt2_124M.bin (karpathy/llm.c {@code train_gpt2.py}, write_model):
 * 256 little-endian int32 of header; wte, with rows of padding at its end; wpe; each tensor of a
 * block for all blocks, then the next; the last layer norm. Matrices are [out, in]. The vocabulary
 * is in gpt2_tokenizer.bin beside it.
 */
final class LlmC implements Format {
  private static final int MAGIC = 20240326;
  private static final int FLOAT32 = 3; // versions; 1, 2 and 4 were before
  private static final int BFLOAT16 = 5;
  private static final long HEADER_BYTES = 4 * 256;
  private static final String TOKENIZER = "gpt2_tokenizer.bin";
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  // Far above any GPT-2, and low enough that no product of three leaves the range of long.
  private static final int MAX_SIZE = 1 << 18;

  private static final List<String> OF_A_BLOCK =
      List.of(
          "ln_1.weight",
          "ln_1.bias",
          "attn.c_attn.weight",
          "attn.c_attn.bias",
          "attn.c_proj.weight",
          "attn.c_proj.bias",
          "ln_2.weight",
          "ln_2.bias",
          "mlp.c_fc.weight",
          "mlp.c_fc.bias",
          "mlp.c_proj.weight",
          "mlp.c_proj.bias");

  /** A file by its mark; a folder by such files, of which only one can be read. */
  @Override
  public boolean matches(Path path) {
    return isOne(path) || !inFolder(path).isEmpty();
  }

  @Override
  public Checkpoint read(Path path, Arena arena) {
    if (!Files.isDirectory(path)) {
      return new Reading(path, arena).checkpoint();
    }
    List<Path> files = inFolder(path);
    if (files.size() != 1) {
      String names =
          files.stream().map(f -> f.getFileName() + "").collect(Collectors.joining(", "));
      throw new ModelException(path + ": one model expected, found " + names + ": name the file");
    }
    return new Reading(files.getFirst(), arena).checkpoint();
  }

  private static List<Path> inFolder(Path folder) {
    var files = new ArrayList<Path>();
    if (Files.isDirectory(folder)) {
      try (DirectoryStream<Path> all = Files.newDirectoryStream(folder, "*.bin")) {
        all.forEach(files::add);
      } catch (IOException e) {
        throw ModelFile.unreadable(folder, e);
      }
    }
    return files.stream().filter(LlmC::isOne).sorted().toList();
  }

  private static boolean isOne(Path file) {
    if (!Files.isRegularFile(file)) {
      return false;
    }
    try (InputStream in = Files.newInputStream(file)) {
      byte[] start = in.readNBytes(4);
      return start.length == 4
          && ByteBuffer.wrap(start).order(ByteOrder.LITTLE_ENDIAN).getInt() == MAGIC;
    } catch (IOException e) {
      return false;
    }
  }

  /** The reading of one file. */
  private static final class Reading {
    private final Path file;
    private final Arena arena;
    private final MemorySegment all;
    private final DType dtype;
    private final GptConfig config;
    private final int paddedVocab;
    private final Map<String, Found> found = new HashMap<>();
    private long at = HEADER_BYTES;

    Reading(Path file, Arena arena) {
      this.file = file;
      this.arena = arena;
      this.all = ModelFile.map(file, arena);
      if (all.byteSize() < HEADER_BYTES) {
        throw bad(
            "a header of " + HEADER_BYTES + " bytes expected, " + all.byteSize() + " bytes found");
      }
      this.dtype = dtype();
      this.config = config();
      this.paddedVocab = size("padded n_vocab", 7);
      if (paddedVocab < config.nVocab()) {
        throw bad("padded n_vocab " + paddedVocab + " is less than n_vocab " + config.nVocab());
      }
    }

    private int header(int i) {
      return all.get(INT, 4L * i);
    }

    private DType dtype() {
      return switch (header(1)) {
        case FLOAT32 -> DType.F32;
        case BFLOAT16 -> DType.BF16;
        default ->
            throw bad(
                "version "
                    + FLOAT32
                    + " (float32) or "
                    + BFLOAT16
                    + " (bfloat16) expected, "
                    + header(1)
                    + " found");
      };
    }

    private GptConfig config() {
      int nVocab = size("n_vocab", 3);
      int nEmbd = size("n_embd", 6);
      try {
        return GptConfig.gpt2(
            nVocab, size("n_ctx", 2), nEmbd, size("n_head", 5), size("n_layer", 4));
      } catch (IllegalArgumentException e) {
        throw new ModelException(file + ": " + e.getMessage(), e);
      }
    }

    private int size(String name, int i) {
      int size = header(i);
      if (size < 1 || size > MAX_SIZE) {
        throw bad(name + " " + size + " is not in [1, " + MAX_SIZE + "]");
      }
      return size;
    }

    Checkpoint checkpoint() {
      checkLength();
      tensors();
      Path tokenizer = file.resolveSibling(TOKENIZER);
      return new Checkpoint(
          "llm.c",
          config,
          GptTensors.select(config, found, file.getFileName().toString()),
          Files.isRegularFile(tokenizer)
              ? Optional.of(() -> Tokenizer.load(tokenizer))
              : Optional.empty());
    }

    /** Before anything is made of the sizes. */
    private void checkLength() {
      long padding = (long) (paddedVocab - config.nVocab()) * config.nEmbd();
      long expected = HEADER_BYTES + dtype.bytes() * (config.parameters() + padding);
      if (all.byteSize() != expected) {
        throw bad(expected + " bytes expected by its header, " + all.byteSize() + " bytes found");
      }
    }

    private void tensors() {
      var shapes = new HashMap<String, List<Integer>>();
      GptTensors.forEach(config, shapes::put);
      add("wte.weight", shapes);
      at += (long) (paddedVocab - config.nVocab()) * config.nEmbd() * dtype.bytes();
      add("wpe.weight", shapes);
      for (String name : OF_A_BLOCK) {
        for (int l = 0; l < config.nLayer(); l++) {
          add("h." + l + "." + name, shapes);
        }
      }
      add("ln_f.weight", shapes);
      add("ln_f.bias", shapes);
    }

    private void add(String name, Map<String, List<Integer>> shapes) {
      List<Integer> shape = shapes.get(name);
      long bytes = dtype.bytes();
      for (int d : shape) {
        bytes *= d;
      }
      MemorySegment data = all.asSlice(at, bytes);
      at += bytes;
      boolean linear = shape.size() == 2 && name.startsWith("h.");
      StoredTensor tensor =
          linear
              ? Transposed.of(new StoredTensor(name, dtype, shape.reversed(), data), arena)
              : new StoredTensor(name, dtype, shape, data);
      found.put(name, new Found(tensor, file.getFileName().toString()));
    }

    private ModelException bad(String what) {
      return new ModelException(file + ": " + what);
    }
  }
}
