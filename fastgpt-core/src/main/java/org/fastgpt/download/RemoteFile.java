package org.fastgpt.download;

import java.net.URI;
import java.util.Optional;

/**
 * A file of a model, where it is published.
 *
 * @param name what it is called in the model's folder; no path
 * @param size in bytes, -1 if the server does not say
 * @param version differs when the content does; empty if the server does not say
 */
public record RemoteFile(
    String name, URI address, long size, String version, Optional<Checksum> checksum) {

  /** Whether the server says the size. */
  public boolean hasSize() {
    return size >= 0;
  }
}
