package org.fastgpt.conformance.program;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.LongStream;
import org.fastgpt.BatchGenerator;
import org.fastgpt.Engine;
import org.fastgpt.GptConfig;
import org.fastgpt.ParameterView;
import org.fastgpt.Promise;
import org.fastgpt.Session;
import org.fastgpt.TextCodec;
import org.fastgpt.conformance.program.Answer.Fault;
import org.fastgpt.model.Model;

/**
 * A program as an engine. Arguments go to it unchecked: that it refuses bad ones, and how, is the
 * program's own merit.
 */
final class ProgramEngine implements Engine, TextCodec, ParameterView, BatchGenerator {
  private static final Map<String, Class<?>> MORE =
      Map.of(
          "text",
          TextCodec.class,
          "parameters",
          ParameterView.class,
          "generate",
          BatchGenerator.class);
  private static final Set<String> CAN =
      Set.of("logits", "activations", "text", "parameters", "generate");
  private static final int TOKEN_NUMBERS = 16; // the bytes of the longest token of GPT-2, 128

  private final Program program;
  private final GptConfig config;
  private final String name;
  private final Set<Promise> promises = EnumSet.noneOf(Promise.class);
  private final Set<String> can;

  /** Has the program load the model. The engine is a {@link TextCodec} and so on if it says so. */
  static Engine open(Program program, Model model, int threads) {
    try {
      Map<String, ?> request =
          Map.of(
              "op", "open", "model", model.path().toAbsolutePath().toString(), "threads", threads);
      return program
          .ask(request, 0, (answer, _) -> new ProgramEngine(program, model.config(), answer))
          .asFarAsItCan();
    } catch (RuntimeException | Error e) {
      program.close();
      throw e;
    }
  }

  private ProgramEngine(Program program, GptConfig config, Answer opened) {
    this.program = program;
    this.config = config;
    name = program.name() + "-" + opened.text("name");
    if (!name.matches("[\\w.+-]{1,60}")) {
      throw new Fault("name: letters, digits and .+-_ expected, " + name + " found");
    }
    can = new LinkedHashSet<>(opened.texts("can"));
    if (!CAN.containsAll(can)) {
      throw new Fault("can: some of " + CAN + " expected, " + can + " found");
    }
    for (String promise : opened.texts("promises")) {
      promises.add(
          Arrays.stream(Promise.values())
              .filter(known -> known.name().equals(promise))
              .findAny()
              .orElseThrow(() -> new Fault("promises: " + promise + " is unknown")));
    }
    require("n_vocab", config.nVocab(), opened.integer("n_vocab"));
    require("n_ctx", config.nCtx(), opened.integer("n_ctx"));
  }

  private static void require(String key, int expected, int found) {
    if (found != expected) {
      throw new Fault(key + ": " + expected + " expected, " + found + " found");
    }
  }

  private Engine asFarAsItCan() {
    var kinds = new ArrayList<Class<?>>(List.of(Engine.class));
    can.stream().filter(MORE::containsKey).map(MORE::get).forEach(kinds::add);
    return (Engine)
        Proxy.newProxyInstance(
            getClass().getClassLoader(),
            kinds.toArray(Class[]::new),
            (_, method, arguments) -> {
              try {
                return method.invoke(this, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public GptConfig config() {
    return config;
  }

  @Override
  public Set<Promise> promises() {
    return Set.copyOf(promises);
  }

  @Override
  public Session newSession() {
    if (!can.contains("logits")) {
      throw new NoLogitsException(name);
    }
    int session = program.ask(Map.of("op", "new"), 0, (answer, _) -> answer.integer("session"));
    return new ProgramSession(program, config, session, can.contains("activations"));
  }

  @Override
  public int[] encode(String text) {
    return program.ask(
        Map.of("op", "encode", "text", text),
        4L * text.length(), // bytes of UTF-8; an id for each at most
        (answer, _) -> answer.integers("ids"));
  }

  @Override
  public byte[] decodeBytes(int... ids) {
    return program.ask(
        Map.of("op", "decode", "ids", ids),
        (long) TOKEN_NUMBERS * ids.length,
        (answer, _) -> answer.bytes("bytes"));
  }

  @Override
  public float[] parameter(String parameter) {
    long largest =
        (long) config.nEmbd()
            * LongStream.of(config.nVocab(), config.nCtx(), config.nInner(), 3L * config.nEmbd())
                .max()
                .getAsLong();
    return program.ask(
        Map.of("op", "parameter", "name", parameter),
        largest,
        (answer, _) -> answer.floats("values"));
  }

  @Override
  public List<int[]> generateBatch(List<int[]> prompts, int newTokens) {
    return program.ask(
        Map.of("op", "generate", "prompts", prompts, "n", newTokens),
        (long) prompts.size() * newTokens,
        (answer, _) -> {
          List<int[]> ids = answer.integerLists("ids");
          if (ids.size() != prompts.size()
              || !ids.stream().allMatch(row -> row.length == newTokens)) {
            throw new Fault("ids: " + newTokens + " for each of " + prompts.size() + " expected");
          }
          return ids;
        });
  }

  @Override
  public void close() {
    program.close();
  }
}
