package org.fastgpt.cli;

import java.io.IOException;
import java.util.concurrent.Callable;
import org.fastgpt.model.Model;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Ids to text. */
@Command(
    name = "decode",
    mixinStandardHelpOptions = true,
    description = "Prints the text of token ids, byte for byte.")
final class DecodeCommand implements Callable<Integer> {

  private final Terminal terminal;

  @Mixin private ModelOptions model;
  @Mixin private PromptOptions text;

  DecodeCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws IOException {
    int[] ids = PromptOptions.ids(text.text(terminal));
    try (Model opened = model.open(terminal, false)) {
      terminal.out().write(opened.requireTokenizer().decodeBytes(ids));
      terminal.out().println();
    }
    return 0;
  }
}
