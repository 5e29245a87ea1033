package org.fastgpt.cli;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.fastgpt.inspect.Inspection;
import org.fastgpt.inspect.Inspection.Expectation;
import org.fastgpt.inspect.Inspection.Layer;
import org.fastgpt.inspect.Inspection.Reading;
import org.fastgpt.sampling.LogProbabilities.Likely;
import org.fastgpt.tokenizer.Tokenizer;

/**
 * An inspection as a JSON object, by the names of {@code score}: an element for each token, null
 * where there is nothing before it, or after it.
 */
record InspectJson(Optional<Tokenizer> tokenizer) {

  private static final JSON JSON_WITH_NULLS = JSON.std.with(JSON.Feature.WRITE_NULL_PROPERTIES);

  /** One line; {@code about} comes first. */
  String of(Inspection inspection, Map<String, Object> about) throws IOException {
    var object = new LinkedHashMap<>(about);
    text(inspection, object);
    if (!inspection.lens().isEmpty()) {
      object.put("lens", inspection.lens().stream().map(this::layer).toList());
    }
    if (!inspection.attention().isEmpty()) {
      var maps = new ArrayList<Map<String, Object>>();
      inspection
          .attention()
          .forEach(
              (head, weights) -> {
                var map = new LinkedHashMap<String, Object>();
                map.put("layer", head.layer());
                map.put("head", head.head());
                map.put("weights", weights);
                maps.add(map);
              });
      object.put("attentions", maps);
    }
    return JSON_WITH_NULLS.asString(object);
  }

  private void text(Inspection inspection, Map<String, Object> object) {
    var logProbabilities = new ArrayList<Double>();
    var ranks = new ArrayList<Integer>();
    var entropies = new ArrayList<Double>();
    var tops = new ArrayList<List<Map<String, Object>>>();
    for (int t = 0; t < inspection.ids().length; t++) {
      Expectation expected = inspection.of(t).orElse(null);
      logProbabilities.add(expected == null ? null : expected.logProbability());
      ranks.add(expected == null ? null : expected.rank());
      entropies.add(expected == null ? null : expected.entropyBits());
      tops.add(expected == null ? null : top(expected));
    }
    ids("", inspection.ids(), object);
    object.put("logprobs", logProbabilities);
    object.put("ranks", ranks);
    object.put("entropies_bits", entropies);
    object.put("top", tops);
    var next = new LinkedHashMap<String, Object>();
    next.put("entropy_bits", inspection.expectations().getLast().entropyBits());
    next.put("top", top(inspection.expectations().getLast()));
    object.put("next", next);
  }

  private List<Map<String, Object>> top(Expectation expected) {
    var all = new ArrayList<Map<String, Object>>();
    for (Likely likely : expected.top()) {
      var one = new LinkedHashMap<String, Object>();
      one.put("id", likely.id());
      tokenizer.ifPresent(t -> one.put("token", t.decode(likely.id())));
      one.put("logprob", likely.logProbability());
      all.add(one);
    }
    return all;
  }

  private Map<String, Object> layer(Layer layer) {
    var object = new LinkedHashMap<String, Object>();
    object.put("name", layer.name());
    List<Reading> readings = layer.readings();
    ids("top_", readings.stream().mapToInt(r -> r.top().id()).toArray(), object);
    object.put("top_logprobs", readings.stream().map(r -> r.top().logProbability()).toList());
    var logProbabilities = new ArrayList<Double>();
    var ranks = new ArrayList<Integer>();
    for (Reading reading : readings) {
      logProbabilities.add(reading.rank() == 0 ? null : reading.logProbability());
      ranks.add(reading.rank() == 0 ? null : reading.rank());
    }
    object.put("next_logprobs", logProbabilities);
    object.put("next_ranks", ranks);
    return object;
  }

  private void ids(String prefix, int[] ids, Map<String, Object> object) {
    object.put(prefix + "ids", ids);
    tokenizer.ifPresent(
        t -> object.put(prefix + "tokens", Arrays.stream(ids).mapToObj(t::decode).toList()));
  }
}
