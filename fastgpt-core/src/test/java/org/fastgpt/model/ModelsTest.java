package org.fastgpt.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import org.fastgpt.GptConfig;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ModelsTest {
  private static final String HOME = "fastgpt.home";

  @TempDir Path temp;
  private Homes homes;

  @BeforeEach
  void useAnEmptyHome() {
    homes = new Homes(temp);
  }

  @AfterEach
  void restoreTheHome() {
    homes.close();
  }

  @Test
  void homeIsThePropertysOrInTheUsersCache() {
    assertThat(Models.home()).isEqualTo(temp);
    System.clearProperty(HOME);
    String environment = System.getenv("FASTGPT_HOME");
    assertThat(Models.home())
        .isEqualTo(
            environment == null
                ? Path.of(System.getProperty("user.home"), ".cache", "fastgpt")
                : Path.of(environment));
  }

  @Test
  void aPathIsItself() {
    assertThat(resolve("../data/formats")).isEqualTo(Path.of("../data/formats"));
  }

  @ParameterizedTest
  @CsvSource({
    "124M, gpt2, openai-community/gpt2",
    "355M, gpt2-medium, openai-community/gpt2-medium",
    "774M, gpt2-large, openai-community/gpt2-large",
    "1558M, gpt2-xl, openai-community/gpt2-xl"
  })
  void eachSizeIsFoundByAnyOfItsNamesUnderAnyOfThem(String a, String b, String c)
      throws IOException {
    for (String folder : List.of(a, b, c)) {
      Path path = install(folder);
      for (String name : List.of(a, b, c)) {
        assertThat(resolve(name)).isEqualTo(path);
      }
      Files.delete(path.resolve("config.json"));
    }
  }

  @Test
  void ofSeveralFoldersForOneSizeTheShortestNameWins() throws IOException {
    install("gpt2");
    Path path = install("124M");
    assertThat(resolve("gpt2")).isEqualTo(path);
  }

  @Test
  void aModelOfOnesOwnIsFoundByName() throws IOException {
    Path path = install("someone/shakespeare-large");
    assertThat(resolve("someone/shakespeare-large")).isEqualTo(path);
  }

  @Test
  void installedModelsAreListedByName() throws IOException {
    install("gpt2-xl");
    install("124M");
    install("someone/own");
    install(".synthetic-micro.part");
    Files.createDirectories(Models.folder().resolve("no-model"));
    assertThat(Models.installed())
        .extracting(Models.Installed::name)
        .containsExactly("124M", "gpt2-xl", "someone/own");
  }

  @Test
  void theSmallestInstalledGpt2IsTheDefault() throws IOException {
    install("1558M");
    Path medium = install("gpt2-medium");
    install("a-model-of-ones-own");
    assertThat(Models.byDefault()).isEqualTo(new Models.Installed("355M", medium));
  }

  @Test
  void theEmbeddedModelIsTheDefaultWhereNothingIsInstalled() {
    assertThat(Models.byDefault().name()).isEqualTo(Models.EMBEDDED);
    try (Model model = Model.open(Models.byDefault().path())) {
      assertThat(model.name()).isEqualTo("tiny-shakespeare");
      assertThat(model.config()).isEqualTo(GptConfig.gpt2(1024, 256, 128, 4, 4));
      assertThat(model.tokenizer()).isPresent();
    }
    assertThat(resolve("tiny-shakespeare")).isEqualTo(Models.embedded());
  }

  @Test
  void aSyntheticCheckpointIsMadeAtItsFirstUse() {
    Path first = resolve("synthetic-micro");
    assertThat(first).isEqualTo(temp.resolve("models").resolve("synthetic-micro"));
    assertThat(resolve("synthetic-micro")).isEqualTo(first);
    try (Model model = Model.open(first)) {
      assertThat(model.tokenizer()).isEmpty();
    }
  }

  @Test
  void gpt2sVocabularyIsThatOfAnInstalledGpt2() throws IOException {
    assertThat(Models.gpt2Vocabulary()).isEmpty();
    install("124M");
    assertThat(Models.gpt2Vocabulary()).isEmpty();
    Path large = install("gpt2-large");
    Files.createFile(large.resolve("encoder.json"));
    assertThat(Models.gpt2Vocabulary()).contains(large);
  }

  @ParameterizedTest
  @ValueSource(strings = {"125M", "", " ", "../..", "a\0b", "openai-community"})
  void anUnknownNameIsRefusedWithWhatThereIs(String name) throws IOException {
    install("gpt2");
    install("openai-community/gpt2-xl");
    assertThatThrownBy(() -> resolve(name))
        .isInstanceOf(ModelException.class)
        .hasMessage(
            "no model '"
                + name.replace('\0', '?')
                + "': no model file or folder of that name is here, and in "
                + temp.resolve("models")
                + " are gpt2, openai-community/gpt2-xl; always there: tiny-shakespeare,"
                + " synthetic-awkward, synthetic-micro, synthetic-small, synthetic-124M,"
                + " synthetic-355M, synthetic-774M, synthetic-1558M");
  }

  @Test
  void saysThatNothingIsInstalled() {
    assertThatThrownBy(() -> resolve("gpt2"))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining(" in " + temp.resolve("models") + " nothing is installed; ");
  }

  /** From the class files of this build in a jar, by a class loader that sees only that. */
  @Test
  void theEmbeddedModelOpensFromInsideAJar() throws Exception {
    Path classes =
        Path.of(Models.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    Path jar = temp.resolve("core.jar");
    pack(classes, jar);
    var urls = new ArrayList<URL>(List.of(jar.toUri().toURL()));
    for (String entry : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
      if (entry.contains("jackson")) {
        urls.add(Path.of(entry).toUri().toURL());
      }
    }
    try (var loader =
        new URLClassLoader(urls.toArray(URL[]::new), ClassLoader.getPlatformClassLoader())) {
      for (int i = 0; i < 2; i++) { // the second time the jar is open already
        Object path = loader.loadClass(Models.class.getName()).getMethod("embedded").invoke(null);
        assertThat(path).hasToString("/models/tiny-shakespeare");
        Class<?> type = loader.loadClass(Model.class.getName());
        try (var model = (AutoCloseable) type.getMethod("open", Path.class).invoke(null, path)) {
          assertThat(type.getMethod("name").invoke(model)).isEqualTo("tiny-shakespeare");
        }
      }
    }
  }

  private static void pack(Path classes, Path jar) throws IOException {
    try (OutputStream out = Files.newOutputStream(jar);
        var entries = new JarOutputStream(out);
        var files = Files.walk(classes)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        entries.putNextEntry(
            new JarEntry(classes.relativize(file).toString().replace(File.separatorChar, '/')));
        Files.copy(file, entries);
      }
    }
  }

  private static Path resolve(String name) {
    return Models.resolve(name, Progress.NONE);
  }

  private static Path install(String name) throws IOException {
    Path folder = Files.createDirectories(Models.folder().resolve(name));
    Files.writeString(folder.resolve("config.json"), "{}");
    return folder;
  }
}
