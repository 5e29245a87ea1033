package org.fastgpt.conformance.program;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.jr.ob.JSON;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.fastgpt.conformance.program.Answer.Fault;
import org.fastgpt.model.ModelException;

/**
 * A running program that is asked one thing at a time. Whatever it does, an answer or an exception
 * comes within the timeout for each line; a program that does not keep to the protocol is killed.
 */
final class Program implements AutoCloseable {
  private static final JSON REQUEST =
      JSON.builder(JsonFactory.builder().enable(JsonWriteFeature.ESCAPE_NON_ASCII).build()).build();
  private static final long LONGEST_LINE = Integer.MAX_VALUE - 64; // what an array can hold
  private static final long SPARE_BYTES = 1 << 16; // a line without numbers: names, messages
  private static final long NUMBER_BYTES = 32; // a double in JSON takes up to 26
  private static final int LONGEST_MESSAGE = 1000;
  private static final long GRACE_MILLIS = 2000; // between asking it to end and killing it

  private final String name;
  private final Duration timeout;
  private final Process process;
  private final Thread stderr;
  private final ExecutorService pipe; // its thread blocks, so that no caller has to
  private volatile String lastWords = ""; // last line of stderr
  private volatile boolean closed;
  private String failure; // why it was killed; null while it serves

  Program(String name, List<String> command, Duration timeout, Consumer<String> stderrLines) {
    this.name = name;
    this.timeout = timeout;
    try {
      process = new ProcessBuilder(command).start();
    } catch (IOException e) {
      throw new IllegalArgumentException(name + ": cannot be started: " + e.getMessage(), e);
    }
    pipe = Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().name(name).factory());
    stderr = Thread.ofPlatform().daemon().name(name + " stderr").start(() -> pass(stderrLines));
  }

  String name() {
    return name;
  }

  /**
   * Sends a request and reads its answer.
   *
   * @param numbers how many numbers a line of the answer may hold
   * @param reader gets the first line, and the source of those that follow it, if any do
   * @throws ModelException the program has failed, now or before, or says that it cannot
   */
  synchronized <T> T ask(
      Map<String, ?> request, long numbers, BiFunction<Answer, Supplier<Answer>, T> reader) {
    if (closed) {
      throw new IllegalStateException("engine is closed");
    }
    if (failure != null) {
      throw new ModelException(failure);
    }
    long limit = Math.min(LONGEST_LINE, SPARE_BYTES + NUMBER_BYTES * numbers);
    try {
      Answer first = await(limit, () -> send(request, limit));
      if (first.has("error")) {
        throw error(oneLine(first.text("error")), first.text("kind"));
      }
      return reader.apply(first, () -> following(limit));
    } catch (Fault fault) {
      kill(0);
      if (closed) {
        throw new IllegalStateException("engine is closed", fault);
      }
      failure = name + ": killed after '" + request.get("op") + "': " + fault.getMessage();
      throw new ModelException(failure, fault);
    }
  }

  private Answer following(long limit) {
    Answer line = await(limit, () -> line(limit));
    if (line.has("error")) {
      throw new Fault("an error after a part of the answer: " + line.text("error"));
    }
    return line;
  }

  /** Whether it can still be asked. */
  synchronized boolean serves() {
    return !closed && failure == null;
  }

  private RuntimeException error(String message, String kind) {
    return switch (kind) {
      case "argument" -> new IllegalArgumentException(message);
      case "state" -> new IllegalStateException(message);
      case "model", "internal" -> new ModelException(name + ": " + message);
      default -> throw new Fault("kind: argument, state, model or internal expected, " + kind);
    };
  }

  private byte[] send(Map<String, ?> request, long limit) throws IOException {
    if (process.getInputStream().available() > 0) {
      throw new Fault("output before the request: " + Answer.start(line(limit)));
    }
    try {
      OutputStream out = process.getOutputStream();
      out.write((REQUEST.asString(request) + "\n").getBytes(StandardCharsets.US_ASCII));
      out.flush();
    } catch (IOException e) {
      // It no longer reads. What it may have said before, or that it is gone, is seen by reading.
    }
    return line(limit);
  }

  /** The next line; null where there is no more. */
  private byte[] line(long limit) throws IOException {
    byte[] line = line(process.getInputStream(), limit + 1);
    if (line != null && line.length > limit) {
      throw new Fault("a line of more than " + limit + " bytes");
    }
    return line;
  }

  /** A line without its end, or its first {@code limit} bytes; null at the end of the stream. */
  private static byte[] line(InputStream in, long limit) throws IOException {
    var line = new ByteArrayOutputStream();
    int b = in.read();
    if (b < 0) {
      return null;
    }
    for (; b >= 0 && b != '\n'; b = in.read()) {
      line.write(b);
      if (line.size() == limit) {
        break;
      }
    }
    return line.toByteArray();
  }

  /**
   * What {@code read} gives, if it does so in time: the caller never waits for the program itself.
   */
  private Answer await(long limit, Callable<byte[]> read) {
    try {
      byte[] answer = pipe.submit(read).get(timeout.toMillis(), TimeUnit.MILLISECONDS);
      if (answer == null) {
        throw new Fault(howItEnded());
      }
      return Answer.parse(answer);
    } catch (TimeoutException e) {
      throw new Fault("no line within " + timeout.toMillis() / 1000.0 + " s");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new Fault("interrupted");
    } catch (RejectedExecutionException e) {
      throw new Fault("closed meanwhile");
    } catch (ExecutionException e) {
      throw e.getCause() instanceof Fault fault
          ? fault
          : new Fault("a line of up to " + limit + " bytes cannot be read: " + e.getCause());
    }
  }

  private String howItEnded() {
    try {
      if (!process.waitFor(GRACE_MILLIS, TimeUnit.MILLISECONDS)) {
        return "its output is closed";
      }
      stderr.join(GRACE_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return "it ended"
        + (process.isAlive() ? "" : " with exit code " + process.exitValue())
        + (lastWords.isEmpty() ? "" : ", last on stderr: " + lastWords);
  }

  /** What a stranger says, fit for a message and a terminal. */
  private static String oneLine(String text) {
    return text.substring(0, Math.min(text.length(), LONGEST_MESSAGE))
        .replaceAll("[\\p{Cc}\\p{Cf}\\u2028\\u2029]+", " ")
        .strip();
  }

  /** Passes stderr on, line by line; one that is too long in pieces. */
  private void pass(Consumer<String> lines) {
    try (InputStream in = process.getErrorStream()) {
      for (byte[] line = line(in, LONGEST_MESSAGE);
          line != null;
          line = line(in, LONGEST_MESSAGE)) {
        lastWords = oneLine(new String(line, StandardCharsets.UTF_8));
        lines.accept(name + ": " + lastWords);
      }
    } catch (IOException e) {
      lines.accept(name + ": stderr cannot be read: " + e.getMessage());
    }
  }

  /** Asks the program to end and, after {@link #GRACE_MILLIS}, kills it; what it started too. */
  @Override
  public void close() {
    closed = true;
    kill(GRACE_MILLIS);
  }

  /**
   * Through handles, not {@link Process#destroy}: that closes the streams, and so waits for a
   * thread that is blocked in one of them.
   */
  private void kill(long graceMillis) {
    List<ProcessHandle> all =
        Stream.concat(process.descendants(), Stream.of(process.toHandle())).toList();
    if (graceMillis > 0) {
      all.forEach(ProcessHandle::destroy);
    }
    try {
      process.waitFor(graceMillis, TimeUnit.MILLISECONDS);
      all.forEach(ProcessHandle::destroyForcibly);
      process.waitFor(GRACE_MILLIS, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      all.forEach(ProcessHandle::destroyForcibly);
      Thread.currentThread().interrupt();
    }
    pipe.shutdown();
  }
}
