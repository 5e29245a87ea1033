package org.fastgpt.conformance.speed;

import java.io.File;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.fastgpt.cli.Main;
import org.fastgpt.conformance.Golden;
import org.fastgpt.conformance.speed.Children.Call;

/**
 * How each process is started. The JVM of a {@link Worker} gets the options that this one got, so
 * those that the launcher gives to all.
 */
final class Commands {
  private static final long LEAST_READ = 256L << 20; // more than caches hold
  private static final long MOST_READ = 1L << 30;

  private final Task task;
  private final Path root = Golden.data().toAbsolutePath().normalize().getParent();

  Commands(Task task) {
    this.task = task;
  }

  /**
   * A {@link Worker} that generates.
   *
   * @param more whether also again, longer, and from longer prompts
   */
  Call worker(Case c, boolean more) {
    var orders = new Properties();
    orders.setProperty("engine", c.entrant().engine());
    c.entrant().settings().forEach((name, value) -> orders.setProperty("set." + name, value));
    orders.setProperty("threads", Integer.toString(c.threads()));
    orders.setProperty("model", task.model());
    orders.setProperty("prompt", Reference.join(task.prompt()));
    orders.setProperty("tokens", Integer.toString(task.tokens()));
    orders.setProperty("cached", Boolean.toString(c.cached()));
    // Without a cache, repeating takes its time and tells no more.
    orders.setProperty("more", Boolean.toString(more && c.cached()));
    orders.setProperty("longTokens", Integer.toString(task.longTokens()));
    orders.setProperty(
        "prefills",
        Reference.join(task.prefillLengths().stream().mapToInt(length -> length).toArray()));
    return worker(orders, c.threads(), c.entrant().javaOptions());
  }

  /** A {@link Worker} that reads memory: as much as the weights have, within limits. */
  Call read(int threads) {
    long bytes = Math.clamp(task.weightBytesPerStep(), LEAST_READ, MOST_READ);
    var orders = new Properties();
    orders.setProperty("read", Long.toString(bytes));
    orders.setProperty("threads", Integer.toString(threads));
    return worker(orders, threads, List.of("-Xmx" + 2 * bytes));
  }

  private static Call worker(Properties orders, int threads, List<String> javaOptions) {
    List<String> words = java(javaOptions);
    words.add(Worker.class.getName());
    var input = new StringWriter();
    try {
      orders.store(input, null);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return new Call(words, threads(threads), input.toString());
  }

  /** This JVM again, up to its class path. */
  private static List<String> java(List<String> more) {
    var words = new ArrayList<String>();
    words.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    words.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    words.addAll(more);
    words.add("-cp");
    words.add(System.getProperty("java.class.path"));
    return words;
  }

  /** The number of threads, for all libraries that take it from the environment. */
  private static Map<String, String> threads(int threads) {
    var environment = new LinkedHashMap<String, String>();
    for (String name : List.of("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")) {
      environment.put(name, Integer.toString(threads));
    }
    return environment;
  }

  /** The whole program, as a user starts it: its output is the ids, or whatever a program says. */
  Call whole(Case c) {
    Map<String, String> environment = threads(c.threads());
    if (c.entrant().isProgram()) {
      return new Call(program(c), environment, "");
    }
    List<String> words = launcher(c.entrant(), environment);
    words.addAll(List.of("-q", "--ignore-eos", "--ids", "-m", task.model()));
    words.addAll(List.of("-n", Integer.toString(task.tokens())));
    words.addAll(List.of("-t", Integer.toString(c.threads())));
    if (!c.entrant().engine().equals("core")) {
      words.addAll(List.of("--engine", c.entrant().engine()));
    }
    c.entrant()
        .settings()
        .forEach((name, value) -> words.addAll(List.of("--set", name + "=" + value)));
    if (!c.cached()) {
      words.add("--no-cache");
    }
    words.addAll(List.of("-p", Reference.join(task.prompt())));
    return new Call(words, environment, "");
  }

  /** The launcher, if this JVM was started by one; else, as in a test, the class it would start. */
  private List<String> launcher(Entrant entrant, Map<String, String> environment) {
    Path script =
        entrant.engine().equals("core")
            ? root.resolve("fastgpt-core/bin/fastgpt")
            : root.resolve("conformance/bin/fastgpt-compare");
    if (!fromLauncher() || !Files.isExecutable(script)) {
      List<String> words = java(entrant.javaOptions());
      words.add(Main.class.getName());
      return words;
    }
    environment.put("FASTGPT_MODULE", ""); // it says what started us
    if (!entrant.javaOptions().isEmpty()) {
      String given = System.getenv().getOrDefault("FASTGPT_JAVA_OPTS", "");
      environment.put(
          "FASTGPT_JAVA_OPTS", (given + " " + String.join(" ", entrant.javaOptions())).strip());
    }
    return new ArrayList<>(List.of(script.toString()));
  }

  private static boolean fromLauncher() {
    String first = System.getProperty("java.class.path").split(File.pathSeparator, 2)[0];
    return first.endsWith("conformance.jar");
  }

  private List<String> program(Case c) {
    return c.entrant().command().stream().map(word -> filled(word, c)).toList();
  }

  private String filled(String word, Case c) {
    return word.replace("{model}", task.model())
        .replace("{threads}", Integer.toString(c.threads()))
        .replace("{n}", Integer.toString(task.tokens()))
        .replace("{ids}", Reference.join(task.prompt()))
        .replace("{prompt}", task.text().orElse("{prompt}"));
  }
}
