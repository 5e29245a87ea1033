package org.fastgpt.conformance;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.CRC32C;
import org.fastgpt.model.Model;

/** OpenAI's own weights: how they are known, and what others published for them. */
final class OpenAi {
  private OpenAi() {}

  /**
   * Whether a model is OpenAI's 124M to the last bit: every tensor has the CRC32C that stands in
   * the index of OpenAI's checkpoint.
   */
  static boolean is124M(Model model) {
    Path file = Golden.data().resolve("golden").resolve("openai-124M-tensors.json");
    if (model.config().parameters() != 124_439_808 || !Files.exists(file)) {
      return false;
    }
    return Golden.read(file).objects("tensors").stream()
        .allMatch(
            tensor -> crc32c(model, name(tensor.text("name"))) == (long) tensor.number("crc32c"));
  }

  private static long crc32c(Model model, String name) {
    var crc = new CRC32C();
    crc.update(model.floats(name).asByteBuffer());
    return crc.getValue();
  }

  /** model/h0/attn/c_attn/w -> h.0.attn.c_attn.weight; layer norm's gain is g there. */
  static String name(String openAi) {
    return openAi
        .replaceFirst("^model/", "")
        .replaceFirst("^h([0-9]+)/", "h.$1.")
        .replaceFirst("^(wte|wpe)$", "$1.weight")
        .replaceFirst("/[wg]$", ".weight")
        .replaceFirst("/b$", ".bias")
        .replace('/', '.');
  }

  /** The greedy cases that a maintained test or README asserts for the 124M. */
  static List<Golden> greedyCases() {
    return Golden.of("published").orElseThrow().objects("generation").stream()
        .filter(c -> c.text("model").equals("gpt2-124M"))
        .filter(c -> c.text("decoding").startsWith("greedy"))
        .filter(c -> c.text("trust").startsWith("A"))
        .toList();
  }

  /** The new ids of a published case. */
  static int[] newIds(Golden published) {
    return published.ids(
        published.has("new_ids_published") ? "new_ids_published" : "new_ids_reencoded");
  }
}
