package org.fastgpt.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** A 124M that is there is OpenAI's, to the last bit. Skipped where there is none. */
class RealWeightsTest {

  @Test
  void tensorsHaveTheChecksumsOfOpenAisCheckpoint() {
    Optional<Path> path = Models.find("124M");
    assumeTrue(
        path.isPresent(),
        "no 124M in "
            + Models.folder()
            + " or "
            + HubCache.folder()
            + "; to install it, put config.json, model.safetensors, vocab.json and merges.txt of"
            + " https://huggingface.co/openai-community/gpt2 into the folder 124M of the first");
    try (Model model = Model.open(path.get())) {
      assertThat(model.verify(Progress.NONE).isOpenAis()).isTrue();
    }
  }
}
