package org.fastgpt.cli;

import java.io.IOException;
import java.util.concurrent.Callable;
import org.fastgpt.model.Model;
import org.fastgpt.tokenizer.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Text to ids. */
@Command(
    name = "encode",
    mixinStandardHelpOptions = true,
    description = "Prints the token ids of a text.")
final class EncodeCommand implements Callable<Integer> {

  private final Terminal terminal;

  @Mixin private ModelOptions model;
  @Mixin private PromptOptions text;

  @Option(names = "--special", description = "<|endoftext|> in the text is the token of that name.")
  private boolean special;

  EncodeCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws IOException {
    String s = text.text(terminal);
    try (Model opened = model.open(terminal, false)) {
      Tokenizer tokenizer = opened.requireTokenizer();
      int[] ids = special ? tokenizer.encodeWithSpecial(s) : tokenizer.encode(s);
      terminal.out().println(PromptOptions.join(ids));
    }
    return 0;
  }
}
