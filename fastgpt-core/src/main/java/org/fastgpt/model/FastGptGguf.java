package org.fastgpt.model;

import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.fastgpt.GptConfig;
import org.fastgpt.tokenizer.Tokenizer;

/**
 * fastGPT's model.gguf: all it has to say is in tensors, the sizes too. Header: mark, version,
 * n_vocab, n_ctx, n_embd, n_layer, n_head, and the lengths of the last five tensors.
 */
final class FastGptGguf {
  static final String HEADER = "header";

  /** What version 2 adds to 1: the offset of the first tensor, at a place that Fortran knows. */
  static final String DATA_OFFSET = "general.data_offset";

  static final int VERSION = 2;
  static final int HEADER_INTS = 12;

  // The vocabulary.
  static final String IDX = "idx";
  static final String DECODER_TXT = "decoder_txt";
  static final String VOCAB_IDX = "vocab_idx";
  static final String VOCAB_TXT = "vocab_txt";
  static final String BYTE_DECODER = "byte_decoder";

  private FastGptGguf() {}

  static Checkpoint read(Gguf gguf) {
    int[] h = gguf.tensor(HEADER, Gguf.Type.I32, List.of(HEADER_INTS)).data().toArray(Gguf.INT);
    if (h[0] != FastGptTensors.MARK || (h[1] != 1 && h[1] != VERSION)) {
      throw gguf.bad(
          "header: fastGPT's mark %x and version 1 or 2 expected, %x and %d found"
              .formatted(FastGptTensors.MARK, h[0], h[1]));
    }
    MemorySegment index = gguf.tensor(IDX, Gguf.Type.I32, List.of(h[7])).data();
    MemorySegment text = gguf.tensor(DECODER_TXT, Gguf.Type.I8, List.of(h[8])).data();
    MemorySegment mergesIndex = gguf.tensor(VOCAB_IDX, Gguf.Type.I32, List.of(h[9])).data();
    MemorySegment mergesText = gguf.tensor(VOCAB_TXT, Gguf.Type.I8, List.of(h[10])).data();
    FastGptTensors.checkAlphabet(
        gguf.file(),
        gguf.tensor(BYTE_DECODER, Gguf.Type.I32, List.of(h[11])).data(),
        FastGptTensors.codePointsOfBytes());
    List<String> tokens = FastGptTensors.texts(gguf.file(), DECODER_TXT, index, text);
    GptConfig config =
        FastGptTensors.config(
            gguf.file(), h[2], h[3], h[4], h[5], h[6], FastGptTensors.endOfText(tokens));
    return new Checkpoint(
        "fastGPT's GGUF, version " + h[1],
        config,
        tensors(gguf, config),
        Optional.of(
            () ->
                Tokenizer.of(
                    gguf.file(),
                    tokens,
                    FastGptTensors.withoutLastLine(
                        FastGptTensors.texts(gguf.file(), VOCAB_TXT, mergesIndex, mergesText)),
                    _ -> false)));
  }

  private static Map<String, StoredTensor> tensors(Gguf gguf, GptConfig config) {
    var arrays = new LinkedHashMap<String, MemorySegment>();
    FastGptTensors.shapes(config)
        .forEach((name, shape) -> arrays.put(name, gguf.tensor(name, Gguf.Type.F32, shape).data()));
    return FastGptTensors.tensors(config, arrays);
  }
}
