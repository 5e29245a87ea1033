package org.fastgpt.core;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.fastgpt.Batch;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.Engines;
import org.fastgpt.model.Model;
import org.fastgpt.model.ModelWriters;
import org.fastgpt.model.Models;
import org.fastgpt.model.Progress;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;

/**
 * Decode steps of a batch of a 124M model, from context 64 on: {@code step} in steps per second,
 * {@code tokens} in tokens per second. From the project's root, with any options of JMH after the
 * class name, such as {@code -p rows=1,8 -p threads=1 -p weights=f32,f16,bf16}:
 *
 * <pre>{@code
 * mvn -q -pl fastgpt-core test-compile exec:exec -Dexec.executable=java -Dexec.classpathScope=test \
 *     -Dexec.args="-cp %classpath org.fastgpt.core.BatchBenchmark"
 * }</pre>
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(
    value = 1,
    jvmArgs = { // as in bin/fastgpt, where their reasons stand
      "--add-modules=jdk.incubator.vector",
      "--enable-native-access=ALL-UNNAMED",
      "-XX:+UseSerialGC",
      "-XX:CompileCommand=quiet",
      "-XX:CompileCommand=CompileThresholdScaling,org.fastgpt.core.Vector*::*,0.01",
      "-XX:CompileCommand=dontinline,org.fastgpt.core.Vector*::*",
      "-XX:CompileCommand=CompileThresholdScaling,jdk.incubator.vector.*::*,5.0",
      "-XX:CompileCommand=CompileThresholdScaling,jdk.internal.vm.vector.VectorSupport::*,5.0",
      "-XX:Tier0ProfilingStartPercentage=100000",
      "-XX:Tier3DelayOn=1000",
      "-XX:+UnlockDiagnosticVMOptions",
      "-XX:TieredOldPercentage=100000"
    })
public class BatchBenchmark {
  private static final int CONTEXT = 64;

  @Param({"1", "2", "4", "8", "16"})
  public int rows;

  @Param({"1", "2"})
  public int threads;

  /** As create-model's --outtype: other than f32 is written to a folder of its own first. */
  @Param({"f32"})
  public String weights;

  private Path folder; // null for f32
  private Model model;
  private Engine engine;
  private Batch batch;
  private int[] slots;
  private int[][] ids;

  /** Tokens, of which a step makes as many as there are rows. */
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.OPERATIONS)
  public static class Made {
    public long tokens;
  }

  @Setup
  public void open() throws IOException {
    Path synthetic = Models.resolve("synthetic-124M", Progress.NONE);
    if (!weights.equals("f32")) {
      folder = Files.createTempDirectory("fastgpt").resolve(weights);
      try (Model f32 = Model.open(synthetic)) {
        ModelWriters.named("safetensors", weights).write(f32, folder, Progress.NONE);
      }
    }
    model = Model.open(folder == null ? synthetic : folder);
    engine = Engines.named("core").open(model, new EngineOptions(threads, Map.of()));
  }

  /** Every iteration begins at the same context. */
  @Setup(Level.Iteration)
  public void fill() {
    batch = Batch.of(engine, rows);
    slots = new int[rows];
    Arrays.setAll(slots, _ -> batch.add());
    int nVocab = engine.config().nVocab();
    int[][] prompts = new int[rows][];
    Arrays.setAll(prompts, i -> new Random(i).ints(CONTEXT, 0, nVocab).toArray());
    batch.step(slots, prompts, (_, _) -> {});
    ids = new int[rows][1];
  }

  @Benchmark
  public void step(Made made) {
    batch.step(slots, ids, (slot, logits) -> ids[slot][0] = logits[0] > logits[1] ? 1 : 0);
    made.tokens += rows;
  }

  @TearDown(Level.Iteration)
  public void empty() {
    batch.close();
  }

  @TearDown
  public void close() throws IOException {
    engine.close();
    model.close();
    for (Path path : folder == null ? List.<Path>of() : filesFirst(folder.getParent())) {
      Files.delete(path);
    }
  }

  private static List<Path> filesFirst(Path folder) throws IOException {
    try (Stream<Path> paths = Files.walk(folder)) {
      return paths.sorted(Comparator.reverseOrder()).toList();
    }
  }

  public static void main(String[] args) throws RunnerException, CommandLineOptionException {
    String[] all = Arrays.copyOf(args, args.length + 1);
    all[args.length] = BatchBenchmark.class.getName();
    new Runner(new CommandLineOptions(all)).run();
  }
}
