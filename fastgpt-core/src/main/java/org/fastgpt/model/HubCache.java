package org.fastgpt.model;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * The cache of HuggingFace's hub, where other programs have put models (huggingface_hub's guide
 * "Understand caching"): models--OWNER--NAME/refs/main has the name of a revision, and
 * snapshots/REVISION the files, or links to them. Nothing is ever written there.
 */
final class HubCache {
  private static final String PREFIX = "models--";
  private static final String SNAPSHOTS = "snapshots";
  private static final long MAX_REF_BYTES = 1 << 10;

  private HubCache() {}

  /**
   * Where the cache is: the system property {@code fastgpt.hub}, else the environment's {@code
   * HF_HUB_CACHE}, else {@code HF_HOME}/hub, else {@code ~/.cache/huggingface/hub}.
   */
  static Path folder() {
    return folder(
        System.getProperty("fastgpt.hub", System.getenv("HF_HUB_CACHE")), System.getenv("HF_HOME"));
  }

  static Path folder(String hub, String home) {
    if (hub != null && !hub.isBlank()) {
      return Path.of(hub);
    }
    return home != null && !home.isBlank()
        ? Path.of(home, "hub")
        : Path.of(System.getProperty("user.home"), ".cache", "huggingface", "hub");
  }

  /** The GPT-2s of the cache, by name: OWNER/NAME, or NAME for those of the hub's first days. */
  static List<Models.Installed> models() {
    var models = new ArrayList<Models.Installed>();
    for (Path child : Models.children(folder())) {
      String folderName = child.getFileName().toString();
      if (folderName.startsWith(PREFIX)) {
        String name = folderName.substring(PREFIX.length()).replace("--", "/");
        snapshot(name)
            .filter(HubCache::isGpt2)
            .ifPresent(path -> models.add(new Models.Installed(name, path)));
      }
    }
    models.sort(Comparator.comparing(Models.Installed::name));
    return models;
  }

  /**
   * The snapshot of the revision "main" of a model, if it is there with its weights: the cache may
   * hold no more than a vocabulary.
   */
  static Optional<Path> snapshot(String name) {
    if (!name.matches("[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)?")) {
      return Optional.empty();
    }
    Path model = folder().resolve(PREFIX + name.replace("/", "--"));
    Path main = model.resolve("refs").resolve("main");
    if (!Files.isRegularFile(main)) {
      return Optional.empty();
    }
    String revision = ModelFile.text(main, MAX_REF_BYTES).strip();
    return revision.matches("[0-9a-f]{40}")
        ? Optional.of(model.resolve(SNAPSHOTS).resolve(revision)).filter(HubCache::isWhole)
        : Optional.empty();
  }

  private static boolean isWhole(Path snapshot) {
    return Files.isRegularFile(snapshot.resolve(HuggingFace.CONFIG))
        && HuggingFace.hasWeights(snapshot);
  }

  /** What else there is, the list leaves out. */
  private static boolean isGpt2(Path snapshot) {
    try {
      ConfigJson.read(snapshot.resolve(HuggingFace.CONFIG));
      return true;
    } catch (ModelException e) {
      return false;
    }
  }

  /** The hub's name of the model whose snapshot {@code path} is, if it is one. */
  static Optional<String> nameOf(Path path) {
    Path snapshots = path.toAbsolutePath().normalize().getParent();
    if (snapshots == null || !snapshots.endsWith(SNAPSHOTS) || snapshots.getParent() == null) {
      return Optional.empty();
    }
    return Optional.ofNullable(snapshots.getParent().getFileName())
        .map(Path::toString)
        .filter(name -> name.startsWith(PREFIX))
        .map(name -> name.substring(PREFIX.length()).replace("--", "/"));
  }
}
