package org.fastgpt.model;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.fastgpt.GptConfig;
import org.fastgpt.tokenizer.Tokenizer;

/**
 * Reads fastGPT's model.dat, from before it took GGUF: int32 sizes, then one array after the other,
 * then the vocabulary. At first it had n_vocab, n_ctx, n_embd, n_layer, n_head, the lengths of idx,
 * decoder_txt and byte_decoder, and no merges: such a file can turn ids into text, not text into
 * ids, unless vocab.json and merges.txt lie beside it. Later (version 1) a mark and a version came
 * before the sizes, and vocab_idx and vocab_txt before the last array.
 */
final class FastGptDat implements Format {
  static final String NAME = "model.dat";
  private static final String EXTENSION = ".dat";
  private static final int FIRST_HEADER = 8;
  private static final int MARKED_HEADER = 12;
  private static final int VERSION = 1;

  @Override
  public boolean matches(Path path) {
    return Files.isDirectory(path)
        ? Files.isRegularFile(path.resolve(NAME))
        : Files.isRegularFile(path) && path.toString().endsWith(EXTENSION);
  }

  @Override
  public Checkpoint read(Path path, Arena arena) {
    Path file = Files.isDirectory(path) ? path.resolve(NAME) : path;
    return new Reader(file, ModelFile.map(file, arena)).read();
  }

  /** Goes through one file. */
  private static final class Reader {
    private final Path file;
    private final MemorySegment all;
    private long at;

    Reader(Path file, MemorySegment all) {
      this.file = file;
      this.all = all;
    }

    Checkpoint read() {
      int[] h = take("the header", 4 * FIRST_HEADER).toArray(Gguf.INT);
      boolean marked = h[0] == FastGptTensors.MARK;
      int first = 0; // where the sizes begin
      if (marked) {
        at = 0;
        h = take("the header", 4 * MARKED_HEADER).toArray(Gguf.INT);
        first = 2;
        if (h[1] != VERSION) {
          throw bad("version " + VERSION + " of model.dat expected, " + h[1] + " found");
        }
      }
      GptConfig sizes =
          FastGptTensors.config(
              file, h[first], h[first + 1], h[first + 2], h[first + 3], h[first + 4], -1);
      Map<String, MemorySegment> arrays = arrays(sizes);
      List<String> tokens = texts(FastGptGguf.DECODER_TXT, h[first + 5], h[first + 6]);
      Optional<List<String>> merges =
          marked ? Optional.of(texts(FastGptGguf.VOCAB_TXT, h[9], h[10])) : Optional.empty();
      byte[] alphabet =
          marked ? FastGptTensors.codePointsOfBytes() : FastGptTensors.bytesOfCodePoints();
      FastGptTensors.checkAlphabet(file, ints(FastGptGguf.BYTE_DECODER, h[h.length - 1]), alphabet);
      if (at != all.byteSize()) {
        throw bad((all.byteSize() - at) + " bytes found after the last array");
      }
      GptConfig config =
          FastGptTensors.config(
              file,
              sizes.nVocab(),
              sizes.nCtx(),
              sizes.nEmbd(),
              sizes.nLayer(),
              sizes.nHead(),
              FastGptTensors.endOfText(tokens));
      return new Checkpoint(
          marked ? "fastGPT's model.dat, version 1" : "fastGPT's first model.dat",
          config,
          FastGptTensors.tensors(config, arrays),
          Optional.of(tokenizer(tokens, merges)));
    }

    private Map<String, MemorySegment> arrays(GptConfig sizes) {
      var arrays = new LinkedHashMap<String, MemorySegment>();
      FastGptTensors.shapes(sizes)
          .forEach(
              (name, shape) -> {
                try {
                  arrays.put(name, take(name, Gguf.Type.F32.bytes(shape)));
                } catch (ArithmeticException overflow) {
                  throw new ModelException(
                      file + ": " + name + ": shape " + shape + " is larger than any file",
                      overflow);
                }
              });
      return arrays;
    }

    private List<String> texts(String what, int indices, int bytes) {
      MemorySegment index = ints(what, indices);
      return FastGptTensors.texts(file, what, index, take(what, bytes));
    }

    private Supplier<Tokenizer> tokenizer(List<String> tokens, Optional<List<String>> merges) {
      Path folder = file.toAbsolutePath().getParent();
      return () -> {
        if (merges.isPresent()) {
          List<String> lines = FastGptTensors.withoutLastLine(merges.get());
          return Tokenizer.of(file, tokens, lines, _ -> false);
        }
        return Models.hasVocabulary(folder)
            ? Tokenizer.load(folder)
            : Tokenizer.withoutMerges(file, tokens);
      };
    }

    private MemorySegment ints(String what, int n) {
      return take(what, 4L * n);
    }

    /** The next bytes, all of which must be there. */
    private MemorySegment take(String what, long bytes) {
      if (bytes < 0 || bytes > all.byteSize() - at) {
        throw bad(what + ": " + bytes + " bytes expected, " + (all.byteSize() - at) + " are left");
      }
      at += bytes;
      return all.asSlice(at - bytes, bytes);
    }

    private ModelException bad(String what) {
      return new ModelException(file + ": " + what);
    }
  }
}
