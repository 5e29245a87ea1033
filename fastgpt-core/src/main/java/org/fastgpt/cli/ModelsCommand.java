package org.fastgpt.cli;

import java.util.concurrent.Callable;
import org.fastgpt.model.Models;
import org.fastgpt.model.Synthetic;
import picocli.CommandLine.Command;

/** What can be given to -m. */
@Command(
    name = "models",
    mixinStandardHelpOptions = true,
    description = "Lists the models that are installed, and where.")
final class ModelsCommand implements Callable<Integer> {

  private final Terminal terminal;

  ModelsCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() {
    Models.installed().forEach(this::line);
    Models.inHubCache().forEach(this::line);
    terminal.out().printf("%-18s %s%n", Models.EMBEDDED, "embedded");
    terminal.say(
        "Installed models are folders or files in "
            + Models.folder()
            + ". Made at their first use: "
            + String.join(", ", Synthetic.names())
            + ".");
    return 0;
  }

  private void line(Models.Installed model) {
    terminal.out().printf("%-18s %s%n", model.name(), model.path());
  }
}
