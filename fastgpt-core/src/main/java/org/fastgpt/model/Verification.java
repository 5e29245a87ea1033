package org.fastgpt.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What the checksums of a model's tensors say.
 *
 * @param stored how many tensors have the checksum that the model's files say, which not all
 *     layouts do
 * @param known how many tensors were compared with those of OpenAI's own 124M: 0 for a model of
 *     other shapes
 * @param different the tensors, of those, that are not OpenAI's
 */
public record Verification(int stored, int known, List<String> different) {

  public Verification {
    different = List.copyOf(different);
  }

  /** Compares each tensor of {@code model} with {@code stored} by name, and with OpenAI's. */
  static Verification of(Model model, Map<String, Integer> stored, Progress progress) {
    Map<String, Integer> openAis =
        OpenAiWeights.hasShapesOf124M(model) ? OpenAiWeights.crc32cOf124M() : Map.of();
    var different = new ArrayList<String>();
    FloatChunks.crc32c(
        model.tensors().values(),
        progress,
        (name, crc) -> {
          Integer expected = stored.get(name);
          if (expected != null && expected != crc) {
            throw damaged(model, name, expected, crc);
          }
          Integer openAi = openAis.get(name);
          if (openAi != null && openAi != crc) {
            different.add(name);
          }
        });
    return new Verification(stored.size(), openAis.size(), different);
  }

  private static ModelException damaged(Model model, String name, int expected, int crc) {
    return new ModelException(
        "%s: %s: CRC32C %08x expected, %08x found: the file is damaged, get it again"
            .formatted(model.path(), name, expected, crc));
  }

  /** Whether these are OpenAI's weights of GPT-2 124M, to the last bit. */
  public boolean isOpenAis() {
    return known > 0 && different.isEmpty();
  }

  /** Such as "OpenAI's GPT-2 124M, verified (148 tensors by CRC32C)". */
  @Override
  public String toString() {
    if (known == 0) {
      return "not known: there are checksums for OpenAI's GPT-2 124M only";
    }
    return isOpenAis()
        ? "OpenAI's GPT-2 124M, verified (" + known + " tensors by CRC32C)"
        : "differs from OpenAI's GPT-2 124M in %d of %d tensors: first %s"
            .formatted(different.size(), known, different.getFirst());
  }
}
