package org.fastgpt.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Models are found where HuggingFace's programs have put them, laid out as they do it. */
class HubCacheTest {
  private static final String REVISION = "607a30d783dfa663caf39e06633721c8d4cfcd7e";
  private static final List<String> ALL =
      List.of("config.json", "model.safetensors", "vocab.json", "merges.txt");

  @TempDir Path temp;
  private Homes homes;

  @BeforeEach
  void useEmptyFolders() {
    homes = new Homes(temp);
  }

  @AfterEach
  void restoreTheFolders() {
    homes.close();
  }

  @Test
  void theCacheIsThePropertysOrWhereTheHubHasIt() {
    assertThat(HubCache.folder()).isEqualTo(temp.resolve("hub"));
    System.clearProperty("fastgpt.hub");
    assertThat(HubCache.folder())
        .isEqualTo(HubCache.folder(System.getenv("HF_HUB_CACHE"), System.getenv("HF_HOME")));
    assertThat(HubCache.folder("/a", "/b")).isEqualTo(Path.of("/a"));
    assertThat(HubCache.folder(null, "/b")).isEqualTo(Path.of("/b/hub"));
    assertThat(HubCache.folder("", " "))
        .isEqualTo(Path.of(System.getProperty("user.home"), ".cache", "huggingface", "hub"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"124M", "gpt2", "openai-community/gpt2"})
  void aSizeIsFoundByAnyOfItsNames(String name) throws IOException {
    Path old = cache("models--gpt2", ALL);
    assertThat(resolve(name)).isEqualTo(old);
    Path path = cache("models--openai-community--gpt2", ALL);
    assertThat(resolve(name)).isEqualTo(path);
    assertThat(Models.byDefault()).isEqualTo(new Models.Installed("124M", path));
    Path installed = Models.folder().resolve("124M");
    Files.createDirectories(installed);
    Files.writeString(installed.resolve("config.json"), "{}");
    assertThat(resolve(name)).isEqualTo(installed);
  }

  @Test
  void aModelOfTheCacheIsOpenedThroughItsLinks() throws IOException {
    Path path = cache("models--someone--shakespeare", ALL);
    assertThat(resolve("someone/shakespeare")).isEqualTo(path);
    SameModel.check(path, Data.FORMATS);
    try (Model model = Model.open(path)) {
      assertThat(model.name()).isEqualTo("someone/shakespeare");
      assertThat(model.requireTokenizer().size()).isEqualTo(1024);
    }
  }

  @Test
  void gpt2sAreListedByName() throws IOException {
    Path own = cache("models--someone--own", ALL);
    Path old = cache("models--gpt2", ALL);
    Path bert = cache("models--google--bert", ALL).resolve("config.json");
    Files.delete(bert);
    Files.writeString(bert, "{\"model_type\": \"bert\"}");
    cache("models--no--weights", List.of("config.json", "vocab.json"));
    cache("datasets--someone--own", ALL);
    assertThat(Models.inHubCache())
        .containsExactly(
            new Models.Installed("gpt2", old), new Models.Installed("someone/own", own));
    assertThat(Models.installed()).isEmpty();
  }

  /** What is there, but not a GPT-2, says why. */
  @Test
  void anotherModelIsFoundByNameAndRefused() throws IOException {
    Path config = cache("models--google--bert", ALL).resolve("config.json");
    Files.delete(config);
    Files.writeString(config, "{\"model_type\": \"bert\"}");
    Path path = resolve("google/bert");
    assertThatThrownBy(() -> Model.open(path))
        .isInstanceOf(ModelException.class)
        .hasMessage(config + ": model_type 'bert' is not supported; supported: gpt2");
  }

  /** As after AutoTokenizer.from_pretrained. */
  @Test
  void aVocabularyAloneIsNotAModel() throws IOException {
    cache("models--gpt2", List.of("config.json", "vocab.json", "merges.txt"));
    assertThatThrownBy(() -> resolve("gpt2")).isInstanceOf(ModelException.class);
    assertThat(Models.byDefault().name()).isEqualTo(Models.EMBEDDED);
  }

  @Test
  void onlyARevisionIsFollowed() throws IOException {
    Path path = cache("models--someone--own", ALL);
    Path main = path.getParent().resolveSibling("refs").resolve("main");
    for (String ref : List.of("", "main", "../../elsewhere", REVISION + "0", "0".repeat(2000))) {
      Files.writeString(main, ref);
      assertThatThrownBy(() -> resolve("someone/own")).isInstanceOf(ModelException.class);
    }
    Files.writeString(main, REVISION + "\n");
    assertThat(resolve("someone/own")).isEqualTo(path);
    Files.delete(main);
    assertThatThrownBy(() -> resolve("someone/own")).isInstanceOf(ModelException.class);
  }

  @ParameterizedTest
  @ValueSource(strings = {"a/b/c", "../own", "a/../own", "someone/own\n", "/", "a//b"})
  void aNameDoesNotLeadOutOfTheCache(String name) throws IOException {
    cache("models--someone--own", ALL);
    assertThat(HubCache.snapshot(name)).isEmpty();
  }

  private static Path resolve(String name) {
    return Models.resolve(name, Progress.NONE);
  }

  /** blobs/, refs/main, and snapshots/REVISION/ with links to the blobs. */
  private static Path cache(String name, List<String> files) throws IOException {
    Path model = HubCache.folder().resolve(name);
    Path snapshot = model.resolve("snapshots").resolve(REVISION);
    for (Path folder : List.of(model.resolve("blobs"), model.resolve("refs"), snapshot)) {
      Files.createDirectories(folder);
    }
    Files.writeString(model.resolve("refs").resolve("main"), REVISION);
    for (String file : files) {
      Path blob = model.resolve("blobs").resolve("blob-of-" + file);
      Files.copy(Data.FORMATS.resolve(file), blob);
      Files.createSymbolicLink(
          snapshot.resolve(file), Path.of("..", "..", "blobs").resolve(blob.getFileName()));
    }
    return snapshot;
  }
}
