package org.fastgpt.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/** The text of a chat in a file, UTF-8. What goes wrong is an IllegalArgumentException's line. */
final class TranscriptFile {

  /** Far more than anyone types; what is larger is some other file. */
  private static final int MAX_BYTES = 1 << 20;

  private TranscriptFile() {}

  /** All or nothing: what the file had before stays until the new text is complete. */
  static void write(Path file, String text, boolean replace) {
    Path part = null;
    try {
      if (!replace && Files.exists(file)) {
        throw new FileAlreadyExistsException(file.toString());
      }
      part = Files.createTempFile(file.toAbsolutePath().getParent(), ".fastgpt-chat", ".part");
      Files.writeString(part, text);
      Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw failed(file, e);
    } finally {
      delete(part);
    }
  }

  private static void delete(Path part) {
    try {
      if (part != null) {
        Files.deleteIfExists(part);
      }
    } catch (IOException _) {
      // the file is written, or what failed before says more
    }
  }

  /** The whole text. */
  static String read(Path file) {
    if (Files.exists(file) && !Files.isRegularFile(file)) { // a pipe could be waited on for ever
      throw new IllegalArgumentException(file + ": is not a file");
    }
    try (InputStream in = Files.newInputStream(file)) {
      byte[] bytes = in.readNBytes(MAX_BYTES + 1);
      if (bytes.length > MAX_BYTES) {
        throw new IllegalArgumentException(
            file + ": is larger than " + MAX_BYTES + " bytes, so it is no chat");
      }
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (IOException e) {
      throw failed(file, e);
    }
  }

  private static IllegalArgumentException failed(Path file, IOException e) {
    String why =
        switch (e) {
          case FileAlreadyExistsException _ -> "is there already; /save! replaces it";
          case NoSuchFileException _ -> "no such file or folder";
          case AccessDeniedException _ -> "permission denied";
          case CharacterCodingException _ -> "is not UTF-8 text";
          default -> e.getMessage();
        };
    return new IllegalArgumentException(file + ": " + why, e);
  }
}
