package org.fastgpt.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.fastgpt.model.InputDat;
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

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FILE",
      description = "Write fastGPT's input.dat instead: the ids, and how many are to follow.")
  private Path output;

  @Option(
      names = {"-n", "--n_tokens_to_generate"},
      paramLabel = "N",
      description = "With -o: how many (default: 20).")
  private Integer n;

  EncodeCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws IOException {
    if (n != null && (output == null || n < 0)) {
      throw new IllegalArgumentException("-n " + n + ": with -o only, and not negative");
    }
    String s = text.text(terminal);
    try (Model opened = model.open(terminal, false)) {
      Tokenizer tokenizer = opened.requireTokenizer();
      int[] ids = special ? tokenizer.encodeWithSpecial(s) : tokenizer.encode(s);
      if (output == null) {
        terminal.out().println(PromptOptions.join(ids));
      } else {
        new InputDat(ids, n == null ? InputDat.DEFAULT_N : n).write(output);
      }
    }
    return 0;
  }
}
