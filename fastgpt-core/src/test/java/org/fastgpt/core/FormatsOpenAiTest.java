package org.fastgpt.core;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Map;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.Engines;
import org.fastgpt.Fixtures;
import org.fastgpt.Generator;
import org.fastgpt.Session;
import org.fastgpt.model.Model;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** OpenAI's and llm.c's layouts, run: the ids that HuggingFace's GPT-2 gives in float64. */
class FormatsOpenAiTest {

  @ParameterizedTest
  @ValueSource(strings = {"openai", "llmc/gpt2.bin"})
  void greedyIdsAreHuggingFaces(String layout) throws IOException {
    Map<String, Object> golden =
        JSON.std.mapFrom(Files.readString(Fixtures.DATA.resolve("formats/golden.json")));
    try (Model model = Model.open(Fixtures.DATA.resolve("formats").resolve(layout))) {
      int[] prompt = model.requireTokenizer().encode((String) golden.get("text"));
      assertThat(prompt).isEqualTo(Fixtures.ids(golden, "prompt_ids"));
      assertThat(greedy(model, prompt)).isEqualTo(Fixtures.ids(golden, "new_ids"));
    }
  }

  /** Rounded weights are another model: its ids are those of the same weights in safetensors. */
  @Test
  void greedyIdsOfBfloat16AreThoseOfTheRoundedWeights() throws IOException {
    int[] prompt =
        Fixtures.ids(
            JSON.std.mapFrom(Files.readString(Fixtures.DATA.resolve("formats/golden.json"))),
            "prompt_ids");
    try (Model llmc = Model.open(Fixtures.DATA.resolve("formats/llmc/gpt2_bf16.bin"));
        Model huggingFace = Model.open(Fixtures.DATA.resolve("formats/bf16"))) {
      assertThat(greedy(llmc, prompt)).isEqualTo(greedy(huggingFace, prompt));
    }
  }

  private static int[] greedy(Model model, int[] prompt) {
    try (Engine engine = Engines.named("core").open(model, EngineOptions.DEFAULT);
        Session session = engine.newSession()) {
      return new Generator(true, false)
          .generate(session, model.config(), prompt, 20, _ -> true)
          .ids();
    }
  }
}
