package org.fastgpt.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.fastgpt.Chooser;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.Engines;
import org.fastgpt.chat.ChatFormat.Turn;
import org.fastgpt.model.Model;
import org.fastgpt.model.ModelException;
import org.fastgpt.model.Models;
import org.fastgpt.model.Progress;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * The chat that fastGPT published, with OpenAI's largest model: the only one for which it did. Runs
 * where the weights are installed and is skipped where not.
 */
@Tag("model")
class PublishedChatTest {

  private static final String SIZE = "1558M";

  @Test
  void answersAreThePublishedOnes() throws IOException {
    var format = new ChatFormat(ChatFormat.FASTGPT, "User", "fastGPT");
    List<Turn> published =
        format.read(ChatFormatTest.published().substring(ChatFormat.FASTGPT.length() + 1));
    try (Model model = Model.open(installed());
        Engine engine = Engines.named("core").open(model, EngineOptions.DEFAULT);
        Chat chat =
            new Chat(engine, model.requireTokenizer(), format, 200, false, _ -> Chooser.GREEDY)) {
      published.forEach(turn -> chat.ask(turn.question(), _ -> {}, () -> true));
      assertThat(chat.turns()).isEqualTo(published);
    }
  }

  private static Path installed() {
    try {
      return Models.resolve(SIZE, Progress.NONE);
    } catch (ModelException e) {
      return abort(
          "GPT-2 "
              + SIZE
              + " is not installed: fastgpt download "
              + SIZE
              + ", or put config.json, model.safetensors, vocab.json and merges.txt of"
              + " HuggingFace's GPT-2 into "
              + Models.folder().resolve(SIZE));
    }
  }
}
