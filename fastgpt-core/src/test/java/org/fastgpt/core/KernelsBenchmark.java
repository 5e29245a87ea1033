package org.fastgpt.core;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Collection;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.fastgpt.GptConfig;
import org.fastgpt.core.Weights.Linear;
import org.fastgpt.model.StoredTensor.DType;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Threads;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/**
 * The speed of each kernel, scalar and vector, in the shapes of GPT-2 124M, on one thread, beside
 * what the machine can do: reading memory in order, and multiplying and adding in registers. Some
 * six minutes; a table at the end. From the project's root, with any options of JMH after the class
 * name; these keep the raw figures:
 *
 * <pre>{@code
 * mvn -q -pl fastgpt-core test-compile exec:exec -Dexec.executable=java -Dexec.classpathScope=test \
 *     -Dexec.args="-cp %classpath org.fastgpt.core.KernelsBenchmark \
 *         -rf json -rff ../conformance/results/kernels-DATE.json"
 * }</pre>
 *
 * <p>Bytes are those of the weights (or keys and values), each counted once per call, as if nothing
 * were kept in a cache; for the small kernels, of their arrays, which do lie in the nearest cache.
 */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 2, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 4, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Threads(1)
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
public class KernelsBenchmark {

  private static final GptConfig GPT2 = GptConfig.gpt2(50257, 1024, 768, 12, 12);

  /** Weights taken in turn: larger than caches are, so that they come from memory as in a model. */
  private static final long WEIGHTS_BYTES = 256L << 20;

  private static final int FMA_ROUNDS = 100_000;

  /** What the calls of a benchmark have done; JMH divides it by the time. */
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.OPERATIONS)
  public static class Rates {
    public double gigabytesPerSecond;
    public double gigaflopsPerSecond;

    void add(long bytes, long operations) {
      gigabytesPerSecond += bytes / 1e9;
      gigaflopsPerSecond += operations / 1e9;
    }
  }

  /** Memory to read, and numbers that the compiler does not know. */
  @State(Scope.Benchmark)
  public static class Machine {
    private MemorySegment memory;
    private float a = 0.5f;
    private float b = 1;

    @Setup
    public void map() throws IOException {
      memory = MachineSpeed.mapped(WEIGHTS_BYTES, DType.F32);
    }
  }

  /** The machine's bandwidth: what {@link #decodeLinear} is measured by. */
  @Benchmark
  public float machineStreamingRead(Machine machine, Rates rates) {
    rates.add(machine.memory.byteSize(), 0);
    return MachineSpeed.sum(machine.memory);
  }

  /** The machine's arithmetic: what {@link #prefillLinear} is measured by. */
  @Benchmark
  public float machineFma(Machine machine, Rates rates) {
    rates.add(0, MachineSpeed.operations(FMA_ROUNDS));
    return MachineSpeed.chains(machine.a, machine.b, FMA_ROUNDS);
  }

  /** Fully connected layers of one shape, one after the other, as {@link LinearLayer} runs them. */
  private static final class Layers {
    private final LinearLayer linear;
    private final Linear[] layers;
    private final int rows;
    private final float[] x;
    private final float[] y;
    private int next;

    Layers(String kernels, int in, int out, String type, int rows) throws IOException {
      this.rows = rows;
      linear = new LinearLayer(Kernels.named(kernels), new Workers(1), scratch());
      DType dtype = DType.valueOf(type);
      MemorySegment weights = MachineSpeed.mapped(WEIGHTS_BYTES, dtype);
      long bytes = (long) dtype.bytes() * in * out;
      layers = new Linear[(int) (WEIGHTS_BYTES / bytes)];
      for (int i = 0; i < layers.length; i++) {
        var w = new Matrix(weights.asSlice(i * bytes, bytes), dtype);
        layers[i] = new Linear(w, new float[out], in, out);
      }
      x = values(rows * in);
      y = new float[rows * out];
    }

    float[] run(Rates rates) {
      Linear layer = layers[next];
      next = (next + 1) % layers.length;
      linear.run(x, layer, y, rows);
      rates.add(layer.w().data().byteSize(), 2L * rows * layer.in() * layer.out());
      return y;
    }
  }

  /** The layers of a block, for one row. */
  @State(Scope.Benchmark)
  public static class Decode {
    @Param({"scalar", "vector"})
    public String kernels;

    @Param({"768x2304", "768x768", "768x3072", "3072x768"})
    public String shape; // [in, out]

    @Param({"F32", "F16", "BF16"})
    public String type;

    private Layers layers;

    @Setup
    public void setUp() throws IOException {
      String[] sizes = shape.split("x", -1);
      int in = Integer.parseInt(sizes[0]);
      int out = Integer.parseInt(sizes[1]);
      layers = new Layers(kernels, in, out, type, 1);
    }
  }

  @Benchmark
  public float[] decodeLinear(Decode decode, Rates rates) {
    return decode.layers.run(rates);
  }

  /**
   * Why threads share a layer by its inputs: one row, W [768, 3072] read by strips of columns, as a
   * thread would that had some of the outputs, or by whole rows.
   */
  @State(Scope.Benchmark)
  public static class Strips {
    @Param({"768", "3072"})
    public int width;

    private final Kernels vector = Kernels.named("vector");
    private final Scratch scratch = new Scratch();
    private Layers layers;

    @Setup
    public void setUp() throws IOException {
      layers = new Layers("vector", GPT2.nEmbd(), GPT2.nInner(), "F32", 1);
    }
  }

  @Benchmark
  public float[] decodeByStrips(Strips strips, Rates rates) {
    Layers all = strips.layers;
    Linear layer = all.layers[all.next];
    all.next = (all.next + 1) % all.layers.length;
    for (int from = 0; from < layer.out(); from += strips.width) {
      int to = from + strips.width;
      for (int k = 0; k < layer.in(); k += Kernels.BLOCK) {
        strips.vector.linear(
            all.x,
            1,
            layer.in(),
            k,
            k + Kernels.BLOCK,
            layer.w(),
            all.y,
            0,
            layer.out(),
            from,
            to,
            strips.scratch);
      }
    }
    rates.add(layer.w().data().byteSize(), 2L * layer.in() * layer.out());
    return all.y;
  }

  /** The largest layer, for some rows at once. */
  @State(Scope.Benchmark)
  public static class Prefill {
    @Param({"scalar", "vector"})
    public String kernels;

    @Param({"8", "19", "384"})
    public int rows;

    @Param({"F32", "F16", "BF16"})
    public String type;

    private Layers layers;

    @Setup
    public void setUp() throws IOException {
      layers = new Layers(kernels, GPT2.nEmbd(), GPT2.nInner(), type, rows);
    }
  }

  @Benchmark
  public float[] prefillLinear(Prefill prefill, Rates rates) {
    return prefill.layers.run(rates);
  }

  /** The logits. */
  @State(Scope.Benchmark)
  public static class Head {
    @Param({"scalar", "vector"})
    public String kernels;

    @Param({"1", "8"})
    public int rows;

    @Param({"F32", "F16", "BF16"})
    public String type;

    private final Scratch scratch = new Scratch();
    private Kernels named;
    private Matrix wte; // [n_vocab, n_embd]
    private float[] x;
    private float[] y;

    @Setup
    public void setUp() throws IOException {
      named = Kernels.named(kernels);
      DType dtype = DType.valueOf(type);
      long size = (long) GPT2.nVocab() * GPT2.nEmbd();
      wte = new Matrix(MachineSpeed.mapped(size * dtype.bytes(), dtype), dtype);
      x = values(rows * GPT2.nEmbd());
      y = new float[rows * GPT2.nVocab()];
    }
  }

  @Benchmark
  public float[] linearTransposed(Head head, Rates rates) {
    int n = GPT2.nVocab();
    head.named.linearTransposed(
        head.x, head.rows, GPT2.nEmbd(), head.wte, head.y, n, 0, n, head.scratch);
    rates.add(head.wte.data().byteSize(), 2L * head.rows * n * GPT2.nEmbd());
    return head.y;
  }

  /** All heads of a layer, one layer after the other: scores, softmax, mix. */
  @State(Scope.Benchmark)
  public static class Heads {
    @Param({"scalar", "vector"})
    public String kernels;

    @Param({"1 row at 20", "1 row at 1000", "384 rows at 0"})
    public String sequence;

    private final KvCache cache = new KvCache(GPT2);
    private final Rows tokens = new Rows();
    private Attention attention;
    private int rows;
    private int position;
    private int layer;
    private float[] qkv;
    private float[] y;

    @Setup
    public void setUp() {
      String[] words = sequence.split(" ", -1);
      rows = Integer.parseInt(words[0]);
      position = Integer.parseInt(words[3]);
      attention = new Attention(GPT2, Kernels.named(kernels), new Workers(1), scratch());
      qkv = values(rows * 3 * GPT2.nEmbd());
      y = new float[rows * GPT2.nEmbd()];
      cache.reserve(0, position + rows);
      for (int t = 0; t < rows; t++) {
        tokens.add(0, cache, position + t, false);
      }
      for (int s = 0; s < position; s++) {
        for (int l = 0; l < GPT2.nLayer(); l++) {
          cache.store(l, s, qkv, 0);
        }
      }
    }

    /** Keys and values that all rows together look at, in floats. */
    private long seen() {
      return 2L * GPT2.nEmbd() * (position + rows);
    }

    /** A multiply-add with each key and value that a row sees; its softmax is not counted. */
    private long operations() {
      long pairs = (long) rows * position + rows * (rows + 1L) / 2;
      return 2 * 2L * GPT2.nEmbd() * pairs;
    }
  }

  @Benchmark
  public float[] attention(Heads heads, Rates rates) {
    heads.layer = (heads.layer + 1) % GPT2.nLayer();
    heads.attention.run(heads.tokens, heads.layer, heads.qkv, heads.y, null);
    rates.add(Float.BYTES * heads.seen(), heads.operations());
    return heads.y;
  }

  /** One row of what is not a product: its arrays stay in the nearest cache. */
  @State(Scope.Benchmark)
  public static class Row {
    @Param({"scalar", "vector"})
    public String kernels;

    private final Scratch scratch = new Scratch();
    private final float[] x = values(GPT2.nInner());
    private final float[] g = values(GPT2.nEmbd());
    private final float[] y = new float[GPT2.nInner()];
    private Kernels named;

    @Setup
    public void setUp() {
      named = Kernels.named(kernels);
    }

    /** What works in place gets the same values each time: copying them is part of its time. */
    private float[] fresh(int n) {
      System.arraycopy(x, 0, y, 0, n);
      return y;
    }
  }

  /** Reads x, g, b and writes y. */
  @Benchmark
  public float[] layerNorm(Row row, Rates rates) {
    int n = GPT2.nEmbd();
    row.named.layerNorm(row.x, row.g, row.g, 1e-5f, row.y, 0, n, row.scratch);
    rates.add(4L * n * Float.BYTES, 0);
    return row.y;
  }

  @Benchmark
  public float[] gelu(Row row, Rates rates) {
    int n = GPT2.nInner();
    row.named.gelu(row.fresh(n), 0, n, row.scratch);
    rates.add(2L * n * Float.BYTES, 0);
    return row.y;
  }

  @Benchmark
  public float[] softmax(Row row, Rates rates) {
    int n = GPT2.nCtx();
    row.named.softmax(row.fresh(n), 0, n, row.scratch);
    rates.add(2L * n * Float.BYTES, 0);
    return row.y;
  }

  private static Scratch[] scratch() {
    return new Scratch[] {new Scratch()}; // of one worker
  }

  private static float[] values(int n) {
    var random = new SplittableRandom(7);
    float[] x = new float[n];
    for (int i = 0; i < n; i++) {
      x[i] = (float) random.nextDouble(-1, 1);
    }
    return x;
  }

  public static void main(String[] args) throws RunnerException, CommandLineOptionException {
    var given = new CommandLineOptions(args);
    var options = new OptionsBuilder().parent(given);
    if (given.getIncludes().isEmpty()) {
      options.include(KernelsBenchmark.class.getName());
    }
    print(new Runner(options.build()).run());
  }

  /** A line for each result: rates, and what part of the machine's own they are. */
  private static void print(Collection<RunResult> results) {
    double bandwidth = machine(results, "machineStreamingRead", "gigabytesPerSecond");
    double peak = machine(results, "machineFma", "gigaflopsPerSecond");
    System.out.printf(
        Locale.ROOT,
        "%none thread; streaming read %.2f GB/s, FMA %.1f GFLOP/s (NaN: not run)%n%n"
            + "%-22s%-36s%11s%9s%11s%9s%n",
        bandwidth,
        peak,
        "kernel",
        "parameters",
        "GB/s",
        "of read",
        "GFLOP/s",
        "of FMA");
    for (RunResult result : results) {
      System.out.printf(
          "%-22s%-36s%s%s%n",
          name(result),
          parameters(result),
          rate(rate(result, "gigabytesPerSecond"), bandwidth),
          rate(rate(result, "gigaflopsPerSecond"), peak));
    }
  }

  /** A rate and its part of the machine's; blank where it was not counted. */
  private static String rate(double rate, double machine) {
    return rate == 0
        ? " ".repeat(20)
        : String.format(Locale.ROOT, "%11.3f%8.0f%%", rate, 100 * rate / machine);
  }

  private static double machine(Collection<RunResult> results, String name, String rate) {
    return results.stream()
        .filter(result -> name(result).equals(name))
        .mapToDouble(result -> rate(result, rate))
        .findFirst()
        .orElse(Double.NaN);
  }

  private static double rate(RunResult result, String name) {
    return result.getSecondaryResults().get(name).getScore();
  }

  private static String name(RunResult result) {
    String name = result.getParams().getBenchmark();
    return name.substring(name.lastIndexOf('.') + 1);
  }

  private static String parameters(RunResult result) {
    var params = result.getParams();
    return String.join(", ", params.getParamsKeys().stream().map(params::getParam).toList());
  }
}
