package org.fastgpt.djl;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.EngineProvider;
import org.fastgpt.model.Model;
import org.fastgpt.model.ModelException;
import org.fastgpt.model.Models;

/**
 * HuggingFace's GPT-2, run by DJL's PyTorch engine. The setting {@code archive} says what is run:
 *
 * <ul>
 *   <li>{@code trace}: {@code traced.pt} of the model folder, which HuggingFace's own class made
 *       (by {@code data/scripts/trace.py}); shows no activations
 *   <li>{@code java}: HuggingFace's modules and operations, written as a TorchScript archive from
 *       the model's weights, once: to {@code torchscript.pt} beside the model, or to {@link
 *       Models#home} where that cannot be written, and for the embedded model. Found again, it is
 *       compared with the weights, each time
 *   <li>{@code auto}, the default: the trace where there is one
 * </ul>
 */
public final class DjlProvider implements EngineProvider {
  private static final long NOTICEABLE_BYTES = 100_000_000; // a fifth of a second or more

  @Override
  public String name() {
    return "djl";
  }

  /**
   * @throws IllegalArgumentException {@code archive} has another value
   * @throws ModelException PyTorch or the archive cannot be loaded, or there is no trace
   */
  @Override
  public Engine open(Model model, EngineOptions options) {
    String archive = options.settings().getOrDefault("archive", "auto");
    Path trace = model.path().resolve("traced.pt");
    boolean traced =
        switch (archive) {
          case "trace" -> true;
          case "java" -> false;
          case "auto" -> Files.isRegularFile(trace);
          default ->
              throw new IllegalArgumentException(
                  "archive '" + archive + "' is unknown; there are: trace, java, auto");
        };
    if (traced && !Files.isRegularFile(trace)) {
      throw new ModelException(
          trace + " is missing. To make it: python data/scripts/trace.py " + model.path());
    }
    PyTorch.start();
    return DjlEngine.load(traced ? trace : written(model), model, traced, options.threads());
  }

  /**
   * The archive of the model's weights: where it is already, else in the first place that takes it.
   */
  private static Path written(Model model) {
    var archive = new ScriptArchive(model);
    List<Path> places = places(model, archive);
    return places.stream()
        .filter(archive::isIn)
        .findFirst()
        .orElseGet(() -> write(archive, places));
  }

  private static Path write(ScriptArchive archive, List<Path> places) {
    var problems = new ArrayList<String>();
    for (Path file : places) {
      try {
        Files.createDirectories(file.getParent());
        announce(file, archive.byteSize());
        archive.writeTo(file);
        return file;
      } catch (IOException e) {
        problems.add(e.toString());
      }
    }
    throw new ModelException("no place for the TorchScript archive: " + problems);
  }

  private static void announce(Path file, long size) {
    if (size > NOTICEABLE_BYTES) {
      System.err.printf("djl: writing %s, once (%d MB)%n", file, size / 1_000_000);
    }
  }

  /**
   * Beside the model, if that is no part of this program, where it may lie in a jar; then at home.
   */
  private static List<Path> places(Model model, ScriptArchive archive) {
    Path path = model.path().toAbsolutePath();
    var places = new ArrayList<Path>();
    if (!path.equals(Models.embedded().toAbsolutePath())) {
      places.add(
          Files.isDirectory(path)
              ? path.resolve("torchscript.pt")
              : path.resolveSibling(path.getFileName() + ".torchscript.pt"));
    }
    String file = "%s-%08x.pt".formatted(model.name(), archive.fingerprint());
    places.add(Models.home().resolve("torchscript").resolve(file));
    return places;
  }
}
