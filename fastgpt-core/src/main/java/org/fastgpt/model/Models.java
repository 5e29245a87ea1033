package org.fastgpt.model;

import java.io.IOException;
import java.io.StringReader;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemAlreadyExistsException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** Where models are, and what they are called. */
public final class Models {
  /** The name of the model that is always there: small, trained on Shakespeare, in the jar. */
  public static final String EMBEDDED = "tiny-shakespeare";

  /** GPT-2's sizes, smallest first; each row is one model: its name here, and its other names. */
  private static final List<List<String>> SIZES =
      List.of(
          List.of("124M", "gpt2", "openai-community/gpt2"),
          List.of("355M", "gpt2-medium", "openai-community/gpt2-medium"),
          List.of("774M", "gpt2-large", "openai-community/gpt2-large"),
          List.of("1558M", "gpt2-xl", "openai-community/gpt2-xl"));

  private Models() {}

  /**
   * A model that is there.
   *
   * @param name as it can be given to {@link #resolve}
   */
  public record Installed(String name, Path path) {}

  /**
   * Where this program keeps its files: the system property {@code fastgpt.home}, else the
   * environment's {@code FASTGPT_HOME}, else {@code ~/.cache/fastgpt}.
   */
  public static Path home() {
    String home = System.getProperty("fastgpt.home", System.getenv("FASTGPT_HOME"));
    return home == null || home.isBlank()
        ? Path.of(System.getProperty("user.home"), ".cache", "fastgpt")
        : Path.of(home);
  }

  /** Where installed models are, each in a folder of its name, or a file. */
  public static Path folder() {
    return home().resolve("models");
  }

  /**
   * The folder or file of a model: a path to one of a known layout; the name of an installed model,
   * any of its three for GPT-2's sizes; {@code tiny-shakespeare}; or {@code synthetic-124M} and the
   * like, which are made at their first use.
   *
   * @throws MissingModelException there is none; the message says where it was looked for, what
   *     there is, and how to get it
   */
  public static Path resolve(String nameOrPath, Progress progress) {
    Optional<Path> given = path(nameOrPath).filter(Models::isModel);
    if (given.isPresent()) {
      return given.get();
    }
    if (nameOrPath.startsWith(Synthetic.PREFIX)) {
      Path folder = folder().resolve(nameOrPath);
      Synthetic.write(nameOrPath, folder, progress);
      return folder;
    }
    return find(nameOrPath)
        .or(() -> nameOrPath.equals(EMBEDDED) ? Optional.of(embedded()) : Optional.empty())
        .orElseThrow(() -> unknown(nameOrPath));
  }

  /** What runs when no model is named: the smallest GPT-2 that is installed, else the embedded. */
  public static Installed byDefault() {
    for (List<String> names : SIZES) {
      Optional<Path> path = find(names.getFirst());
      if (path.isPresent()) {
        return new Installed(names.getFirst(), path.get());
      }
    }
    return new Installed(EMBEDDED, embedded());
  }

  /** The installed models by name. */
  public static List<Installed> installed() {
    var installed = new ArrayList<Installed>();
    for (Path child : children(folder())) {
      List<Path> candidates = isModel(child) ? List.of(child) : children(child); // OWNER/NAME
      for (Path path : candidates) {
        if (isModel(path)) {
          String name = folder().relativize(path).toString().replace('\\', '/');
          installed.add(new Installed(name, path));
        }
      }
    }
    installed.sort(Comparator.comparing(Installed::name));
    return installed;
  }

  /** The GPT-2s in the cache of HuggingFace's hub by name: other programs have put them there. */
  public static List<Installed> inHubCache() {
    return HubCache.models();
  }

  /** The embedded model: a folder of the class path, or inside the jar. */
  public static Path embedded() {
    try {
      String file = "/models/" + EMBEDDED + "/" + HuggingFace.CONFIG;
      URI uri = Models.class.getResource(file).toURI();
      if (uri.getScheme().equals("jar")) {
        openJar(uri);
      }
      return Path.of(uri).getParent();
    } catch (URISyntaxException | IOException e) {
      throw new ModelException("the embedded model cannot be read: " + e.getMessage(), e);
    }
  }

  @SuppressWarnings("resource") // stays open as long as the program: its paths are given out
  private static synchronized void openJar(URI uri) throws IOException {
    try {
      FileSystems.newFileSystem(uri, Map.of());
    } catch (FileSystemAlreadyExistsException e) {
      return; // by an earlier call
    }
  }

  static boolean hasVocabulary(Path folder) {
    return Files.exists(folder.resolve("vocab.json"))
        || Files.exists(folder.resolve("encoder.json"))
        || Files.exists(folder.resolve("tokenizer.json"));
  }

  /**
   * The files that the text of a model.safetensors.index.json names.
   *
   * @throws ModelException it is damaged, or leads out of its folder
   */
  public static List<String> shards(String index, Path file) {
    return List.copyOf(
        HuggingFace.shards(HuggingFace.weightMap(new StringReader(index), file), file));
  }

  /** An installed GPT-2 that has GPT-2's vocabulary. */
  static Optional<Path> gpt2Vocabulary() {
    return SIZES.stream()
        .flatMap(names -> find(names.getFirst()).stream())
        .filter(Models::hasVocabulary)
        .findFirst();
  }

  /** GPT-2's sizes, by their names here, smallest first. */
  public static List<String> sizes() {
    return SIZES.stream().map(List::getFirst).toList();
  }

  /** All names of a model: the first is its name here, the last that of its repository. */
  public static List<String> names(String name) {
    return SIZES.stream().filter(n -> n.contains(name)).findFirst().orElse(List.of(name));
  }

  /**
   * The model of that name, or of another name for the same: installed, where a file's name may
   * lack .gguf, or in the hub's cache.
   */
  public static Optional<Path> find(String name) {
    List<String> names =
        names(name).stream().flatMap(n -> Stream.of(n, n + GgufFormat.EXTENSION)).toList();
    return installed().stream()
        .filter(model -> names.contains(model.name))
        .min(Comparator.comparingInt(model -> names.indexOf(model.name)))
        .map(Installed::path)
        .or(
            () ->
                names.reversed().stream().flatMap(n -> HubCache.snapshot(n).stream()).findFirst());
  }

  /** Whether there is a model, if perhaps a damaged one. */
  public static boolean isModel(Path path) {
    return Format.of(path).isPresent();
  }

  /** fastGPT's model file, as it finds it: by its name, where it is started. */
  public static Optional<Path> fastGptFile(Path folder) {
    return Stream.of("model" + GgufFormat.EXTENSION, FastGptDat.NAME)
        .map(folder::resolve)
        .filter(Files::isRegularFile)
        .findFirst();
  }

  private static Optional<Path> path(String name) {
    try {
      return name.isBlank() ? Optional.empty() : Optional.of(Path.of(name));
    } catch (InvalidPathException e) {
      return Optional.empty();
    }
  }

  /** What lies in {@code folder}, but for hidden ones: those are being written. */
  static List<Path> children(Path folder) {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    var visible = new ArrayList<Path>();
    try (DirectoryStream<Path> children = Files.newDirectoryStream(folder)) {
      for (Path child : children) {
        if (!child.getFileName().toString().startsWith(".")) {
          visible.add(child);
        }
      }
    } catch (IOException e) {
      throw ModelFile.unreadable(folder, e);
    }
    return visible;
  }

  private static MissingModelException unknown(String name) {
    List<String> installed = installed().stream().map(Installed::name).toList();
    return new MissingModelException(
        name,
        "no model '"
            + name
            + "': no model file or folder of that name is here, and in "
            + folder()
            + (installed.isEmpty()
                ? " nothing is installed"
                : " are " + String.join(", ", installed))
            + "; always there: "
            + EMBEDDED
            + ", "
            + String.join(", ", Synthetic.names())
            + (isPublished(name) ? "; to get it: fastgpt download " + name : ""));
  }

  /** Whether it is the name of one of GPT-2's sizes, or can be that of a repository. */
  public static boolean isPublished(String name) {
    boolean isSize = sizes().contains(names(name).getFirst());
    boolean isRepository =
        name.matches("[A-Za-z0-9_][A-Za-z0-9._-]*/[A-Za-z0-9_][A-Za-z0-9._-]*")
            && !Files.exists(Path.of(name).getParent()); // else it is the path of a folder
    return isSize || isRepository;
  }
}
