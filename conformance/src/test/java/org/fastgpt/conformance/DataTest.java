package org.fastgpt.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The fixtures are what data/README.md says they are. */
class DataTest {

  @Test
  void everyFileHasItsHash() throws Exception {
    var listed = new TreeMap<String, String>();
    for (String line : Files.readAllLines(Golden.data().resolve("SHA256SUMS"))) {
      listed.put(line.substring(66), line.substring(0, 64));
    }
    var found = new TreeMap<String, String>();
    try (Stream<Path> files = Files.walk(Golden.data())) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        String name = Golden.data().relativize(file).toString().replace('\\', '/');
        // README and list describe the data; torchscript.pt is made beside a model at first use
        if (!name.matches("README\\.md|SHA256SUMS|.*/torchscript\\.pt.*")) {
          found.put(name, sha256(file));
        }
      }
    }
    assertThat(found).isEqualTo(listed);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "tiny-shakespeare",
        "synthetic-awkward",
        "synthetic-micro",
        "synthetic-small",
        "synthetic-124M",
        "synthetic-355M",
        "synthetic-774M",
        "synthetic-1558M"
      })
  void greedyCasesAreConsistent(String name) {
    Golden golden = Golden.of(name).orElseThrow();
    Golden config = golden.object("config");
    double vocab = config.number(config.has("n_vocab") ? "n_vocab" : "vocab_size");
    double context = config.number(config.has("n_ctx") ? "n_ctx" : "n_positions");
    List<Golden> cases = golden.objects("greedy");
    assertThat(cases.stream().map(c -> Arrays.toString(c.ids("prompt_ids"))))
        .doesNotHaveDuplicates();
    for (Golden greedy : cases) {
      int[] prompt = greedy.ids("prompt_ids");
      int[] ids = greedy.ids("new_ids");
      assertThat(prompt.length + ids.length).isLessThanOrEqualTo((int) context);
      assertThat(Arrays.stream(prompt)).allMatch(id -> id >= 0 && id < vocab);
      List<Golden> steps = greedy.objects("steps");
      assertThat(steps).hasSameSizeAs(ids);
      for (int i = 0; i < ids.length; i++) {
        double[] top = steps.get(i).doubles("top_logits");
        assertThat(steps.get(i).ids("top_ids")[0]).isEqualTo(ids[i]);
        assertThat(top[0] - top[1]).isGreaterThanOrEqualTo(greedy.number("min_margin"));
      }
    }
  }

  @Test
  void publishedCasesHaveUniqueNamesAndIdsInRange() {
    List<Golden> cases =
        Golden.read(Golden.data().resolve("golden/published.json")).objects("generation");
    assertThat(cases.stream().map(c -> c.text("id"))).doesNotHaveDuplicates();
    for (Golden published : cases) {
      assertThat(published.text("source")).isNotBlank();
      for (String key : published.keys()) {
        if (key.contains("_ids")) {
          assertThat(Arrays.stream(published.ids(key))).allMatch(id -> id >= 0 && id < 50257);
        }
      }
    }
  }

  private static String sha256(Path file) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(read(file)));
  }

  private static byte[] read(Path file) throws IOException {
    return Files.readAllBytes(file);
  }
}
