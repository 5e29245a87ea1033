package org.fastgpt.conformance;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.fastgpt.EngineOptions;
import org.fastgpt.EngineProvider;
import org.fastgpt.Engines;
import org.fastgpt.conformance.Subject.Way;

/** The engines on the class path, each in the ways in which it is examined. */
public final class Subjects {
  private Subjects() {}

  private static final List<Integer> WIDTHS = List.of(128, 256, 512);

  /**
   * All of them: the core by scalar kernels, at each vector width and by OpenBLAS, HuggingFace's
   * trace and its archive in PyTorch, ND4J with cache and without, and any other that the class
   * path has.
   */
  public static List<Subject> all() {
    var all = new ArrayList<Subject>();
    for (EngineProvider provider : Engines.all()) {
      all.addAll(of(provider));
    }
    return all;
  }

  /** The subjects of the engine, or subject, of that name. */
  public static List<Subject> named(String name) {
    List<Subject> exact = all().stream().filter(s -> s.name().equals(name)).toList();
    return exact.isEmpty() ? of(Engines.named(name)) : exact;
  }

  private static List<Subject> of(EngineProvider provider) {
    return switch (provider.name()) {
      case "core" -> core(provider);
      case "djl" ->
          List.of(
              Subject.of("djl-trace", provider, options(1, "archive", "trace")),
              Subject.of("djl-archive", provider, options(1, "archive", "java")));
      case "nd4j" ->
          List.of(
              Subject.of("nd4j", provider, options(1, "form", "cache")),
              Subject.of("nd4j-plain", provider, options(1, "form", "plain")));
      case "program" -> List.of(); // has to be told which
      default -> List.of(Subject.of(provider.name(), provider, EngineOptions.DEFAULT));
    };
  }

  /** The scalar engine is the definition: it is compared with all others, the others with it. */
  private static List<Subject> core(EngineProvider provider) {
    Way scalar = way("scalar, 1 thread", provider, 1, "scalar");
    var scalarToo = new ArrayList<Way>();
    scalarToo.add(way("scalar, 2 threads", provider, 2, "scalar"));
    var subjects = new ArrayList<Subject>();
    for (int bits : WIDTHS) {
      var atWidth = new CoreAtWidth(bits);
      Way one = way(bits + " bits, 1 thread", atWidth, 1, "vector");
      Way two = way(bits + " bits, 2 threads", atWidth, 2, "vector");
      Way three = way(bits + " bits, 3 threads", atWidth, 3, "vector");
      scalarToo.add(two);
      subjects.add(new Subject(atWidth.name(), two, List.of(scalar, one, three)));
    }
    subjects.addFirst(new Subject("core-scalar", scalar, scalarToo));
    subjects.add(Subject.of("core-openblas", provider, options(2, "kernels", "openblas")));
    return subjects;
  }

  private static Way way(String name, EngineProvider provider, int threads, String kernels) {
    return new Way(name, provider, options(threads, "kernels", kernels));
  }

  private static EngineOptions options(int threads, String setting, String value) {
    return new EngineOptions(threads, Map.of(setting, value));
  }
}
