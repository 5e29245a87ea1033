package org.fastgpt.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.Engines;
import org.fastgpt.model.MissingModelException;
import org.fastgpt.model.Model;
import org.fastgpt.model.Models;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Which model; for all commands. */
final class ModelOptions {

  @Option(
      names = {"-m", "--model"},
      paramLabel = "MODEL",
      description =
          "A model folder or file, or a name: 124M (gpt2), 355M, 774M, 1558M, synthetic-124M, …;"
              + " without it model.gguf or model.dat in the current folder, else the smallest GPT-2"
              + " that is installed, else the embedded tiny-shakespeare.")
  private String model;

  @Option(
      names = "--yes",
      description = "Download the model, without asking, if it is not installed.")
  private boolean yes;

  /** Opens the model; says so if it is not the one that the user may have expected. */
  Model open(Terminal terminal, boolean quiet) {
    if (model != null) {
      return Model.open(path(terminal, quiet));
    }
    Optional<Path> here = Models.fastGptFile(Path.of(""));
    if (here.isPresent()) {
      if (!quiet) {
        terminal.say("Running " + here.get() + " of the current folder.");
      }
      return Model.open(here.get());
    }
    Models.Installed installed = Models.byDefault();
    if (installed.name().equals(Models.EMBEDDED) && !quiet) {
      terminal.say(
          "No GPT-2 is installed in "
              + Models.folder()
              + ": running the embedded "
              + Models.EMBEDDED
              + ". To get the real one: fastgpt download 124M.");
    }
    return Model.open(installed.path());
  }

  private Path path(Terminal terminal, boolean quiet) {
    return path(model, terminal, quiet, yes);
  }

  /** Where the model of that name is; one that is not installed is offered for download. */
  static Path path(String name, Terminal terminal, boolean quiet, boolean yes) {
    try {
      return Models.resolve(name, new ProgressLine(terminal, quiet));
    } catch (MissingModelException missing) {
      try {
        return DownloadCommand.offer(missing, terminal, quiet, yes);
      } catch (IOException e) {
        throw new UncheckedIOException(e.getMessage(), e);
      }
    }
  }

  /** How the model is run. */
  static final class Run {
    @Mixin ModelOptions model;

    @Option(
        names = "--engine",
        paramLabel = "NAME",
        defaultValue = "core",
        description = "The engine, of those on the class path (default: ${DEFAULT-VALUE}).")
    private String engine;

    @Option(
        names = {"-t", "--threads"},
        paramLabel = "N",
        defaultValue = "0",
        description =
            "Number of threads (core's default: one per physical core of those that it may use).")
    private int threads;

    @Option(
        names = "--kernels",
        paramLabel = "NAME",
        description =
            "Core's arithmetic: auto, vector or scalar, which all give the same bits; openblas or"
                + " accelerate, whose matrix products differ by rounding.")
    private String kernels;

    @Option(
        names = "--gelu",
        paramLabel = "NAME",
        description = "Core's GELU: tanh (the default) or fast_tanh, fastGPT's approximation.")
    private String gelu;

    @Option(
        names = "--set",
        paramLabel = "NAME=VALUE",
        description = "A setting of the engine, by its own name.")
    private Map<String, String> settings = new LinkedHashMap<>();

    Engine open(Model opened) {
      return Engines.named(engine).open(opened, options());
    }

    /** Threads and settings, of the engine and of core's kernels. */
    EngineOptions options() {
      var all = new LinkedHashMap<>(settings);
      Optional.ofNullable(kernels).ifPresent(k -> all.put("kernels", k));
      Optional.ofNullable(gelu).ifPresent(g -> all.put("gelu", g));
      return new EngineOptions(threads, all);
    }

    /** Whether the user is content with the kernels whatever they are. */
    boolean askedForKernels() {
      return kernels != null;
    }
  }
}
