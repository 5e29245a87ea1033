package org.fastgpt.model;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import org.fastgpt.GptConfig;
import org.fastgpt.model.FastGptTensors.Texts;
import org.fastgpt.tokenizer.Tokenizer;

/** Writes fastGPT's layouts, which its Fortran reads. The same bytes as its create_model.py. */
final class FastGptWriters {
  private FastGptWriters() {}

  /** model.gguf, version 2. */
  static final class GgufFile implements ModelWriter {
    @Override
    public String format() {
      return "gguf";
    }

    @Override
    public String fileName() {
      return "model" + GgufFormat.EXTENSION;
    }

    @Override
    public void write(Model model, Path file, Progress progress) {
      int offset = layout(model, 0).dataOffset(); // whose place in the file does not depend on it
      layout(model, offset).plan().replace(file, progress);
    }

    private static GgufWriter layout(Model model, int dataOffset) {
      GptConfig c = checked(model);
      Tokenizer tokenizer = model.requireTokenizer();
      Texts tokens = Texts.of(tokenizer.vocabulary());
      Texts merges = Texts.of(FastGptTensors.withLastLine(tokenizer.merges()));
      byte[] alphabet = FastGptTensors.codePointsOfBytes();
      byte[] header =
          FastGptTensors.int32s(
              FastGptTensors.MARK,
              FastGptGguf.VERSION,
              c.nVocab(),
              c.nCtx(),
              c.nEmbd(),
              c.nLayer(),
              c.nHead(),
              tokens.indices(),
              tokens.text().length,
              merges.indices(),
              merges.text().length,
              alphabet.length / 4);
      var gguf = new GgufWriter();
      gguf.int32(FastGptGguf.DATA_OFFSET, dataOffset);
      small(gguf, FastGptGguf.HEADER, Gguf.Type.I32, header);
      FastGptTensors.shapes(c)
          .forEach((name, shape) -> gguf.tensor(name, Gguf.Type.F32, shape, stacked(model, name)));
      small(gguf, FastGptGguf.IDX, Gguf.Type.I32, tokens.index());
      small(gguf, FastGptGguf.DECODER_TXT, Gguf.Type.I8, tokens.text());
      small(gguf, FastGptGguf.VOCAB_IDX, Gguf.Type.I32, merges.index());
      small(gguf, FastGptGguf.VOCAB_TXT, Gguf.Type.I8, merges.text());
      small(gguf, FastGptGguf.BYTE_DECODER, Gguf.Type.I32, alphabet);
      return gguf;
    }

    private static void small(GgufWriter gguf, String name, Gguf.Type type, byte[] bytes) {
      List<Integer> shape = List.of(bytes.length / type.blockBytes);
      gguf.tensor(name, type, shape, FilePlan.Data.of(MemorySegment.ofArray(bytes)));
    }
  }

  /** The first model.dat. */
  static final class DatFile implements ModelWriter {
    @Override
    public String format() {
      return "dat";
    }

    @Override
    public String fileName() {
      return FastGptDat.NAME;
    }

    @Override
    public void write(Model model, Path file, Progress progress) {
      GptConfig c = checked(model);
      Texts tokens = Texts.of(model.requireTokenizer().vocabulary());
      byte[] alphabet = FastGptTensors.bytesOfCodePoints();
      var plan = new FilePlan();
      plan.add(
          FastGptTensors.int32s(
              c.nVocab(),
              c.nCtx(),
              c.nEmbd(),
              c.nLayer(),
              c.nHead(),
              tokens.indices(),
              tokens.text().length,
              alphabet.length / 4));
      FastGptTensors.shapes(c)
          .forEach((name, shape) -> plan.add(stacked(model, name), Gguf.Type.F32.bytes(shape)));
      plan.add(tokens.index());
      plan.add(tokens.text());
      plan.add(alphabet);
      plan.replace(file, progress);
    }
  }

  private static GptConfig checked(Model model) {
    FastGptTensors.checkConfig(model.config());
    return model.config();
  }

  /** The tensors of all layers, one after the other. */
  private static FilePlan.Data stacked(Model model, String array) {
    List<String> members = FastGptTensors.members(model.config(), array);
    long bytes = model.floats(members.getFirst()).byteSize(); // all are of the same shape
    return (chunk, from) -> {
      for (long at = 0; at < chunk.byteSize(); ) {
        MemorySegment member = model.floats(members.get((int) ((from + at) / bytes)));
        long start = (from + at) % bytes;
        long n = Math.min(bytes - start, chunk.byteSize() - at);
        MemorySegment.copy(member, start, chunk, at, n);
        at += n;
      }
    };
  }
}
