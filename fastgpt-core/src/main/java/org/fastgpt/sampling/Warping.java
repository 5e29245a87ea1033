package org.fastgpt.sampling;

/**
 * Which tokens may be drawn and how likely each is: HuggingFace's logits warpers, applied in the
 * order of the parameters, each to what those before it have left. One token is always left.
 *
 * @param temperature what scores are divided by; 0: the likeliest token, nothing is drawn
 * @param topK keep the k likeliest (and those equal to the last); 0: all
 * @param topP keep the fewest that have this much probability together; 1: all
 * @param minP keep those at least this many times as likely as the likeliest; 0: all
 * @param typicalP keep the most typical that have this much probability together; 1: all
 */
public record Warping(double temperature, int topK, double topP, double minP, double typicalP) {

  /** The likeliest token. */
  public static final Warping GREEDY = new Warping(0, 0, 1, 0, 1);

  /** The model's own probabilities. */
  public static final Warping NONE = new Warping(1, 0, 1, 0, 1);

  public Warping {
    Range.check(
        "temperature", temperature, temperature >= 0, "a number ≥ 0, 0 for the likeliest token,");
    Range.check("top-k", topK, topK >= 0, "a number ≥ 0, 0 for all,");
    Range.check("top-p", topP, topP >= 0 && topP <= 1, "a number in [0, 1], 1 for all,");
    Range.check("min-p", minP, minP >= 0 && minP <= 1, "a number in [0, 1], 0 for all,");
    Range.check(
        "typical-p", typicalP, typicalP > 0 && typicalP <= 1, "a number in (0, 1], 1 for all,");
    if (temperature == 0 && typicalP < 1) {
      throw new IllegalArgumentException(
          "temperature 0 takes the likeliest token, typical-p may forbid it: leave one out");
    }
  }

  /** Whether nothing is drawn. */
  public boolean greedy() {
    return temperature == 0;
  }

  /** Cuts scores that have begun; not for greedy choice. */
  void apply(Scores scores) {
    if (temperature != 1) {
      scores.divide(temperature);
    }
    if (topK > 0) {
      scores.topK(topK);
    }
    if (topP < 1) {
      scores.topP(topP);
    }
    if (minP > 0) {
      scores.minP(minP);
    }
    if (typicalP < 1) {
      scores.typicalP(typicalP);
    }
  }
}
