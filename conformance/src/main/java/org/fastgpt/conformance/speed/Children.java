package org.fastgpt.conformance.speed;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.fastgpt.conformance.Environment;
import org.fastgpt.conformance.report.Text;

/**
 * Processes that are started one after the other, each watched until it ends. None outlives this
 * JVM, however that ends.
 */
public final class Children implements AutoCloseable {
  private static final int MOST_OUTPUT = 16 << 20;
  private static final int LONGEST_LINE = 200;
  private static final long LOOK_MILLIS = 50; // how often the memory of a child is looked at
  private static final long PATIENCE_MILLIS = 2000; // for what a child has left in its pipes

  /**
   * What is to be started.
   *
   * @param words the program and its arguments
   * @param environment what its environment has beside or instead of ours; an empty value: not at
   *     all
   * @param input its standard input
   */
  record Call(List<String> words, Map<String, String> environment, String input) {}

  /**
   * What became of it.
   *
   * @param problem why it is of no use, in a line; empty if it ended well
   * @param output its standard output, up to a limit
   * @param seconds from its start to its end
   * @param firstOutput seconds from its start to the first byte of its output
   * @param peakBytes the largest resident size that was seen, where the system shows it
   */
  record Outcome(
      String problem,
      String output,
      double seconds,
      Optional<Double> firstOutput,
      Optional<Double> peakBytes) {}

  private final Duration timeout;
  private final Thread hook = Thread.ofPlatform().unstarted(this::stop);
  private Process running;
  private boolean stopped;

  /** A child that has not ended by then is killed. */
  public Children(Duration timeout) {
    this.timeout = timeout;
    Runtime.getRuntime().addShutdownHook(hook);
  }

  /**
   * Runs a process to its end.
   *
   * @throws IllegalStateException this JVM has been told to end
   */
  Outcome run(Call call) {
    var builder = new ProcessBuilder(call.words);
    call.environment.forEach(
        (name, value) -> {
          if (value.isEmpty()) {
            builder.environment().remove(name);
          } else {
            builder.environment().put(name, value);
          }
        });
    long start = System.nanoTime();
    try {
      return watch(start(builder), start, call.input);
    } catch (IOException e) {
      String problem = Text.cut("cannot be started: " + e.getMessage(), LONGEST_LINE);
      return new Outcome(problem, "", 0, Optional.empty(), Optional.empty());
    } catch (InterruptedException e) {
      stop();
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }

  private synchronized Process start(ProcessBuilder builder) throws IOException {
    requireNotStopped();
    running = builder.start();
    return running;
  }

  private synchronized void requireNotStopped() {
    if (stopped) {
      throw new IllegalStateException("stopped: nothing is written");
    }
  }

  private Outcome watch(Process process, long start, String input) throws InterruptedException {
    var output = new Reader(process.getInputStream());
    var errors = new Reader(process.getErrorStream());
    send(process, input);
    Optional<Double> peak = Optional.empty();
    boolean ended = false;
    while (!ended && System.nanoTime() - start < timeout.toNanos()) {
      Optional<Double> now = peakBytes(process.pid());
      peak = now.isPresent() ? now : peak; // the last look before its end
      ended = process.waitFor(LOOK_MILLIS, TimeUnit.MILLISECONDS);
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    if (!ended) {
      kill(process);
    }
    output.join();
    errors.join();
    requireNotStopped();
    return new Outcome(
        ended
            ? problem(process.exitValue(), errors)
            : "no end within " + timeout.toSeconds() + " s",
        output.text(),
        seconds,
        output.firstByte == 0 ? Optional.empty() : Optional.of((output.firstByte - start) / 1e9),
        peak);
  }

  private static void send(Process process, String input) {
    try (OutputStream in = process.getOutputStream()) {
      in.write(input.getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      // It does not read: what it says and how it ends tells why.
    }
  }

  private static String problem(int exitCode, Reader errors) {
    if (exitCode == 0) {
      return "";
    }
    String last = errors.text().lines().filter(l -> !l.isBlank()).reduce("", (_, line) -> line);
    String words = last.isEmpty() ? "exit code " + exitCode : last.replaceFirst("^fastgpt: ", "");
    return Text.cut(words, LONGEST_LINE);
  }

  private synchronized void stop() {
    stopped = true;
    if (running != null) {
      kill(running);
    }
  }

  /** The process and all that it has started. */
  private static void kill(Process process) {
    Stream.concat(process.descendants(), Stream.of(process.toHandle()))
        .toList()
        .forEach(ProcessHandle::destroyForcibly);
  }

  /** The largest resident size of a process so far; Linux only. */
  static Optional<Double> peakBytes(long pid) {
    return Environment.field("/proc/" + pid + "/status", "VmHWM")
        .map(kilobytes -> 1024 * Double.parseDouble(kilobytes.replaceAll("\\D", "")));
  }

  /** The numbers of a text. */
  static int[] ids(String text) {
    return Arrays.stream(text.strip().split("\\s+"))
        .filter(word -> !word.isEmpty())
        .mapToInt(Integer::parseInt)
        .toArray();
  }

  @Override
  public void close() {
    if (!stopped) {
      Runtime.getRuntime().removeShutdownHook(hook);
    }
  }

  /** Reads a stream to its end beside the process, which must never wait for us. */
  private static final class Reader {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final Thread thread;
    private volatile long firstByte; // when it came, by nanoTime

    Reader(InputStream in) {
      thread = Thread.ofPlatform().daemon().start(() -> read(in));
    }

    private void read(InputStream in) {
      byte[] buffer = new byte[1 << 13];
      try (in) {
        for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
          if (firstByte == 0) {
            firstByte = System.nanoTime();
          }
          keep(buffer, n);
        }
      } catch (IOException e) {
        // The process was killed: what came until then is all there is.
      }
    }

    private synchronized void keep(byte[] buffer, int n) {
      bytes.write(buffer, 0, Math.min(n, MOST_OUTPUT - bytes.size()));
    }

    /** Waits for the end of the stream; not for ever, as a grandchild may hold it open. */
    void join() throws InterruptedException {
      thread.join(PATIENCE_MILLIS);
    }

    synchronized String text() {
      return bytes.toString(StandardCharsets.UTF_8);
    }
  }
}
