package org.fastgpt.conformance;

import java.util.List;

/** What others published for OpenAI's own weights. */
final class OpenAi {
  private OpenAi() {}

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
