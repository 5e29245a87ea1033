package org.fastgpt.conformance.speed;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.fastgpt.Engines;
import org.fastgpt.conformance.Subjects;
import org.fastgpt.conformance.program.ProgramProvider;

/**
 * What takes part: an engine in one way of running it, or a foreign program.
 *
 * @param name what the tables call it
 * @param engine the provider's name; empty for a program
 * @param settings the engine's own settings
 * @param javaOptions further options for its JVM
 * @param command the words of a program's command, with their placeholders; empty for an engine
 */
public record Entrant(
    String name,
    String engine,
    Map<String, String> settings,
    List<String> javaOptions,
    List<String> command) {

  private static final Pattern NAME = Pattern.compile("([^\\[\\]]+)(?:\\[([^\\[\\]]*)])?");
  private static final Pattern CORE_AT_WIDTH = Pattern.compile("core-vector-(128|256|512)");

  /**
   * An engine, or one way of running it by the name that {@code check} gives it, with settings in
   * brackets: {@code core}, {@code djl-archive}, {@code core[kernels=scalar;other=value]}.
   *
   * @throws IllegalArgumentException there is no such engine, or the brackets are not as above
   */
  public static Entrant engine(String text) {
    Matcher matcher = NAME.matcher(text);
    if (!matcher.matches()) {
      throw new IllegalArgumentException(
          "engine '" + text + "': NAME or NAME[setting=value;...] expected");
    }
    Entrant plain = named(matcher.group(1));
    if (matcher.group(2) == null) {
      return plain;
    }
    var settings = new LinkedHashMap<>(plain.settings);
    for (String setting : matcher.group(2).split("[;,]", -1)) {
      int at = setting.indexOf('=');
      if (at < 1) {
        throw new IllegalArgumentException(
            "engine '" + text + "': setting=value expected, '" + setting + "' found");
      }
      settings.put(setting.substring(0, at).strip(), setting.substring(at + 1).strip());
    }
    return new Entrant(text, plain.engine, settings, plain.javaOptions, List.of());
  }

  private static Entrant named(String name) {
    Matcher width = CORE_AT_WIDTH.matcher(name);
    if (width.matches()) {
      String option = "-Dfastgpt.vectorBits=" + width.group(1);
      return new Entrant(name, "core", Map.of("kernels", "vector"), List.of(option), List.of());
    }
    if (Engines.all().stream().anyMatch(provider -> provider.name().equals(name))) {
      return new Entrant(name, name, Map.of(), List.of(), List.of());
    }
    var way = Subjects.named(name).getFirst().way();
    return new Entrant(name, way.provider().name(), way.options().settings(), List.of(), List.of());
  }

  /**
   * A foreign program, started by a command line.
   *
   * @param command words and quotes as in a shell, without a shell; in each word {@code {model}},
   *     {@code {prompt}}, {@code {ids}}, {@code {n}} and {@code {threads}} are then replaced
   * @throws IllegalArgumentException the command is empty, or a quote is not closed
   */
  public static Entrant program(String name, String command) {
    List<String> words = ProgramProvider.split(command);
    if (words.isEmpty()) {
      throw new IllegalArgumentException("program '" + name + "': the command is empty");
    }
    return new Entrant(name, "", Map.of(), List.of(), words);
  }

  boolean isProgram() {
    return engine.isEmpty();
  }
}
