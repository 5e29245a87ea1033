package org.fastgpt.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Optional;
import java.util.Queue;
import java.util.function.Consumer;
import org.fastgpt.BatchRunner;
import org.fastgpt.BatchRunner.Request;
import org.fastgpt.Generator.Result;
import org.fastgpt.Generator.Stop;
import org.fastgpt.cli.BatchInput.Line;
import org.fastgpt.tokenizer.Tokenizer;

/** The lines of a batch on their way from input to output, in order, the unusable ones too. */
final class BatchJob implements Iterator<Request> {

  private final BatchInput input;
  private final BatchOutput output;
  private final Optional<Tokenizer> tokenizer;
  private final Consumer<Line> wrong;
  private final Runnable written;
  private final Queue<Line> lines = new ArrayDeque<>(); // read, and not yet written
  private Line next; // usable, and not yet asked for; also among lines
  private boolean cancelled;

  /**
   * A job.
   *
   * @param wrong is shown each unusable line
   * @param written is told of each line that was written
   */
  BatchJob(
      BatchInput input,
      BatchOutput output,
      Optional<Tokenizer> tokenizer,
      Consumer<Line> wrong,
      Runnable written) {
    this.input = input;
    this.output = output;
    this.tokenizer = tokenizer;
    this.wrong = wrong;
    this.written = written;
  }

  void run(BatchRunner runner) {
    runner.run(this, this::take, this::fail);
  }

  @Override
  public boolean hasNext() {
    while (next == null && !Interrupt.happened()) {
      Optional<Line> line = read();
      if (line.isEmpty()) {
        return false;
      }
      lines.add(line.get());
      if (line.get().error() == null) {
        next = line.get();
      } else {
        wrong.accept(line.get());
        writeErrors();
      }
    }
    return next != null;
  }

  @Override
  public Request next() {
    Request request = next.text().request();
    next = null;
    return request;
  }

  private Optional<Line> read() {
    try {
      return input.next();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The result of the first of the lines. */
  private void take(Result result) {
    cancelled |= lines.element().text().stop(result) == Stop.CANCELLED;
    if (!cancelled) {
      write(lines.remove(), result);
      writeErrors();
    }
  }

  /** The first of the lines came to a place where no token could be chosen. */
  private void fail(IllegalStateException why) {
    if (!cancelled) {
      Line line = lines.remove().failed(why.getMessage());
      wrong.accept(line);
      write(line, null);
      writeErrors();
    }
  }

  /** Writes the unusable lines that are next. */
  private void writeErrors() {
    while (!cancelled && !lines.isEmpty() && lines.peek().error() != null) {
      write(lines.remove(), null);
    }
  }

  private void write(Line line, Result result) {
    var object = new LinkedHashMap<String, Object>();
    if (line.id() != null) {
      object.put("id", line.id());
    }
    if (result == null) {
      object.put("line", line.number());
      object.put("error", line.error());
    } else {
      int[] prompt = line.text().request().prompt();
      tokenizer.ifPresent(t -> object.put("prompt", t.decode(prompt)));
      object.put("prompt_ids", prompt);
      object.putAll(line.text().describe(result));
    }
    try {
      output.write(object);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    written.run();
  }
}
