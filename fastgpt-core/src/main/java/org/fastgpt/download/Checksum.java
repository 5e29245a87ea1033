package org.fastgpt.download;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * What the bytes of a file must come to.
 *
 * @param hex lower case
 */
public record Checksum(Kind kind, String hex) {

  /** How it is computed. */
  public enum Kind {
    SHA256("SHA-256"),
    /** What git, and so HuggingFace, calls a file by: SHA-1 of "blob", its size, 0, its bytes. */
    GIT_SHA1("SHA-1"),
    MD5("MD5");

    private final String algorithm;

    Kind(String algorithm) {
      this.algorithm = algorithm;
    }
  }

  /** That of a file. */
  static Checksum of(Kind kind, Path file) throws IOException {
    MessageDigest digest = digest(kind);
    if (kind == Kind.GIT_SHA1) {
      digest.update(("blob " + Files.size(file) + "\0").getBytes(StandardCharsets.US_ASCII));
    }
    byte[] buffer = new byte[1 << 16];
    try (InputStream in = Files.newInputStream(file)) {
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        digest.update(buffer, 0, n);
      }
    }
    return new Checksum(kind, HexFormat.of().formatHex(digest.digest()));
  }

  private static MessageDigest digest(Kind kind) {
    try {
      return MessageDigest.getInstance(kind.algorithm);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has " + kind.algorithm, e);
    }
  }

  /** Such as "SHA-256 1961…". */
  @Override
  public String toString() {
    return (kind == Kind.GIT_SHA1 ? "git SHA-1" : kind.algorithm) + " " + hex;
  }
}
