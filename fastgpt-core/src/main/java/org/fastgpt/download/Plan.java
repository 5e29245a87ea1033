package org.fastgpt.download;

import java.util.List;

/**
 * What is to be downloaded.
 *
 * @param name what the model is called here
 * @param place where it comes from, without "https://"
 * @param files in the order in which they are fetched
 */
public record Plan(String name, String place, List<RemoteFile> files) {

  public Plan {
    files = List.copyOf(files);
  }

  /** In bytes, as far as the server says. */
  public long size() {
    return files.stream().mapToLong(file -> Math.max(0, file.size())).sum();
  }
}
