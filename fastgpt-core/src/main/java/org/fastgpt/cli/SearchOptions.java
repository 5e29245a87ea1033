package org.fastgpt.cli;

import java.util.Locale;
import java.util.Set;
import org.fastgpt.GptConfig;
import org.fastgpt.Session;
import org.fastgpt.sampling.BeamSearch;
import org.fastgpt.sampling.BeamSearch.EarlyStopping;
import org.fastgpt.sampling.ContrastiveSearch;
import org.fastgpt.sampling.Penalties;
import picocli.CommandLine.Option;

/** Beam search and contrastive search, by HuggingFace's names. */
final class SearchOptions {

  @Option(
      names = {"--num-beams", "--num_beams"},
      paramLabel = "N",
      description = "Beam search: continue the N likeliest texts at once.")
  private Integer beams;

  @Option(
      names = {"--length-penalty", "--length_penalty"},
      paramLabel = "X",
      description = "Of beam search: above 0 favours long texts, below 0 short ones (default: 1).")
  private Double lengthPenalty;

  @Option(
      names = {"--early-stopping", "--early_stopping"},
      paramLabel = "WHEN",
      description =
          "Of beam search: end as soon as N texts have ended (true), when no other is better now"
              + " (false, the default), or can become better (never).")
  private String earlyStopping;

  @Option(
      names = {"--num-return-sequences", "--num_return_sequences"},
      paramLabel = "M",
      description = "Of beam search: the M best texts (default: 1).")
  private Integer returned;

  @Option(
      names = {"--penalty-alpha", "--penalty_alpha"},
      paramLabel = "A",
      description =
          "Contrastive search: of the --top-k likeliest, the one least like what was there.")
  private Double penaltyAlpha;

  boolean beams() {
    return beams != null;
  }

  boolean contrastive() {
    return penaltyAlpha != null;
  }

  /** How many of the beams are printed. */
  int returned() {
    return returned == null ? 1 : returned;
  }

  /**
   * Checks what does not depend on the model.
   *
   * @throws IllegalArgumentException options that do not go together
   */
  void check(SamplingOptions sampling) {
    if (!beams()) {
      needsBeams(lengthPenalty != null, "--length-penalty");
      needsBeams(earlyStopping != null, "--early-stopping");
      needsBeams(returned != null, "--num-return-sequences");
    } else if (returned != null && (returned < 1 || returned > beams)) {
      throw new IllegalArgumentException(
          "--num-return-sequences " + returned + ": a number in [1, --num-beams] expected");
    }
    for (String drawing : sampling.drawing()) {
      conflict("--num-beams", beams(), drawing, true);
      conflict("--penalty-alpha", contrastive(), drawing, !drawing.equals("--top-k"));
    }
    conflict("--num-beams", beams(), "--penalty-alpha", contrastive());
    if (contrastive() && sampling.topK().isEmpty()) {
      throw new IllegalArgumentException("--penalty-alpha needs --top-k, the number of candidates");
    }
  }

  private static void needsBeams(boolean given, String option) {
    if (given) {
      throw new IllegalArgumentException(option + " is for beam search: it needs --num-beams");
    }
  }

  /**
   * Refuses two options that contradict each other.
   *
   * @throws IllegalArgumentException both are there
   */
  static void conflict(String one, boolean first, String other, boolean second) {
    if (first && second) {
      throw new IllegalArgumentException(
          one + " and " + other + " do not go together: leave one out");
    }
  }

  BeamSearch beamSearch(Penalties penalties, boolean stopAtEndOfText, Set<Integer> stopTokens) {
    return new BeamSearch(
        beams,
        lengthPenalty == null ? 1 : lengthPenalty,
        early(),
        penalties,
        stopAtEndOfText,
        stopTokens);
  }

  private EarlyStopping early() {
    try {
      return earlyStopping == null
          ? EarlyStopping.FALSE
          : EarlyStopping.valueOf(earlyStopping.toUpperCase(Locale.ROOT));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "--early-stopping " + earlyStopping + ": true, false or never expected", e);
    }
  }

  ContrastiveSearch contrastiveSearch(
      Session session, GptConfig config, Penalties penalties, int candidates) {
    return new ContrastiveSearch(session, config, penalties, penaltyAlpha, candidates);
  }
}
