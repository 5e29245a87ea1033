package org.fastgpt;

import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;

/** The engines on the class path. */
public final class Engines {
  private Engines() {}

  /** All providers, in the order in which the class path has them. */
  public static List<EngineProvider> all() {
    var all = new ArrayList<EngineProvider>();
    ServiceLoader.load(EngineProvider.class).forEach(all::add);
    return all;
  }

  /**
   * The provider of that name.
   *
   * @throws IllegalArgumentException none is there; the message lists those that are
   */
  public static EngineProvider named(String name) {
    for (EngineProvider provider : all()) {
      if (provider.name().equals(name)) {
        return provider;
      }
    }
    throw new IllegalArgumentException(
        "engine '"
            + name
            + "' is unknown; on the class path: "
            + String.join(", ", all().stream().map(EngineProvider::name).toList()));
  }
}
