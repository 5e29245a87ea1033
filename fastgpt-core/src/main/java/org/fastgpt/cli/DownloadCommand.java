package org.fastgpt.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.fastgpt.download.Download;
import org.fastgpt.download.Plan;
import org.fastgpt.download.RemoteFile;
import org.fastgpt.download.Settings;
import org.fastgpt.download.Source;
import org.fastgpt.download.Verifier;
import org.fastgpt.model.MissingModelException;
import org.fastgpt.model.Model;
import org.fastgpt.model.Models;
import org.fastgpt.model.Progress;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Gets a model. */
@Command(
    name = "download",
    mixinStandardHelpOptions = true,
    description = {
      "Downloads a model to where the other commands find it by its name.",
      "A download that was broken off goes on where it was."
    },
    footer = {
      "",
      "Heeds HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE, HTTPS_PROXY, HTTP_PROXY, NO_PROXY.",
      "",
      "Examples:",
      "  fastgpt download 124M",
      "  fastgpt download gpt2-xl --dry-run",
      "  fastgpt download someone/their-gpt2 --revision v1.0"
    })
final class DownloadCommand implements Callable<Integer> {

  private final Terminal terminal;

  @Parameters(
      paramLabel = "MODEL",
      description = "124M (gpt2), 355M, 774M, 1558M, or OWNER/NAME of huggingface.co.")
  private String name;

  @Option(
      names = "--source",
      paramLabel = "SOURCE",
      defaultValue = "huggingface",
      description = "Who publishes it: huggingface, openai or fastgpt (default: ${DEFAULT-VALUE}).")
  private String source;

  @Option(
      names = "--revision",
      paramLabel = "NAME",
      defaultValue = "main",
      description = "A branch, tag or commit of the repository (default: ${DEFAULT-VALUE}).")
  private String revision;

  @Option(names = "--force", description = "Download anew what is installed, and replace it.")
  private boolean force;

  @Option(names = "--dry-run", description = "Only list the files and their sizes.")
  private boolean dryRun;

  @Option(names = "--offline", description = "Use no network: only say whether it is installed.")
  private boolean offline;

  @Option(
      names = {"-q", "--quiet"},
      description = "Print only where the model is.")
  private boolean quiet;

  DownloadCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() throws IOException {
    Source from = Source.named(source);
    Optional<Path> installed = Models.find(name);
    if (installed.isPresent() && !force && !dryRun) {
      return installed(installed.get(), " is installed already");
    }
    var progress = new ProgressLine(terminal, quiet, "Downloading");
    try (Download download = open(offline, progress)) {
      Plan plan = download.plan(name, from, revision);
      if (dryRun) {
        list(plan);
        return 0;
      }
      return installed(install(download, plan, force, progress), " is installed");
    }
  }

  private int installed(Path path, String what) {
    if (!quiet) {
      terminal.say(name + what + "; to use it: fastgpt -m " + name + " \"The dog\"");
    }
    terminal.out().println(path);
    return 0;
  }

  private void list(Plan plan) {
    for (RemoteFile file : plan.files()) {
      String size = file.hasSize() ? String.format(Locale.ROOT, "%,d", file.size()) : "?";
      String checksum = file.checksum().map(Object::toString).orElse("");
      terminal.out().printf("%15s  %-32s  %s%n", size, file.name(), checksum);
    }
    terminal.out().printf(Locale.ROOT, "%,15d  from %s%n", plan.size(), plan.place());
  }

  private static Download open(boolean offline, ProgressLine progress) {
    Settings settings = Settings.ofEnvironment();
    return new Download(
        offline ? settings.withoutNetwork() : settings, new OpenedOnce(), progress::note);
  }

  private static Path install(Download download, Plan plan, boolean again, ProgressLine progress)
      throws IOException {
    try (progress;
        var _ = new Interrupt()) {
      return download.install(plan, again, progress, Interrupt::happened);
    }
  }

  /** What is downloaded has to be a model that can be opened, and be what its files say. */
  static final class OpenedOnce implements Verifier {
    @Override
    public void file(Path file) {
      if (file.getFileName().toString().equals("config.json")) {
        Model.checkConfig(file);
      }
    }

    @Override
    public void folder(Path folder) {
      try (Model model = Model.open(folder)) {
        model.verify(Progress.NONE); // OpenAI's checkpoint has a checksum for each tensor
      }
    }
  }

  /**
   * For a command that lacks a model: downloads it if the user agrees.
   *
   * @param yes whether the user has agreed already
   * @return where the model is
   * @throws MissingModelException {@code missing}: it cannot be downloaded, or is not to be
   */
  static Path offer(MissingModelException missing, Terminal terminal, boolean quiet, boolean yes)
      throws IOException {
    boolean unasked = !yes && !terminal.interactive();
    if (!Models.isPublished(missing.name()) || Settings.ofEnvironment().offline() || unasked) {
      throw missing;
    }
    var progress = new ProgressLine(terminal, quiet, "Downloading");
    try (Download download = open(false, progress)) {
      Plan plan = download.plan(missing.name(), Source.HUGGINGFACE, "main");
      String what =
          String.format(
              Locale.ROOT,
              "Download %s (%,d MB) from %s",
              plan.name(),
              megabytes(plan),
              plan.place());
      if (!yes && !agreed(terminal, what + "? [y/N] ")) {
        throw missing;
      }
      return install(download, plan, false, progress);
    }
  }

  private static long megabytes(Plan plan) {
    return Math.round(plan.size() / 1e6);
  }

  private static boolean agreed(Terminal terminal, String question) throws IOException {
    terminal.err().print(question);
    terminal.err().flush();
    String answer =
        new BufferedReader(new InputStreamReader(terminal.in(), StandardCharsets.UTF_8)).readLine();
    return answer != null && answer.strip().toLowerCase(Locale.ROOT).matches("y|yes");
  }
}
