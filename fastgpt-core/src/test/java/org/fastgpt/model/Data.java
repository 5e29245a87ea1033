package org.fastgpt.model;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** The shared fixtures. */
final class Data {
  /** Tests run in the module's folder. */
  static final Path FOLDER = Path.of("..", "data");

  static final Path FORMATS = FOLDER.resolve("formats");

  private Data() {}

  static Map<String, Object> golden(String name) throws IOException {
    return JSON.std.mapFrom(Files.readString(FOLDER.resolve("golden").resolve(name + ".json")));
  }
}
