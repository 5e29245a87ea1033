package org.fastgpt.cli;

import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.fastgpt.model.Model;
import org.fastgpt.model.ModelWriter;
import org.fastgpt.model.ModelWriters;
import org.fastgpt.model.Models;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** A model in another layout. Takes the options of fastGPT's create_model.py, and more. */
@Command(
    name = "create-model",
    mixinStandardHelpOptions = true,
    description =
        "Writes a model in another layout; without options the model.gguf that fastGPT's"
            + " Fortran reads.",
    footer = {
      "",
      "Examples:",
      "  fastgpt create-model --model_size 124M --models_dir models",
      "  fastgpt create-model -m models/124M --format dat -o model.dat",
      "  fastgpt create-model -m gpt2 --format safetensors --outtype f16 -o gpt2-f16",
      "  fastgpt create-model -m gpt2 --format llama-gguf --outtype q8_0 -o gpt2-q8_0.gguf"
    })
final class CreateModelCommand implements Callable<Integer> {

  private final Terminal terminal;

  @Option(
      names = {"--model_size", "--model-size"},
      paramLabel = "SIZE",
      defaultValue = "124M",
      description = "124M, 355M, 774M or 1558M (default: ${DEFAULT-VALUE}).")
  private String size;

  @Option(
      names = {"--models_dir", "--models-dir"},
      paramLabel = "FOLDER",
      defaultValue = "models",
      description =
          "Where the folder SIZE may be; if it is not, the installed model is taken (default:"
              + " ${DEFAULT-VALUE}).")
  private Path folder;

  @Option(
      names = {"-m", "--model"},
      paramLabel = "MODEL",
      description = "Instead of these: any model, by folder, file or name.")
  private String model;

  @Option(
      names = "--format",
      paramLabel = "FORMAT",
      defaultValue = "gguf",
      description = {
        "gguf: fastGPT's (default). dat: fastGPT's first, of the two-step run.",
        "safetensors: a folder in HuggingFace's layout. llama-gguf: llama.cpp's.",
        "torchscript: PyTorch's, where the engine djl is."
      })
  private String format;

  @Option(
      names = "--outtype",
      paramLabel = "TYPE",
      description = {
        "safetensors: f32, f16 or bf16 (default: as they are stored).",
        "llama-gguf's matrices: f32 (default), f16, bf16 or q8_0."
      })
  private String type;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FILE",
      description = "Default: model.gguf or as the format has it, in the current folder.")
  private Path output;

  @Option(
      names = "--yes",
      description = "Download the model, without asking, if it is not installed.")
  private boolean yes;

  CreateModelCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() {
    ModelWriter writer =
        type == null ? ModelWriters.named(format) : ModelWriters.named(format, type);
    Path file = Optional.ofNullable(output).orElse(Path.of(writer.fileName()));
    var progress = new ProgressLine(terminal, false);
    try (Model source = Model.open(source())) {
      writer.write(source, file, progress);
    }
    terminal.say(file + ": written.");
    return 0;
  }

  private Path source() {
    if (model != null) {
      return ModelOptions.path(model, terminal, false, yes);
    }
    Path here = folder.resolve(size);
    return Models.isModel(here) ? here : ModelOptions.path(size, terminal, false, yes);
  }
}
