package org.fastgpt.model;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes a safetensors file of any size, in chunks and by all cores; at no time is a whole tensor
 * in memory. The first tensor starts at a multiple of 64 bytes.
 */
final class SafetensorsWriter {
  private static final int CHUNK_BYTES = 4 << 20; // some cores' worth fits in the cache

  /** A tensor to be written: row-major, little-endian. */
  record Item(String name, StoredTensor.DType dtype, List<Integer> shape, Data data) {
    long bytes() {
      return shape.stream().mapToLong(d -> d).reduce(dtype.bytes(), Math::multiplyExact);
    }
  }

  /** Gives the bytes of a tensor, any part of it at any time, from any thread. */
  interface Data {
    /** Fills {@code chunk} with the tensor's bytes from number {@code from} on. */
    void fill(MemorySegment chunk, long from);
  }

  private record Chunk(Data data, long from, int bytes, long position) {}

  private final byte[] head;
  private final List<Chunk> chunks = new ArrayList<>();
  private final long size;

  /** Lays the tensors out in the order given. */
  SafetensorsWriter(List<Item> items) {
    Map<String, Object> header = new LinkedHashMap<>();
    header.put(Safetensors.METADATA, Map.of("format", "pt")); // transformers asks for it
    long end = 0;
    for (Item item : items) {
      long begin = end;
      end += item.bytes();
      Map<String, Object> info = new LinkedHashMap<>();
      info.put("dtype", item.dtype.name());
      info.put("shape", item.shape);
      info.put("data_offsets", List.of(begin, end));
      header.put(item.name, info);
    }
    head = head(header);
    long position = head.length;
    for (Item item : items) {
      for (long from = 0; from < item.bytes(); from += CHUNK_BYTES) {
        int bytes = (int) Math.min(CHUNK_BYTES, item.bytes() - from);
        chunks.add(new Chunk(item.data, from, bytes, position + from));
      }
      position += item.bytes();
    }
    size = position;
  }

  /** Length of the file, in bytes. */
  long size() {
    return size;
  }

  /** Writes the file, which must not exist yet. */
  void write(Path file, Progress progress) throws IOException {
    try (var channel =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      writeFully(channel, ByteBuffer.wrap(head), 0);
      var done = new Done(progress, size, head.length);
      chunks.parallelStream().forEach(chunk -> done.add(write(channel, chunk)));
    } catch (UncheckedIOException e) {
      throw e.getCause();
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

  /** Length and header, padded by spaces to a multiple of 64 bytes. */
  private static byte[] head(Map<String, Object> header) {
    try {
      byte[] json = JSON.std.asString(header).getBytes(StandardCharsets.UTF_8);
      int length = Math.ceilDiv(8 + json.length, 64) * 64;
      MemorySegment head = MemorySegment.ofArray(new byte[length]).fill((byte) ' ');
      head.set(Safetensors.LENGTH, 0, length - 8);
      head.asSlice(8).copyFrom(MemorySegment.ofArray(json));
      return head.toArray(ValueLayout.JAVA_BYTE);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static final class Done {
    private final Progress progress;
    private final long total;
    private long done;

    Done(Progress progress, long total, long done) {
      this.progress = progress;
      this.total = total;
      this.done = done;
    }

    synchronized void add(long bytes) {
      done += bytes;
      progress.update(done, total);
    }
  }
}
