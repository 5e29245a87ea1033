package org.fastgpt.model;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.fastgpt.GptConfig;

/** Reads HuggingFace's config.json. */
final class ConfigJson {
  private ConfigJson() {}

  static GptConfig read(Path file) throws IOException {
    Map<String, Object> json = JSON.std.mapFrom(Files.readString(file));
    return GptConfig.gpt2(
        (Integer) json.get("vocab_size"),
        (Integer) json.get("n_positions"),
        (Integer) json.get("n_embd"),
        (Integer) json.get("n_head"),
        (Integer) json.get("n_layer"));
  }
}
