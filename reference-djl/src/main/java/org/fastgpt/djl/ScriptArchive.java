package org.fastgpt.djl;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.fastgpt.model.Model;

/**
 * A model's TorchScript archive: what {@code torch.jit.save} would write of HuggingFace's module, a
 * zip file of code, a pickle and the weights. Layout as in PyTorch's {@code
 * caffe2/serialize/inline_container.h}: entries are stored, not compressed, in one root folder, and
 * the data of each begins at a multiple of 64 bytes.
 */
final class ScriptArchive {
  private static final int ALIGNMENT = 64;
  private static final long LOCAL_HEADER = 30;
  private static final int CHUNK = 1 << 20;
  // Every archive of the same model has the same bytes. Not 1980-01-01, for which ZipOutputStream
  // adds a field with the time, which would move the data.
  private static final LocalDateTime TIME = LocalDateTime.of(1980, 2, 1, 0, 0);

  private record Entry(String name, MemorySegment data, long crc) {
    static Entry of(String name, MemorySegment data) {
      var crc = new CRC32();
      for (long at = 0; at < data.byteSize(); at += CHUNK) {
        long n = Math.min(CHUNK, data.byteSize() - at);
        crc.update(data.asSlice(at, n).asByteBuffer());
      }
      return new Entry("gpt2/" + name, data, crc.getValue());
    }

    static Entry of(String name, byte[] data) {
      return of(name, MemorySegment.ofArray(data));
    }
  }

  private final List<Entry> entries = new ArrayList<>();

  /** The archive of the model's weights as they are now. Reads each of them once, for its CRC. */
  ScriptArchive(Model model) {
    var script = new Gpt2Script(model.config());
    var pickle = new ScriptPickle(script.model(), name -> model.tensors().get(name).shape());
    entries.add(Entry.of("data.pkl", pickle.bytes()));
    entries.add(Entry.of("code/__torch__.py", ascii(script.code())));
    entries.add(Entry.of("constants.pkl", new byte[] {(byte) 0x80, 2, ')', '.'}));
    // The file format that has torch.gelu(x, approximate); PyTorch 1.12 and later read it.
    entries.add(Entry.of("version", ascii("10\n")));
    entries.add(Entry.of("byteorder", ascii("little")));
    for (int i = 0; i < pickle.weights().size(); i++) {
      entries.add(Entry.of("data/" + i, model.floats(pickle.weights().get(i))));
    }
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  /** Size of all entries, in bytes. */
  long byteSize() {
    return entries.stream().mapToLong(e -> e.data.byteSize()).sum();
  }

  /** A number that differs between archives of different content. */
  long fingerprint() {
    var all = new CRC32();
    entries.forEach(e -> all.update(Long.toHexString(e.crc).getBytes(StandardCharsets.US_ASCII)));
    return all.getValue();
  }

  /**
   * Whether {@code file} is this archive: its directory lists the same entries with the same sizes
   * and CRCs. False when a weight has changed, or the code, or when it is no archive at all.
   */
  boolean isIn(Path file) {
    if (!Files.isRegularFile(file)) {
      return false;
    }
    try (var zip = new ZipFile(file.toFile())) {
      List<? extends ZipEntry> found = Collections.list(zip.entries());
      boolean same = found.size() == entries.size();
      for (int i = 0; same && i < found.size(); i++) {
        Entry e = entries.get(i);
        ZipEntry f = found.get(i);
        same =
            f.getName().equals(e.name) && f.getSize() == e.data.byteSize() && f.getCrc() == e.crc;
      }
      return same;
    } catch (IOException e) {
      return false;
    }
  }

  /** Writes the archive to a temporary file beside {@code file}, then moves it there. */
  void writeTo(Path file) throws IOException {
    Path temporary =
        file.resolveSibling(
            file.getFileName() + "." + ProcessHandle.current().pid() + "." + System.nanoTime());
    try {
      try (var out = Files.newOutputStream(temporary, StandardOpenOption.CREATE_NEW);
          var zip = new ZipOutputStream(new BufferedOutputStream(out, CHUNK))) {
        zip.setMethod(ZipOutputStream.STORED);
        long offset = 0;
        byte[] chunk = new byte[CHUNK];
        for (Entry entry : entries) {
          offset = write(entry, zip, offset, chunk);
        }
      }
      Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(temporary);
    }
  }

  /** Writes one entry at {@code offset} of the file; returns where the next one begins. */
  private static long write(Entry entry, ZipOutputStream zip, long offset, byte[] chunk)
      throws IOException {
    long size = entry.data.byteSize();
    long header = LOCAL_HEADER + entry.name.length() + 4;
    int padding = (int) Math.floorMod(-(offset + header), (long) ALIGNMENT);
    var zipEntry = new ZipEntry(entry.name);
    zipEntry.setTimeLocal(TIME);
    zipEntry.setSize(size);
    zipEntry.setCrc(entry.crc);
    zipEntry.setExtra(padding(padding));
    zip.putNextEntry(zipEntry);
    for (long at = 0; at < size; at += chunk.length) {
      int n = (int) Math.min(chunk.length, size - at);
      MemorySegment.copy(entry.data, ValueLayout.JAVA_BYTE, at, chunk, 0, n);
      zip.write(chunk, 0, n);
    }
    zip.closeEntry();
    return offset + header + padding + size;
  }

  /** PyTorch's own way to align: an extra field of the name FB. */
  private static byte[] padding(int length) {
    byte[] field = new byte[4 + length];
    field[0] = 'F';
    field[1] = 'B';
    field[2] = (byte) length;
    return field;
  }
}
