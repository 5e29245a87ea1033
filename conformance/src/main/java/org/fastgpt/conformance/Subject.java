package org.fastgpt.conformance;

import java.util.List;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.EngineProvider;
import org.fastgpt.Engines;
import org.fastgpt.model.Model;

/**
 * An engine under test, in one way of running it.
 *
 * @param name what the report calls it
 * @param way how it is opened
 * @param otherWays further ways of running the same engine, that must give the same bits if it
 *     promises that
 */
public record Subject(String name, Way way, List<Way> otherWays) {

  /** A provider with options. */
  public record Way(String name, EngineProvider provider, EngineOptions options) {

    /** The engine of that name on the class path. */
    public static Way of(String engine, EngineOptions options) {
      return new Way(engine + " " + options, Engines.named(engine), options);
    }

    public Engine open(Model model) {
      return provider.open(model, options);
    }
  }

  /** An engine with one way to run it. */
  public static Subject of(String name, EngineProvider provider, EngineOptions options) {
    return new Subject(name, new Way(name, provider, options), List.of());
  }
}
