package org.fastgpt.tokenizer;

import com.fasterxml.jackson.jr.ob.JSON;
import com.knuddels.jtokkit.Encodings;
import com.knuddels.jtokkit.api.Encoding;
import com.knuddels.jtokkit.api.EncodingType;
import com.knuddels.jtokkit.api.IntArrayList;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
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
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;

/**
 * Encoding and decoding beside jtokkit's r50k_base, after a check that both give the same ids. From
 * the project's root, with any options of JMH after the class name:
 *
 * <pre>{@code
 * mvn -q -pl fastgpt-core test-compile exec:exec -Dexec.executable=java -Dexec.classpathScope=test \
 *     -Dexec.args="-cp %classpath org.fastgpt.tokenizer.TokenizerBenchmark"
 * }</pre>
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 4, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(3)
public class TokenizerBenchmark {
  /** A play in made-up English, this project's Java, and 1608 lines of all scripts and cases. */
  @Param({"play", "java", "fixture"})
  public String text;

  private final Tokenizer gpt2 = Gpt2Vocabulary.tokenizer();
  private final Encoding jtokkit =
      Encodings.newLazyEncodingRegistry().getEncoding(EncodingType.R50K_BASE);

  private String content;
  private int[] ids;
  private IntArrayList jtokkitIds;

  @Setup
  public void check() throws IOException {
    content =
        switch (text) {
          case "play" -> Files.readString(Path.of("../data/golden/tiny-shakespeare-sampled.txt"));
          case "java" -> Files.readString(Path.of("src/main/java/org/fastgpt/tokenizer/Bpe.java"));
          default -> fixture();
        };
    ids = gpt2.encode(content);
    jtokkitIds = jtokkit.encodeOrdinary(content);
    if (!Arrays.equals(ids, jtokkitIds.toArray())) {
      throw new IllegalStateException("the ids of " + text + " differ from jtokkit's");
    }
    System.out.printf("%s: %d chars, %d ids%n", text, content.length(), ids.length);
  }

  private static String fixture() throws IOException {
    var all = new StringBuilder();
    for (String line : Files.readAllLines(Path.of("../data/tokenizer/gpt2.jsonl"))) {
      all.append(JSON.std.mapFrom(line).get("text")).append('\n');
    }
    return all.toString();
  }

  @Benchmark
  public int[] encode() {
    return gpt2.encode(content);
  }

  @Benchmark
  public IntArrayList encodeByJtokkit() {
    return jtokkit.encodeOrdinary(content);
  }

  @Benchmark
  public String decode() {
    return gpt2.decode(ids);
  }

  @Benchmark
  public String decodeByJtokkit() {
    return jtokkit.decode(jtokkitIds);
  }

  public static void main(String[] args) throws RunnerException, CommandLineOptionException {
    String[] all = Arrays.copyOf(args, args.length + 1);
    all[args.length] = TokenizerBenchmark.class.getName();
    new Runner(new CommandLineOptions(all)).run();
  }
}
