package org.fastgpt.cli;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.fastgpt.Engine;
import org.fastgpt.Generator;
import org.fastgpt.Generator.Stop;
import org.fastgpt.model.Model;
import org.fastgpt.sampling.BeamSearch.Hypothesis;
import org.fastgpt.sampling.LogProbabilities.Likely;
import org.fastgpt.sampling.LogProbabilities.Step;
import org.fastgpt.tokenizer.Tokenizer;

/** What {@code --json} prints. */
final class Answer {

  private final Map<String, Object> object = new LinkedHashMap<>();
  private final Optional<Tokenizer> tokenizer;
  private final long startNanos = System.nanoTime();

  /** Begins with the question; the clock runs from here. */
  Answer(Model model, Engine engine, Optional<Tokenizer> tokenizer, int[] prompt) {
    this.tokenizer = tokenizer;
    object.put("model", model.name());
    object.put("engine", engine.name());
    tokenizer.ifPresent(t -> object.put("prompt", t.decode(prompt)));
    object.put("prompt_ids", prompt);
  }

  void seed(long seed) {
    object.put("seed", seed);
  }

  void result(Generator.Result result, String text) {
    sequence(object, result.ids(), text, result.stop());
    if (result.left() > 0) {
      object.put(Continuation.LEFT_OUT, result.left());
    }
  }

  void timings(Map<String, Object> timings) {
    object.put("timings", timings);
  }

  void logProbabilities(List<Step> steps) {
    object.put("logprobs", described(steps, tokenizer));
  }

  /** What the model thought of each choice. */
  static List<Map<String, Object>> described(List<Step> steps, Optional<Tokenizer> tokenizer) {
    var all = new ArrayList<Map<String, Object>>();
    for (Step step : steps) {
      Map<String, Object> one = described(step.chosen(), tokenizer);
      one.put("top", step.top().stream().map(likely -> described(likely, tokenizer)).toList());
      all.add(one);
    }
    return all;
  }

  private static Map<String, Object> described(Likely likely, Optional<Tokenizer> tokenizer) {
    var one = new LinkedHashMap<String, Object>();
    one.put("id", likely.id());
    tokenizer.ifPresent(t -> one.put("token", t.decode(likely.id())));
    one.put("logprob", likely.logProbability());
    return one;
  }

  /** Several texts, best first. */
  void hypotheses(List<Hypothesis> best) {
    var all = new ArrayList<Map<String, Object>>();
    for (Hypothesis h : best) {
      var one = new LinkedHashMap<String, Object>();
      sequence(one, h.ids(), tokenizer.map(t -> t.decode(h.ids())).orElse(""), h.stop());
      one.put("score", h.score());
      all.add(one);
    }
    object.put("sequences", all);
  }

  /** Several texts, as they were drawn. */
  void drawn(List<Map<String, Object>> texts) {
    object.put("sequences", texts);
  }

  private void sequence(Map<String, Object> to, int[] ids, String text, Stop stop) {
    to.put("new_ids", ids);
    tokenizer.ifPresent(_ -> to.put("text", text));
    to.put("stop", stop.name().toLowerCase(Locale.ROOT));
  }

  /** One object, with the time until now. */
  String json() {
    object.put("seconds", (System.nanoTime() - startNanos) / 1e9);
    try {
      return JSON.std.asString(object);
    } catch (IOException e) {
      throw new AssertionError("writing to a string", e);
    }
  }
}
