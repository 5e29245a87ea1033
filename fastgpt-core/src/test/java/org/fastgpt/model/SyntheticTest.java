package org.fastgpt.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import org.fastgpt.GptConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class SyntheticTest {
  @TempDir Path temp;

  @ParameterizedTest
  @ValueSource(strings = {"synthetic-awkward", "synthetic-micro", "synthetic-small"})
  void tensorsHaveTheGoldenHashes(String name) throws Exception {
    Synthetic.write(name, temp.resolve(name), Progress.NONE);
    assertGoldenHashes(name, temp.resolve(name));
  }

  /** Written once into the cache, 498 MB, and used from then on. */
  @Test
  void tensorsOf124MHaveTheGoldenHashes() throws Exception {
    assertGoldenHashes("synthetic-124M", Models.resolve("synthetic-124M", Progress.NONE));
  }

  /** Up to 6.2 GB each, in the cache; for a machine that has the space and the minutes. */
  @ParameterizedTest
  @ValueSource(strings = {"synthetic-355M", "synthetic-774M", "synthetic-1558M"})
  @EnabledIfSystemProperty(named = "fastgpt.large", matches = "true")
  void tensorsOfTheLargeOnesHaveTheGoldenHashes(String name) throws Exception {
    assertGoldenHashes(name, Models.resolve(name, Progress.NONE));
  }

  @ParameterizedTest
  @MethodSource("names")
  void scalesAreTheGoldenOnes(String name) throws IOException {
    Map<String, Object> golden = Data.golden(name);
    int nEmbd = (Integer) ((Map<?, ?>) golden.get("config")).get("n_embd");
    ((Map<?, ?>) golden.get("scales"))
        .forEach(
            (kind, value) -> {
              var expected = (List<?>) value;
              String tensor = (String) kind;
              assertThat((double) Synthetic.center(tensor)).isEqualTo(expected.get(0));
              assertThat((double) Synthetic.scale(tensor, nEmbd)).isEqualTo(expected.get(1));
            });
  }

  static List<String> names() {
    return Synthetic.names();
  }

  @Test
  void theSameWeightsComeFromHuggingFacesFile() {
    Synthetic.write("synthetic-micro", temp.resolve("m"), Progress.NONE);
    try (Model ours = Model.open(temp.resolve("m"));
        Model theirs = Model.open(Data.FORMATS)) {
      assertThat(ours.config()).isEqualTo(theirs.config());
      assertThat(ours.tensors().keySet()).containsExactlyElementsOf(theirs.tensors().keySet());
      ours.tensors()
          .forEach(
              (name, tensor) ->
                  assertThat(tensor.data().mismatch(theirs.floats(name))).as(name).isEqualTo(-1));
    }
  }

  @Test
  void firstTensorIsAlignedTo64Bytes() throws IOException {
    Synthetic.write("synthetic-micro", temp.resolve("m"), Progress.NONE);
    try (Model model = Model.open(temp.resolve("m"))) {
      assertThat(model.floats("wte.weight").address() % 64).isZero();
    }
  }

  @Test
  void progressRisesToTheTotal() {
    var done = new ArrayList<Long>();
    var total = new ArrayList<Long>();
    Path folder = temp.resolve("m");
    Synthetic.write(
        "synthetic-small",
        folder,
        (d, t) -> {
          done.add(d);
          total.add(t);
        });
    long size = folder.resolve("model.safetensors").toFile().length();
    assertThat(done).isSorted().endsWith(size);
    assertThat(total).containsOnly(size);
  }

  @Test
  void aFolderThatIsThereIsUsedAgain() throws IOException {
    Path tensors = written().resolve("model.safetensors");
    FileTime before = Files.getLastModifiedTime(tensors);
    Files.delete(temp.resolve(".m.lock"));
    Synthetic.write("synthetic-micro", tensors.getParent(), (_, _) -> assertThat(false).isTrue());
    assertThat(Files.getLastModifiedTime(tensors)).isEqualTo(before);
    assertThat(temp.resolve(".m.lock")).doesNotExist(); // nothing is written, not even a lock
  }

  @Test
  void aFileOfWrongSizeIsWrittenAgain() throws IOException {
    Path folder = written();
    Files.write(folder.resolve("model.safetensors"), new byte[100]);
    Synthetic.write("synthetic-micro", folder, Progress.NONE);
    Model.open(folder).close();
  }

  @Test
  void anotherDefinitionsFolderIsWrittenAgain() throws IOException {
    Path folder = written();
    Path config = folder.resolve("config.json");
    String current = Files.readString(config);
    Files.writeString(config, current.replace("synthetic\": 1", "synthetic\": 0"));
    Synthetic.write("synthetic-micro", folder, Progress.NONE);
    assertThat(config).content().isEqualTo(current);
  }

  @Test
  void leavesSomeoneElsesFolderAlone() throws IOException {
    Path folder = Files.createDirectory(temp.resolve("thesis"));
    Files.writeString(folder.resolve("model.safetensors"), "mine");
    assertThatThrownBy(() -> Synthetic.write("synthetic-micro", folder, Progress.NONE))
        .isInstanceOf(ModelException.class)
        .hasMessage(folder + ": is in the way, and not a synthetic checkpoint");
    assertThat(folder.resolve("model.safetensors")).content().isEqualTo("mine");
  }

  @Test
  void nothingIsLeftOfAnInterruptedWrite() throws IOException {
    Path folder = temp.resolve("m");
    assertThatThrownBy(
            () ->
                Synthetic.write(
                    "synthetic-micro",
                    folder,
                    (_, _) -> {
                      throw new IllegalStateException("interrupted");
                    }))
        .isInstanceOf(IllegalStateException.class);
    assertThat(folder).doesNotExist();
    assertThat(temp.resolve(".m.part")).doesNotExist();
  }

  @Test
  void whatAKilledProcessLeftIsRemoved() throws IOException {
    Path part = Files.createDirectory(temp.resolve(".m.part"));
    Files.writeString(part.resolve("model.safetensors"), "half");
    Synthetic.write("synthetic-micro", temp.resolve("m"), Progress.NONE);
    Model.open(temp.resolve("m")).close();
    assertThat(part).doesNotExist();
  }

  @Test
  void threadsThatWantTheSameFolderGetIt() throws Exception {
    Path folder = temp.resolve("m");
    Callable<Void> open =
        () -> {
          Synthetic.write("synthetic-small", folder, Progress.NONE);
          Model.open(folder).close();
          return null;
        };
    try (var threads = Executors.newFixedThreadPool(4)) {
      for (var each : threads.invokeAll(List.of(open, open, open, open))) {
        each.get();
      }
    }
  }

  @Test
  void processesThatWantTheSameFolderGetIt() throws Exception {
    var processes = new ArrayList<Process>();
    for (int i = 0; i < 3; i++) {
      processes.add(
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-cp",
                  System.getProperty("java.class.path"),
                  Writer.class.getName(),
                  temp.resolve("m").toString())
              .inheritIO()
              .start());
    }
    for (Process process : processes) {
      assertThat(process.waitFor()).isZero();
    }
    assertGoldenHashes("synthetic-small", temp.resolve("m"));
    assertThat(temp.resolve(".m.part")).doesNotExist();
  }

  static final class Writer {
    public static void main(String[] args) {
      Synthetic.write("synthetic-small", Path.of(args[0]), Progress.NONE);
    }
  }

  @Test
  void saysThatTheDiskIsTooSmall() {
    assertThatThrownBy(() -> Synthetic.checkSpace("synthetic-1558M", temp, 1L << 60))
        .isInstanceOf(ModelException.class)
        .hasMessageMatching(
            "synthetic-1558M takes 1152921504\\.6 GB of disk space, [0-9.]+ GB are free in .*");
  }

  @Test
  void rejectsAnUnknownName() {
    assertThatThrownBy(() -> Synthetic.write("synthetic-7B", temp.resolve("m"), Progress.NONE))
        .isInstanceOf(ModelException.class)
        .hasMessageStartingWith("synthetic-7B: no such checkpoint; there are synthetic-awkward,");
  }

  private Path written() {
    Path folder = temp.resolve("m");
    Synthetic.write("synthetic-micro", folder, Progress.NONE);
    return folder;
  }

  private static void assertGoldenHashes(String name, Path folder) throws Exception {
    Map<String, Object> golden = Data.golden(name);
    try (Model model = Model.open(folder)) {
      assertThat(config(model.config())).isEqualTo(golden.get("config"));
      assertThat(model.config().eosTokenId()).isEqualTo(model.config().nVocab() - 1);
      var hashes = new LinkedHashMap<String, String>();
      for (String tensor : model.tensors().keySet()) {
        hashes.put(tensor, sha256(model.floats(tensor)));
      }
      assertThat(hashes).isEqualTo(golden.get("sha256_le_float32"));
    }
  }

  private static Map<String, Integer> config(GptConfig c) {
    return Map.of(
        "n_vocab",
        c.nVocab(),
        "n_ctx",
        c.nCtx(),
        "n_embd",
        c.nEmbd(),
        "n_layer",
        c.nLayer(),
        "n_head",
        c.nHead());
  }

  private static String sha256(MemorySegment data) throws NoSuchAlgorithmException {
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    digest.update(data.asByteBuffer()); // the largest tensor of the 124M has 154 MB
    return HexFormat.of().formatHex(digest.digest());
  }
}
