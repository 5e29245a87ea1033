package org.fastgpt.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;
import org.fastgpt.GptConfig;
import org.junit.jupiter.api.Test;

/** An installed 124M is OpenAI's, to the last bit. Skipped where none is installed. */
class RealWeightsTest {

  @Test
  void tensorsHaveTheChecksumsOfOpenAisCheckpoint() throws IOException {
    assumeTrue(
        Models.installed().stream()
            .anyMatch(m -> List.of("124M", "gpt2", "openai-community/gpt2").contains(m.name())),
        "no 124M in "
            + Models.folder()
            + "; to install it, put config.json, model.safetensors, vocab.json and merges.txt of"
            + " https://huggingface.co/openai-community/gpt2 into the folder 124M there");
    var expected = new LinkedHashMap<String, Long>();
    for (Object entry : (List<?>) Data.golden("openai-124M-tensors").get("tensors")) {
      var tensor = (Map<?, ?>) entry;
      expected.put(
          huggingFaceName((String) tensor.get("name")),
          ((Number) tensor.get("crc32c")).longValue());
    }
    try (Model model = Model.open(Models.resolve("124M", Progress.NONE))) {
      var found = new LinkedHashMap<String, Long>();
      for (String name : model.tensors().keySet()) {
        var crc = new CRC32C();
        crc.update(model.floats(name).asByteBuffer());
        found.put(name, crc.getValue());
      }
      assertThat(found).containsExactlyInAnyOrderEntriesOf(expected);
    }
  }

  @Test
  void openAisNamesAreThoseOfA124M() throws IOException {
    var names = new ArrayList<String>();
    GptTensors.forEach(GptConfig.gpt2(50257, 1024, 768, 12, 12), (name, _) -> names.add(name));
    assertThat((List<?>) Data.golden("openai-124M-tensors").get("tensors"))
        .extracting(tensor -> huggingFaceName((String) ((Map<?, ?>) tensor).get("name")))
        .containsExactlyInAnyOrderElementsOf(names);
  }

  /** model/h0/attn/c_attn/w -> h.0.attn.c_attn.weight; layer norm's gain is g there. */
  private static String huggingFaceName(String openAi) {
    String name =
        openAi
            .replaceFirst("^model/", "")
            .replaceFirst("^h([0-9]+)/", "h.$1.")
            .replaceFirst("^(wte|wpe)$", "$1.weight")
            .replaceFirst("/[wg]$", ".weight")
            .replaceFirst("/b$", ".bias");
    return name.replace('/', '.');
  }
}
