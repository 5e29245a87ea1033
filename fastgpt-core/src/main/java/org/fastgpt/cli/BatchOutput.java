package org.fastgpt.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.RandomAccessFile;
import java.nio.channels.Channels;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import java.util.Optional;

/**
 * The results of a batch, a JSON object on each line. Those for a file are written to FILE.part,
 * each as it comes, and moved when all are there. FILE.part.job says which job they belong to, so
 * that the same job can go on after the last whole line.
 */
final class BatchOutput implements AutoCloseable {

  private final OutputStream out;
  private final Path file; // null: the standard output
  private int lines;
  private int errors;
  private int truncated;

  /** To the standard output. */
  BatchOutput(PrintStream out) {
    this.out = out;
    file = null;
  }

  /**
   * To a file.
   *
   * @param job names the inputs and how they are run
   * @throws IllegalArgumentException there is a FILE.part of another job, or another run writes it
   */
  BatchOutput(Path file, String job) throws IOException {
    this.file = file;
    begin(job);
    var part = new RandomAccessFile(part().toFile(), "rw");
    try {
      lock(part);
      part.setLength(wholeLines(part));
      part.seek(part.length());
    } catch (IOException | RuntimeException e) {
      part.close();
      throw e;
    }
    out = Channels.newOutputStream(part.getChannel());
  }

  private static Path beside(Path file, String suffix) {
    return file.resolveSibling(file.getFileName() + suffix);
  }

  private Path part() {
    return beside(file, ".part");
  }

  private Path job() {
    return beside(file, ".part.job");
  }

  /** What the job of FILE.part is, if there is one. */
  static Optional<Map<String, Object>> begun(Path file) throws IOException {
    Path job = beside(file, ".part.job");
    if (!Files.exists(beside(file, ".part")) || !Files.exists(job)) {
      return Optional.empty();
    }
    try {
      return Optional.of(JSON.std.mapFrom(Files.readString(job)));
    } catch (JsonProcessingException e) {
      return Optional.empty(); // no job of ours: it will not do for any
    }
  }

  /** The job is named before its first line is written, and until all are there. */
  private void begin(String job) throws IOException {
    if (!Files.exists(part())) {
      Path temporary = beside(file, ".part.job.tmp");
      Files.writeString(temporary, job);
      Files.move(temporary, job(), StandardCopyOption.ATOMIC_MOVE);
    } else if (!Files.exists(job()) || !Files.readString(job()).equals(job)) {
      throw new IllegalArgumentException(
          part()
              + " was begun with other prompts, another model or other options: run it with the"
              + " same ones to go on, or delete it to begin anew");
    }
  }

  private void lock(RandomAccessFile part) throws IOException {
    try {
      if (part.getChannel().tryLock() != null) {
        return;
      }
    } catch (OverlappingFileLockException e) {
      // by a thread of this JVM: the same to us
    }
    throw new IllegalArgumentException(part() + " is being written by another run");
  }

  /** The length of all lines that end, each a JSON object; counts them. */
  private long wholeLines(RandomAccessFile part) throws IOException {
    long end = 0;
    try (var reader = Files.newBufferedReader(part(), StandardCharsets.ISO_8859_1)) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        end += line.length() + 1; // bytes: each is one char here
        if (end > part.length()) {
          return end - line.length() - 1;
        }
        count(parsed(line));
      }
    }
    return end;
  }

  private Map<String, Object> parsed(String line) throws IOException {
    try {
      return JSON.std.mapFrom(line.getBytes(StandardCharsets.ISO_8859_1));
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(
          part() + " is damaged after line " + lines + ": delete it to begin anew", e);
    }
  }

  private void count(Map<String, Object> line) {
    lines++;
    errors += line.containsKey("error") ? 1 : 0;
    truncated += line.containsKey(Continuation.LEFT_OUT) ? 1 : 0;
  }

  /** Number of lines, those of earlier runs included. */
  int lines() {
    return lines;
  }

  /** Number of lines that say what was wrong with a prompt. */
  int errors() {
    return errors;
  }

  /** Number of lines whose text did not fit the context. */
  int truncated() {
    return truncated;
  }

  void write(Map<String, Object> line) throws IOException {
    out.write((JSON.std.asString(line) + "\n").getBytes(StandardCharsets.UTF_8));
    out.flush();
    count(line);
  }

  /** All lines are there. */
  void finish() throws IOException {
    if (file != null) {
      out.close();
      Files.move(part(), file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      Files.delete(job());
    }
  }

  @Override
  public void close() throws IOException {
    if (file != null) {
      out.close();
    }
  }
}
