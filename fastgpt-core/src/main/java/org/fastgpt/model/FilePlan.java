package org.fastgpt.model;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * A file to be written, of any size: its parts one after the other. It is written in chunks and by
 * all cores; at no time is a whole tensor in memory.
 */
final class FilePlan {
  private static final int CHUNK_BYTES = 4 << 20; // some cores' worth fits in the cache

  /** Gives the bytes of a part, any of them at any time, from any thread. */
  interface Data {
    /** Fills {@code chunk} with the part's bytes from number {@code from} on. */
    void fill(MemorySegment chunk, long from);

    /** What lies in memory, or is mapped. */
    static Data of(MemorySegment bytes) {
      return (chunk, from) -> chunk.copyFrom(bytes.asSlice(from, chunk.byteSize()));
    }
  }

  private record Chunk(Data data, long from, int bytes, long position) {}

  private final List<Chunk> chunks = new ArrayList<>();
  private long size;

  /** Appends a part of {@code bytes} bytes. */
  void add(Data data, long bytes) {
    add(data, bytes, 1);
  }

  /** Appends a part that can only be given in multiples of {@code unit} bytes. */
  void add(Data data, long bytes, int unit) {
    int most = CHUNK_BYTES / unit * unit;
    for (long from = 0; from < bytes; from += most) {
      chunks.add(new Chunk(data, from, (int) Math.min(most, bytes - from), size + from));
    }
    size += bytes;
  }

  void add(byte[] bytes) {
    add(Data.of(MemorySegment.ofArray(bytes)), bytes.length);
  }

  /** Appends zeros up to the next multiple of {@code alignment}. */
  void pad(int alignment) {
    add(new byte[(int) Math.floorMod(-size, (long) alignment)]);
  }

  /** Length of the file, in bytes. */
  long size() {
    return size;
  }

  /** Writes the file, which must not exist yet. */
  void write(Path file, Progress progress) throws IOException {
    try (var channel =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      var done = new Done(progress, size);
      chunks.parallelStream().forEach(chunk -> done.add(write(channel, chunk)));
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  /**
   * Writes the file beside {@code file} and moves it there when it is whole: what was there before
   * stays if anything goes wrong, and nothing else does.
   *
   * @throws ModelException no space, no such folder, or it cannot be written
   */
  void replace(Path file, Progress progress) {
    Path target = file.toAbsolutePath().normalize();
    Path folder = target.getParent();
    if (folder == null || Files.isDirectory(target)) {
      throw new ModelException(file + ": the name of a file expected, a folder found");
    }
    if (!Files.isDirectory(folder)) {
      throw new ModelException(folder + ": no such folder");
    }
    Path part =
        folder.resolve("." + target.getFileName() + "." + ProcessHandle.current().pid() + ".part");
    try {
      Synthetic.checkSpace(target.getFileName().toString(), folder, size);
      try {
        write(part, progress);
        Files.move(part, target, StandardCopyOption.ATOMIC_MOVE);
      } finally {
        Files.deleteIfExists(part);
      }
    } catch (IOException e) {
      throw ModelFile.unreadable(file, e);
    }
  }

  private static int write(FileChannel channel, Chunk chunk) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(chunk.bytes, 64);
      chunk.data.fill(bytes, chunk.from);
      writeFully(channel, bytes.asByteBuffer(), chunk.position);
      return chunk.bytes;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void writeFully(FileChannel channel, ByteBuffer bytes, long position)
      throws IOException {
    for (long at = position; bytes.hasRemaining(); ) {
      at += channel.write(bytes, at);
    }
  }

  private static final class Done {
    private final Progress progress;
    private final long total;
    private long done;

    Done(Progress progress, long total) {
      this.progress = progress;
      this.total = total;
    }

    synchronized void add(long bytes) {
      done += bytes;
      progress.update(done, total);
    }
  }
}
