package org.fastgpt.download;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.fastgpt.model.Model;
import org.fastgpt.model.ModelException;
import org.fastgpt.model.Models;
import org.fastgpt.model.Progress;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is installed, from where, and when it becomes visible. */
class DownloadTest extends DownloadFixture {

  @Test
  void aRepositoryIsInstalledUnderItsName() throws IOException {
    assertThat(download()).isEqualTo(target());
    assertInstalled();
    assertThat(waits).isEmpty();
    try (Model model = Model.open(Models.find(REPOSITORY).orElseThrow())) {
      assertThat(model.tokenizer()).isPresent();
    }
  }

  @Test
  void eachNameOfAGpt2IsTheSameRepositoryAndFolder() throws IOException {
    hub.publish("openai-community/gpt2", FOLDER);
    assertThat(download("gpt2", Source.HUGGINGFACE, false))
        .isEqualTo(Models.folder().resolve("124M"));
    assertThat(Models.byDefault().name()).isEqualTo("124M");
    try (Download download = open()) {
      for (String name : Models.names("124M")) {
        Plan plan = download.plan(name, Source.HUGGINGFACE, Hub.MAIN);
        assertThat(plan.name()).isEqualTo("124M");
        assertThat(plan.place()).endsWith("/openai-community/gpt2");
      }
    }
  }

  /** What was main when it began may not be any more when it ends. */
  @Test
  void allFilesAreOfTheCommitThatTheFirstOneWasOf() throws IOException {
    download();
    List<String> paths =
        hub.requests().stream()
            .map(FakeHub.Request::path)
            .filter(path -> !path.startsWith("/cdn/"))
            .toList();
    String prefix = "/" + REPOSITORY + "/resolve/";
    assertThat(paths.getFirst()).isEqualTo(prefix + "main/config.json");
    assertThat(paths.subList(1, paths.size()))
        .allMatch(path -> path.startsWith(prefix + FakeHub.COMMIT + "/"));
  }

  @Test
  void aPlanTellsSizesAndChecksums() throws IOException {
    try (Download download = open()) {
      Plan plan = download.plan(REPOSITORY, Source.HUGGINGFACE, "refs/pr/1");
      RemoteFile config = plan.files().getFirst();
      byte[] content = Files.readAllBytes(FOLDER.resolve("config.json"));
      assertThat(config.name()).isEqualTo("config.json");
      assertThat(config.size()).isEqualTo(content.length);
      assertThat(config.checksum())
          .contains(new Checksum(Checksum.Kind.GIT_SHA1, FakeHub.gitSha1(content)));
      assertThat(plan.files().getLast().checksum())
          .contains(new Checksum(Checksum.Kind.SHA256, FakeHub.sha256(weights)));
      assertThat(plan.size())
          .isEqualTo(plan.files().stream().mapToLong(RemoteFile::size).sum())
          .isGreaterThan(weights.length);
    }
    assertNothingInstalled();
  }

  @Test
  void shardsAreFoundByTheirIndex() throws IOException {
    hub.remove(REPOSITORY, WEIGHTS);
    hub.publish(REPOSITORY, FOLDER.resolve("sharded"));
    download();
    assertThat(names(target()))
        .contains(
            "model.safetensors.index.json",
            "model-00001-of-00003.safetensors",
            "model-00002-of-00003.safetensors",
            "model-00003-of-00003.safetensors");
  }

  @Test
  void anIndexThatLeadsElsewhereIsRefused() {
    hub.remove(REPOSITORY, WEIGHTS);
    hub.publish(
        REPOSITORY,
        "model.safetensors.index.json",
        bytes("{\"weight_map\": {\"wte.weight\": \"../evil.safetensors\"}}"));
    assertThatThrownBy(this::download)
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("../evil.safetensors");
    assertNothingInstalled();
  }

  @Test
  void whereThereIsNothingBetterThePickleIsTaken() throws IOException {
    byte[] pickle = Files.readAllBytes(FOLDER.resolve("pt/pytorch_model.bin"));
    hub.remove(REPOSITORY, WEIGHTS);
    hub.publish(REPOSITORY, "pytorch_model.bin", pickle);
    verifier = new AnythingGoes();
    download();
    assertThat(target().resolve("pytorch_model.bin")).hasBinaryContent(pickle);
  }

  @Test
  void aRepositoryWithoutWeightsIsRefused() {
    hub.remove(REPOSITORY, WEIGHTS);
    assertThatThrownBy(this::download)
        .isInstanceOf(ModelException.class)
        .hasMessage(
            "someone/small: model.safetensors or model.safetensors.index.json or"
                + " pytorch_model.bin or pytorch_model.bin.index.json expected, none found");
  }

  @Test
  void openAisFilesAreTakenAsTheyAre() throws IOException {
    variables.put("FASTGPT_OPENAI_ENDPOINT", hub.address() + "/gpt-2");
    hub.publish("gpt-2/models/355M", FOLDER.resolve("openai"));
    hub.publish("gpt-2/models/355M", "model.ckpt.meta", bytes("a graph"));
    // The checksums of the vocabulary are known, and this is another: it has to be refused.
    assertThatThrownBy(() -> download("gpt2-medium", Source.OPENAI, false))
        .hasMessageContaining("encoder.json: SHA-256 196139668be63f3b5d6574427317ae82")
        .hasMessageEndingWith("found, twice; removed");
    assertThat(Models.folder().resolve("355M")).doesNotExist();
    try (Download download = open()) {
      Plan plan = download.plan("355M", Source.OPENAI, Hub.MAIN);
      assertThat(plan.files())
          .extracting(RemoteFile::name)
          .containsExactlyInAnyOrder(
              "checkpoint",
              "encoder.json",
              "hparams.json",
              "model.ckpt.data-00000-of-00001",
              "model.ckpt.index",
              "model.ckpt.meta",
              "vocab.bpe");
    }
  }

  @Test
  void fastGptsFileIsTakenAsItIs() throws IOException {
    byte[] content = Files.readAllBytes(FOLDER.resolve("fastgpt.gguf"));
    hub.publish("certik/fastGPT", "model_fastgpt_124M_v2.gguf", content);
    verifier = new AnythingGoes();
    Path folder = download("gpt2", Source.FASTGPT, false);
    assertThat(folder).isEqualTo(Models.folder().resolve("124M"));
    assertThat(folder.resolve("model_fastgpt_124M_v2.gguf")).hasBinaryContent(content);
  }

  @Test
  void whatIsNotPublishedThereIsRefused() {
    assertThatThrownBy(() -> download("gpt2-xl", Source.FASTGPT, false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("fastgpt has no model '1558M', but 124M, 355M");
    assertThatThrownBy(() -> download(REPOSITORY, Source.OPENAI, false))
        .hasMessage("openai has no model 'someone/small', but 124M, 355M, 774M, 1558M");
    assertThat(hub.requests()).isEmpty();
  }

  /** The large files come last: they are not fetched for a model that cannot be run. */
  @Test
  void aModelOfAnotherKindIsRefusedBeforeItsWeightsAreFetched() {
    hub.publish(REPOSITORY, "config.json", bytes("{\"model_type\": \"llama\"}"));
    assertThatThrownBy(this::download)
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("cannot be used")
        .hasMessageContaining("llama");
    assertThat(hub.ranges(WEIGHTS)).isEmpty();
    assertNothingInstalled();
    assertThat(part()).doesNotExist();
  }

  @Test
  void whatTheVerifierRefusesIsNotInstalled() {
    verifier =
        new AnythingGoes() {
          @Override
          public void folder(Path folder) {
            assertThat(folder.resolve(WEIGHTS)).exists();
            assertNothingInstalled();
            throw new ModelException("h.0.ln_1.weight: CRC32C 1 expected, 2 found");
          }
        };
    assertThatThrownBy(this::download)
        .isInstanceOf(ModelException.class)
        .hasMessageEndingWith("cannot be used: h.0.ln_1.weight: CRC32C 1 expected, 2 found");
    assertNothingInstalled();
    assertThat(part()).doesNotExist();
  }

  @Test
  void noModelIsVisibleBeforeItIsWhole() throws IOException {
    var seen = new ArrayList<Long>();
    try (Download download = open()) {
      Plan plan = download.plan(REPOSITORY, Source.HUGGINGFACE, Hub.MAIN);
      Progress progress =
          (done, total) -> {
            assertNothingInstalled();
            assertThat(total).isEqualTo(plan.size());
            seen.add(done);
          };
      download.install(plan, false, progress, () -> false);
      assertThat(seen).isSorted().last().isEqualTo(plan.size());
    }
    assertInstalled();
  }

  @Test
  void whatIsInstalledIsNotFetchedAgainUnlessAskedFor() throws IOException {
    download();
    byte[] other = weights.clone();
    other[other.length - 1] ^= 1;
    hub.publish(REPOSITORY, WEIGHTS, other);
    download();
    assertInstalled();
    download(REPOSITORY, Source.HUGGINGFACE, true);
    weights = other;
    assertInstalled();
  }

  /** As if the process had died between the two moves. */
  @Test
  void aReplacementThatWasBrokenOffIsUndone() throws IOException {
    download();
    Files.move(target(), target().resolveSibling(".small.old"));
    int before = hub.ranges(WEIGHTS).size();
    download();
    assertInstalled();
    assertThat(hub.ranges(WEIGHTS)).hasSize(before);
  }

  /** A user may have put a link where the model is: what it leads to is the user's. */
  @Test
  void aLinkIsReplacedAndNotFollowed(@TempDir Path elsewhere) throws IOException {
    download();
    Path own = elsewhere.resolve("own");
    Files.move(target(), own);
    Files.createSymbolicLink(target(), own);
    download(REPOSITORY, Source.HUGGINGFACE, true);
    assertInstalled();
    assertThat(Files.isSymbolicLink(target())).isFalse();
    assertThat(own.resolve(WEIGHTS)).hasBinaryContent(weights);
  }

  @Test
  void whatIsNoModelIsNotReplaced() throws IOException {
    Files.createDirectories(target());
    Files.writeString(target().resolve("diary.txt"), "dear diary");
    assertThatThrownBy(() -> download(REPOSITORY, Source.HUGGINGFACE, true))
        .isInstanceOf(ModelException.class)
        .hasMessage(target() + ": is in the way, and not a model; move it elsewhere");
    assertThat(names(target())).containsExactly("diary.txt");
  }

  @Test
  void twoAtOnceDownloadItOnce() throws Exception {
    try (var threads = Executors.newFixedThreadPool(2)) {
      Callable<Path> task = this::download;
      for (Future<Path> path : threads.invokeAll(List.of(task, task))) {
        assertThat(path.get()).isEqualTo(target());
      }
    }
    assertInstalled();
    assertThat(hub.ranges(WEIGHTS)).hasSize(1);
  }

  @Test
  void whoFindsTheLockTakenSaysSoAndWaits() throws IOException {
    Files.createDirectories(target().getParent());
    Path file = target().resolveSibling(".small.lock");
    try (var channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        FileLock lock = channel.lock()) {
      sleeper =
          _ -> {
            try {
              lock.release();
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          };
      download();
    }
    assertInstalled();
    assertThat(notes)
        .containsExactly("someone/small is being downloaded by another process: waiting");
  }

  @Test
  void aDiskThatIsTooSmallIsSaidAtOnce() throws IOException {
    space = _ -> weights.length;
    assertThatThrownBy(this::download)
        .isInstanceOf(IOException.class)
        .hasMessageMatching(
            "someone/small takes 17\\.[0-9] MB more of disk space, 0\\.2 MB are free in .*someone");
    assertThat(hub.ranges(WEIGHTS)).isEmpty();
    assertNothingInstalled();
    space = _ -> 100_000_000;
    download();
    assertInstalled();
  }

  @Test
  void anInterruptLeavesWhatGoesOn() throws IOException {
    hub.next(WEIGHTS, hub.stallAt(100_000));
    try (Download download = open()) {
      Plan plan = download.plan(REPOSITORY, Source.HUGGINGFACE, Hub.MAIN);
      var stop = new AtomicBoolean();
      Progress progress = (_, _) -> stop.set(size(partOfWeights()) > 0);
      assertThatThrownBy(() -> download.install(plan, false, progress, stop::get))
          .hasMessage("interrupted: the same command goes on from here");
    }
    long have = size(partOfWeights());
    assertThat(have).isPositive();
    assertNothingInstalled();
    download();
    assertInstalled();
    assertThat(hub.ranges(WEIGHTS)).containsExactly("", "bytes=" + have + "-");
  }

  private static long size(Path file) {
    return file.toFile().length();
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** For layouts that are not looked into here. */
  private static class AnythingGoes implements Verifier {
    @Override
    public void file(Path file) {}

    @Override
    public void folder(Path folder) {}
  }
}
