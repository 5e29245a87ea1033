package org.fastgpt.cli;

import java.io.Console;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.concurrent.Callable;
import org.fastgpt.EngineOptions;
import org.fastgpt.core.CoreProvider;
import org.fastgpt.model.ModelException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.ParameterException;

/** The command line {@code fastgpt}. Exit codes: 0 done, 1 failed, 2 bad input. */
@Command(
    name = "fastgpt",
    synopsisSubcommandLabel = "[COMMAND, if not generate]",
    description = "GPT-2 on the JVM: continues a text, one token after the other.",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    footer = {
      "",
      "Examples:",
      "  fastgpt \"Alan Turing theorized that computers would one day become\" -n 20",
      "  echo \"The dog\" | fastgpt -m synthetic-124M --ids -n 5 -p \"464 3290\"",
      "  fastgpt encode \"Hello, world\""
    })
public final class Main {

  /** When the JVM came to this class: the clock of {@link System#nanoTime}. */
  static final long STARTED_NANOS = System.nanoTime();

  /** The commands of core, in the order of the help. */
  private static final List<String> COMMANDS =
      List.of(
          "generate",
          "chat",
          "batch",
          "encode",
          "decode",
          "score",
          "perplexity",
          "inspect",
          "create-model",
          "models",
          "info",
          "download");

  private Main() {}

  /** Runs the command and exits with its code. */
  @SuppressWarnings("SystemConsoleNull") // null by -Djdk.console=java.base, 25's default
  public static void main(String[] args) {
    if (generates(args)) { // beside all that comes before the first token
      new CoreProvider().warmUp(EngineOptions.DEFAULT);
    }
    Console console = System.console();
    var terminal =
        new Terminal(
            System.in,
            stream(FileDescriptor.out),
            stream(FileDescriptor.err),
            console != null && console.isTerminal());
    int code = run(args, terminal);
    if (!Interrupt.happened()) { // else the JVM is on its way out already, with its own code
      System.exit(code);
    }
  }

  /** Whether these arguments seem to run a model: if not, nothing worse happens than some heat. */
  static boolean generates(String... args) {
    return args.length == 0
        || args[0].matches("generate|chat")
        || !args[0].matches("-h|--help|-V|--version|[a-z][a-z-]*");
  }

  /** Text is UTF-8, whatever the platform thinks. */
  private static PrintStream stream(FileDescriptor descriptor) {
    return new PrintStream(new FileOutputStream(descriptor), false, StandardCharsets.UTF_8);
  }

  static int run(String[] args, Terminal terminal) {
    var extras = new LinkedHashMap<String, ExtraCommand>();
    for (ExtraCommand extra : ServiceLoader.load(ExtraCommand.class)) {
      extras.put(extra.name(), extra);
    }
    Set<String> names = new LinkedHashSet<>(COMMANDS);
    names.addAll(extras.keySet());
    String[] all = withDefaultCommand(args, names);
    var line = new CommandLine(new Main());
    // Only what is asked for: picocli reads each command's annotations, slowly in a cold JVM.
    for (String name : names.contains(all[0]) ? Set.of(all[0]) : names) {
      ExtraCommand extra = extras.get(name);
      line.addSubcommand(name, extra == null ? command(name, terminal) : extra.command(terminal));
    }
    line.setOut(writer(terminal.out()))
        .setErr(writer(terminal.err()))
        .setParameterExceptionHandler((e, _) -> badArguments(e, terminal))
        .setExecutionExceptionHandler((e, _, _) -> failed(e, terminal));
    int code = line.execute(all);
    terminal.out().flush();
    terminal.err().flush();
    return code;
  }

  /** A command of core. By a switch: for each reference to a constructor the JVM makes a class. */
  private static Callable<Integer> command(String name, Terminal terminal) {
    return switch (name) {
      case "generate" -> new GenerateCommand(terminal);
      case "chat" -> new ChatCommand(terminal);
      case "batch" -> new BatchCommand(terminal);
      case "encode" -> new EncodeCommand(terminal);
      case "decode" -> new DecodeCommand(terminal);
      case "score" -> new ScoreCommand(terminal);
      case "perplexity" -> new PerplexityCommand(terminal);
      case "inspect" -> new InspectCommand(terminal);
      case "create-model" -> new CreateModelCommand(terminal);
      case "models" -> new ModelsCommand(terminal);
      case "info" -> new InfoCommand(terminal);
      case "download" -> new DownloadCommand(terminal);
      default -> throw new IllegalArgumentException(name);
    };
  }

  private static PrintWriter writer(PrintStream stream) {
    return new PrintWriter(stream, true, StandardCharsets.UTF_8);
  }

  /** {@code fastgpt "PROMPT" …} means {@code fastgpt generate "PROMPT" …}. */
  private static String[] withDefaultCommand(String[] args, Set<String> commands) {
    if (args.length > 0
        && (commands.contains(args[0])
            || List.of("-h", "--help", "-V", "--version").contains(args[0]))) {
      return args;
    }
    var all = new ArrayList<>(List.of("generate"));
    all.addAll(Arrays.asList(args));
    return all.toArray(String[]::new);
  }

  private static int badArguments(ParameterException e, Terminal terminal) {
    String command = e.getCommandLine().getCommandSpec().qualifiedName();
    terminal.say("fastgpt: " + e.getMessage() + " (see: " + command + " --help)");
    return ExitCode.USAGE;
  }

  /** Bad input is one line; what should not happen shows where it happened. */
  private static int failed(Exception e, Terminal terminal) {
    boolean badInput =
        e instanceof ModelException
            || e instanceof IllegalArgumentException
            || e instanceof IllegalStateException;
    if (badInput || e instanceof IOException || e instanceof UncheckedIOException) {
      terminal.say("fastgpt: " + e.getMessage());
      return badInput ? ExitCode.USAGE : ExitCode.SOFTWARE;
    }
    terminal.say("fastgpt: this is a mistake in the program itself:");
    e.printStackTrace(terminal.err());
    return ExitCode.SOFTWARE;
  }

  /** All of a stream as UTF-8. */
  static String text(InputStream in) throws IOException {
    return new String(in.readAllBytes(), StandardCharsets.UTF_8);
  }

  /** The version from the jar's manifest. */
  static final class Version implements CommandLine.IVersionProvider {
    @Override
    public String[] getVersion() {
      String version = Main.class.getPackage().getImplementationVersion();
      return new String[] {
        "fastgpt " + (version == null ? "(not from a jar)" : version),
        "Java " + Runtime.version() + ", " + System.getProperty("os.arch")
      };
    }
  }
}
