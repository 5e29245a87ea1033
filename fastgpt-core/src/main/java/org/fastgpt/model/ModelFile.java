package org.fastgpt.model;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;

/** Reads the files of a model. Whatever is wrong with one becomes one line that names it. */
final class ModelFile {
  private ModelFile() {}

  /**
   * All bytes of the file, read-only: mapped, so that loading costs page faults only, or, inside a
   * jar, where nothing can be mapped, copied to native memory. The file must not be made shorter
   * while the arena is open: the system then ends the access with an error of its own.
   */
  static MemorySegment map(Path file, Arena arena) {
    long size = sizeOfRegularFile(file);
    try {
      if (!file.getFileSystem().equals(FileSystems.getDefault())) {
        return copy(file, size, arena);
      }
      try (var channel = FileChannel.open(file, StandardOpenOption.READ)) {
        return channel.map(FileChannel.MapMode.READ_ONLY, 0, size, arena);
      }
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  /**
   * The text of the file, which must be UTF-8.
   *
   * @param limit number of bytes above which it is not read: a text of this kind is never so long
   */
  static String text(Path file, long limit) {
    checkSize(file, limit);
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  /**
   * The bytes of the file.
   *
   * @param limit as for {@link #text}
   */
  static byte[] bytes(Path file, long limit) {
    checkSize(file, limit);
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  private static void checkSize(Path file, long limit) {
    long size = sizeOfRegularFile(file);
    if (size > limit) {
      throw new ModelException(file + ": at most " + limit + " bytes expected, " + size + " found");
    }
  }

  /** What stopped the reading or writing of {@code file}, in one line. */
  static ModelException unreadable(Path file, IOException e) {
    String why =
        switch (e) {
          case NoSuchFileException _ ->
              Files.isSymbolicLink(file) ? "a link to a file that is not there" : "no such file";
          case AccessDeniedException _ -> "permission denied";
          case CharacterCodingException _ -> "not UTF-8";
          case FileSystemException f when f.getReason() != null -> f.getReason();
          default -> e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        };
    return new ModelException(file + ": " + why, e);
  }

  /**
   * Follows links, as HuggingFace's cache has them, but to nothing that could block or be endless.
   */
  private static long sizeOfRegularFile(Path file) {
    try {
      var attributes = Files.readAttributes(file, BasicFileAttributes.class);
      if (!attributes.isRegularFile()) {
        String found = attributes.isDirectory() ? "a directory" : "a device or pipe";
        throw new ModelException(file + ": a regular file expected, " + found + " found");
      }
      return attributes.size();
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  private static MemorySegment copy(Path file, long size, Arena arena) throws IOException {
    MemorySegment bytes = arena.allocate(size, 64);
    byte[] buffer = new byte[1 << 16];
    try (InputStream in = Files.newInputStream(file)) {
      for (long at = 0; at < size; ) {
        int n = in.read(buffer, 0, (int) Math.min(buffer.length, size - at));
        if (n < 0) {
          throw new EOFException("ends after " + at + " of " + size + " bytes");
        }
        MemorySegment.copy(MemorySegment.ofArray(buffer), 0, bytes, at, n);
        at += n;
      }
    }
    return bytes.asReadOnly();
  }
}
