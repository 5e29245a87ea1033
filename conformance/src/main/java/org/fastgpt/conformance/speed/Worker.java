package org.fastgpt.conformance.speed;

import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.EngineProvider;
import org.fastgpt.Engines;
import org.fastgpt.Generator;
import org.fastgpt.Session;
import org.fastgpt.conformance.Exam;
import org.fastgpt.model.Model;
import org.fastgpt.model.Progress;

/**
 * The process in which an engine is timed. Reads its orders from standard input as properties and
 * prints what it measured as lines of "{@link #MARK}name=value", among whatever libraries print.
 */
public final class Worker {
  /** Begins every line that is meant for the one who asked. */
  static final String MARK = "fastgpt-speed ";

  /** Later generations are timed only where the first took no longer than this. */
  private static final double CHEAP_SECONDS = 3;

  /** How long to generate before a generation counts as warm, and for how long to time them. */
  private static final double WARM_UP_SECONDS = 1;

  private static final double WARM_SECONDS = 1;
  private static final int LEAST_WARM = 3;

  /** The times of one generation. */
  private record Times(int[] ids, double prefill, double all) {
    double perToken() {
      return (all - prefill) / (ids.length - 1);
    }
  }

  private final Properties orders;
  private final int[] prompt;

  private Worker(Properties orders) {
    this.orders = orders;
    this.prompt = ids("prompt");
  }

  /** Exit code 1, with one line on standard error, if the engine cannot do it. */
  public static void main(String[] args) throws IOException {
    var orders = new Properties();
    try (Reader in = new InputStreamReader(System.in, StandardCharsets.UTF_8)) {
      orders.load(in);
    }
    try {
      if (orders.containsKey("read")) {
        int threads = Integer.parseInt(orders.getProperty("threads"));
        long bytes = Long.parseLong(orders.getProperty("read"));
        print(Run.READ, StreamingRead.bytesPerSecond(threads, bytes));
      } else {
        new Worker(orders).measure();
      }
    } catch (RuntimeException | LinkageError | OutOfMemoryError e) {
      System.err.println(e.getMessage() == null ? e.toString() : e.getMessage());
      System.exit(1);
    }
  }

  private void measure() {
    long start = System.nanoTime();
    EngineProvider provider = Engines.named(orders.getProperty("engine"));
    provider.warmUp(options()); // as FastGpt.open does
    try (Model model = Model.open(Exam.locate(orders.getProperty("model"), Progress.NONE));
        Engine engine = provider.open(model, options());
        Session session = engine.newSession()) {
      print(Run.OPEN, secondsSince(start));
      print("name", engine.name());
      Times first = first(session, engine);
      if (Boolean.parseBoolean(orders.getProperty("more"))) {
        warm(session, engine, first);
        longer(session, engine);
        prefills(session);
      }
    }
  }

  private EngineOptions options() {
    Map<String, String> settings =
        orders.stringPropertyNames().stream()
            .filter(name -> name.startsWith("set."))
            .collect(Collectors.toMap(name -> name.substring(4), orders::getProperty));
    return new EngineOptions(number("threads"), settings);
  }

  private Times first(Session session, Engine engine) {
    Times first = generate(session, engine, number("tokens"));
    print("ids", Reference.join(first.ids));
    print(Run.GENERATE, first.all);
    print(Run.PREFILL, first.prefill);
    print(Run.DECODE, first.perToken());
    peakBytes().ifPresent(bytes -> print(Run.PEAK, bytes));
    return first;
  }

  private Times generate(Session session, Engine engine, int tokens) {
    boolean cached = Boolean.parseBoolean(orders.getProperty("cached"));
    double[] prefill = new double[1];
    int[] count = new int[1];
    long start = System.nanoTime();
    Generator.Result result =
        new Generator(cached, false)
            .generate(
                session,
                engine.config(),
                prompt,
                tokens,
                _ -> {
                  if (count[0]++ == 0) {
                    prefill[0] = secondsSince(start);
                  }
                  return true;
                });
    return new Times(result.ids(), prefill[0], secondsSince(start));
  }

  /** The same again, when the JVM has compiled and the libraries have made their plans. */
  private void warm(Session session, Engine engine, Times first) {
    if (first.all > CHEAP_SECONDS) {
      return;
    }
    long start = System.nanoTime();
    do {
      generate(session, engine, first.ids.length);
    } while (secondsSince(start) < WARM_UP_SECONDS);
    var times = new ArrayList<Times>();
    start = System.nanoTime();
    while (times.size() < LEAST_WARM || secondsSince(start) < WARM_SECONDS) {
      times.add(generate(session, engine, first.ids.length));
      requireSame(first.ids, times.getLast().ids);
    }
    print(Run.WARM_GENERATE, median(times, Times::all));
    print(Run.WARM_PREFILL, median(times, Times::prefill));
    print(Run.WARM_DECODE, median(times, Times::perToken));
  }

  private static void requireSame(int[] first, int[] later) {
    if (!Arrays.equals(first, later)) {
      throw new IllegalStateException("other ids when asked again");
    }
  }

  private static double median(List<Times> times, ToDoubleFunction<Times> part) {
    return Figure.of(times.stream().mapToDouble(part).toArray()).median();
  }

  private void longer(Session session, Engine engine) {
    if (number("longTokens") > 0) {
      Times times = generate(session, engine, number("longTokens"));
      print("long_ids", Reference.join(times.ids));
      print(Run.LONG_DECODE, times.perToken());
    }
  }

  private void prefills(Session session) {
    var next = new ArrayList<Integer>();
    for (int length : ids("prefills")) {
      int[] ids = Task.repeated(prompt, length);
      session.rewind(0);
      long start = System.nanoTime();
      next.add(Generator.argmax(session.forward(ids)));
      print(Run.prefill(length), secondsSince(start));
    }
    print("after_prefills", Reference.join(next.stream().mapToInt(id -> id).toArray()));
  }

  /** The largest resident size of this process so far; Linux only. */
  private static Optional<Double> peakBytes() {
    return Children.peakBytes(ProcessHandle.current().pid());
  }

  private int number(String name) {
    return Integer.parseInt(orders.getProperty(name));
  }

  private int[] ids(String name) {
    return Children.ids(orders.getProperty(name, ""));
  }

  private static double secondsSince(long start) {
    return (System.nanoTime() - start) / 1e9;
  }

  private static void print(String name, Object value) {
    System.out.println(MARK + name + "=" + value);
  }
}
