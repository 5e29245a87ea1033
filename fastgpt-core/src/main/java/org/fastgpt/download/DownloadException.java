package org.fastgpt.download;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;

/** A download that cannot go on. The message is one line, and says what to do. */
final class DownloadException extends IOException {
  private static final long serialVersionUID = 1L;

  DownloadException(String message) {
    super(message);
  }

  DownloadException(String message, Throwable cause) {
    super(message, cause);
  }

  /** For what the disk did not do. */
  static DownloadException ofDisk(Path file, IOException e) {
    String why =
        switch (e) {
          case AccessDeniedException _ -> "permission denied";
          case FileSystemException f when f.getReason() != null -> f.getReason();
          case FileSystemException f -> f.getClass().getSimpleName();
          default -> e.getMessage(); // such as "No space left on device"
        };
    return new DownloadException(file + ": " + why, e);
  }
}
