package org.fastgpt.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.fastgpt.GptConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConfigJsonTest {
  @TempDir Path temp;

  @Test
  void anEmptyConfigIsGpt2AsInHuggingFacesDefaults() throws IOException {
    assertThat(read("{}")).isEqualTo(GptConfig.gpt2(50257, 1024, 768, 12, 12));
  }

  @Test
  void readsHuggingFacesFile() {
    assertThat(ConfigJson.read(Data.FORMATS.resolve("config.json")))
        .isEqualTo(GptConfig.gpt2(1024, 64, 32, 4, 2));
  }

  @Test
  void obeysEachValueThatChangesTheArithmetic() throws IOException {
    String json =
        """
        {"model_type": "gpt2", "vocab_size": 100, "n_positions": 50, "n_embd": 24, "n_layer": 3,
         "n_head": 2, "n_inner": 77, "layer_norm_epsilon": 1e-6, "scale_attn_weights": false,
         "scale_attn_by_inverse_layer_idx": true, "tie_word_embeddings": false,
         "eos_token_id": 7, "activation_function": "gelu_pytorch_tanh"}
        """;
    assertThat(read(json))
        .isEqualTo(new GptConfig(100, 50, 24, 2, 3, 77, 1e-6f, false, true, false, 7));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "'activation_function': 'gelu_new'",
        "'activation_function': 'gelu_fast'",
        "'architectures': ['GPT2Model']",
        "'architectures': null",
        "'reorder_and_upcast_attn': true",
        "'add_cross_attention': false",
        "'quantization_config': null",
        "'pruned_heads': {}",
        "'n_inner': null",
        "'n_ctx': 1024",
        "'attn_pdrop': 0.5, 'use_cache': false, 'something_else': [1, 2]"
      })
  void acceptsWhatChangesNothing(String values) throws IOException {
    assertThat(read("{" + values.replace('\'', '"') + "}")).isEqualTo(read("{}"));
  }

  @Test
  void takesHuggingFacesOtherNamesForSizes() throws IOException {
    String json =
        """
        {"max_position_embeddings": 50, "hidden_size": 24, "num_hidden_layers": 3,
         "num_attention_heads": 2, "eos_token_id": null}
        """;
    assertThat(read(json))
        .isEqualTo(new GptConfig(50257, 50, 24, 2, 3, 96, 1e-5f, true, false, true, -1));
    assertThat(read("{'n_ctx': 512}").nCtx()).isEqualTo(512);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{}                                           | 50256",
        "{'vocab_size': 50}                           | -1",
        "{'eos_token_id': null}                       | -1",
        "{'eos_token_id': 3}                          | 3",
        "{'eos_token_id': [4, 3]}                     | 4",
        "{'eos_token_id': []}                         | -1"
      })
  void endOfTextIsTheFirstGivenOne(String json, int eos) throws IOException {
    assertThat(read(json).eosTokenId()).isEqualTo(eos);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '#',
      quoteCharacter = '`',
      value = {
        "{'model_type': 'llama'} # model_type 'llama' is not supported; supported: gpt2",
        "{'model_type': null} # model_type null is not supported; supported: gpt2",
        "{'activation_function': 'gelu'} # activation_function 'gelu' is not supported; supported:"
            + " gelu_new, gelu_pytorch_tanh, gelu_fast",
        "{'architectures': ['GPT2ForSequenceClassification']} # architectures"
            + " 'GPT2ForSequenceClassification' is not supported; supported: GPT2LMHeadModel,"
            + " GPT2Model",
        "{'architectures': 3} # architectures 3 is not supported",
        "{'quantization_config': {'bits': 4}} # quantization_config {\"bits\":4} is not supported",
        "{'auto_map': {'AutoModel': 'x.Y'}} # auto_map {\"AutoModel\":\"x.Y\"} is not supported",
        "{'pruned_heads': {'0': [1]}} # pruned_heads {\"0\":[1]} is not supported",
        "{'add_cross_attention': true} # add_cross_attention true is not supported",
        "{'n_positions': 64, 'n_ctx': 128} # n_positions 64 and n_ctx 128 should be equal",
        "{'n_embd': '768'} # n_embd: a whole number expected, \"768\" found",
        "{'n_embd': 768.0} # n_embd: a whole number expected, 768.0 found",
        "{'n_layer': 99999999999} # n_layer: a whole number expected, 99999999999 found",
        "{'n_layer': [12]} # n_layer: a whole number expected, [12] found",
        "{'n_layer': 0} # n_layer 0 is not in [1, 16777216]",
        "{'vocab_size': -5} # vocab_size -5 is not in [1, 16777216]",
        "{'n_embd': 2147483647} # n_embd 2147483647 is not in [1, 16777216]",
        "{'n_head': 5} # n_embd 768 is not a multiple of n_head 5",
        "{'scale_attn_weights': null} # scale_attn_weights: true or false expected, null found",
        "{'tie_word_embeddings': 1} # tie_word_embeddings: true or false expected, 1 found",
        "{'layer_norm_epsilon': '1e-5'} # layer_norm_epsilon: a number expected, \"1e-5\" found",
        "{'layer_norm_epsilon': 0} # layer_norm_epsilon 0.0 is not in (0, 1)",
        "{'eos_token_id': 60000} # eos_token_id 60000 is outside the vocabulary [0, 50257)",
        "{'eos_token_id': '<|endoftext|>'} # eos_token_id: a whole number expected,"
            + " \"<|endoftext|>\" found",
        "[] # a JSON object expected, [ found",
        "{'n_embd': 1} x # not valid JSON in line 1, column 15: Unrecognized token 'x': was"
            + " expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
        "{'n_embd': 1, 'n_embd': 2} # not valid JSON in line 1, column 23: Duplicate field 'n_embd'"
      })
  void refusesByName(String json, String message) {
    assertThatThrownBy(() -> read(json.strip()))
        .isInstanceOf(ModelException.class)
        .hasMessage(temp.resolve("config.json") + ": " + message);
  }

  @Test
  void refusesAConfigOfAbsurdLength() {
    assertThatThrownBy(() -> read("{}" + " ".repeat(1 << 20)))
        .isInstanceOf(ModelException.class)
        .hasMessageEndingWith("config.json: at most 1048576 bytes expected, 1048578 found");
  }

  private GptConfig read(String json) throws IOException {
    Path file = temp.resolve("config.json");
    Files.writeString(file, json.replace('\'', '"'));
    return ConfigJson.read(file);
  }
}
