package org.fastgpt.model;

import java.nio.file.Path;

/** Where models are looked for, during a test: in folders of its own, not in those of the user. */
public final class Homes implements AutoCloseable {
  private static final String HOME = "fastgpt.home";
  private static final String HUB = "fastgpt.hub";

  private final String home = System.getProperty(HOME);
  private final String hub = System.getProperty(HUB);

  /** This program's files are in {@code folder}, and HuggingFace's cache in its "hub". */
  public Homes(Path folder) {
    System.setProperty(HOME, folder.toString());
    System.setProperty(HUB, folder.resolve("hub").toString());
  }

  @Override
  public void close() {
    restore(HOME, home);
    restore(HUB, hub);
  }

  private static void restore(String name, String value) {
    if (value == null) {
      System.clearProperty(name);
    } else {
      System.setProperty(name, value);
    }
  }
}
