package org.fastgpt.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.fastgpt.model.InputDat;
import picocli.CommandLine.Option;

/** The input.dat of fastGPT's two-step run, in place of a text. */
final class InputOptions {

  @Option(
      names = "--input",
      paramLabel = "FILE",
      description =
          "fastGPT's input.dat, which 'encode -o' writes, in place of a text. Where neither is"
              + " named, the one in the current folder, if there is one.")
  private Path file;

  /** The file named, or, as fastGPT does, the one that is there if no text is named. */
  Optional<InputDat> read(PromptOptions prompt, Terminal terminal, boolean quiet) {
    if (file != null && prompt.isGiven()) {
      throw new IllegalArgumentException("--input " + file + " and a text: only one expected");
    }
    Path here = Path.of(InputDat.NAME);
    if (file == null && !prompt.isGiven() && Files.isRegularFile(here)) {
      if (!quiet) {
        terminal.say("Running " + here + " of the current folder.");
      }
      return Optional.of(InputDat.read(here));
    }
    return Optional.ofNullable(file).map(InputDat::read);
  }
}
