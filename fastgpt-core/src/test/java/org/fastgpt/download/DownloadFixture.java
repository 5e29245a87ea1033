package org.fastgpt.download;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import org.fastgpt.Fixtures;
import org.fastgpt.model.Model;
import org.fastgpt.model.Models;
import org.fastgpt.model.Progress;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A server with a small model, an empty home, and waits that take no time. */
@Timeout(120) // for servers and clients that wait for each other for ever; nothing is measured
abstract class DownloadFixture {
  static final String REPOSITORY = "someone/small";
  static final String WEIGHTS = "model.safetensors";
  static final Path FOLDER = Fixtures.DATA.resolve("formats");

  private static final Verifier OPENS =
      new Verifier() {
        @Override
        public void file(Path file) {
          if (file.endsWith("config.json")) {
            Model.checkConfig(file);
          }
        }

        @Override
        public void folder(Path folder) {
          Model.open(folder).close();
        }
      };

  final Map<String, String> variables = new HashMap<>();
  final List<Duration> waits = new CopyOnWriteArrayList<>();
  final List<String> notes = new CopyOnWriteArrayList<>();
  Verifier verifier = OPENS;
  Retries.Sleeper sleeper = _ -> Thread.sleep(1);
  Download.Space space = _ -> Long.MAX_VALUE;
  FakeHub hub;
  byte[] weights;

  @TempDir Path home;
  private String homeBefore;

  @BeforeEach
  void start() throws IOException {
    homeBefore = System.getProperty("fastgpt.home");
    System.setProperty("fastgpt.home", home.toString());
    hub = new FakeHub();
    hub.publish(REPOSITORY, FOLDER);
    weights = Files.readAllBytes(FOLDER.resolve(WEIGHTS));
    variables.put("HF_ENDPOINT", hub.address());
  }

  @AfterEach
  void stop() {
    hub.close();
    if (homeBefore == null) {
      System.clearProperty("fastgpt.home");
    } else {
      System.setProperty("fastgpt.home", homeBefore);
    }
  }

  Download open() {
    return new Download(
        Settings.of(variables::get),
        verifier,
        new Retries(this::sleep, new Random(1), notes::add),
        space);
  }

  private void sleep(Duration duration) throws InterruptedException {
    waits.add(duration);
    sleeper.sleep(duration);
  }

  /** Downloads the small model. */
  Path download() throws IOException {
    return download(REPOSITORY, Source.HUGGINGFACE, false);
  }

  Path download(String name, Source source, boolean again) throws IOException {
    try (Download download = open()) {
      return download.install(
          download.plan(name, source, Hub.MAIN), again, Progress.NONE, () -> false);
    }
  }

  Path target() {
    return Models.folder().resolve(REPOSITORY);
  }

  Path part() {
    return Models.folder().resolve("someone").resolve(".small.part");
  }

  /** The weights, as far as they are there. */
  Path partOfWeights() {
    return part().resolve(WEIGHTS + ".part");
  }

  /** The model is there, byte for byte, and nothing is left beside it but the lock. */
  void assertInstalled() throws IOException {
    assertThat(target().resolve(WEIGHTS)).hasBinaryContent(weights);
    assertThat(names(target()))
        .containsExactlyInAnyOrder(
            "config.json",
            "generation_config.json",
            "merges.txt",
            WEIGHTS,
            "tokenizer.json",
            "vocab.json");
    assertThat(names(target().getParent())).containsExactlyInAnyOrder("small", ".small.lock");
  }

  static List<String> names(Path folder) throws IOException {
    try (var children = Files.list(folder)) {
      return children.map(child -> child.getFileName().toString()).toList();
    }
  }

  /** No command sees a model that is not whole. */
  void assertNothingInstalled() {
    assertThat(Models.installed()).isEmpty();
    assertThat(target()).doesNotExist();
  }
}
