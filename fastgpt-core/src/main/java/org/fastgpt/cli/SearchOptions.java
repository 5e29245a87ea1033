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

/** Beam search, contrastive search and several texts, by HuggingFace's names. */
final class SearchOptions {

  private static final int MOST_DRAWN = 1024; // as many as there may be beams

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
      description = "The M best texts of a beam search, or M that are drawn.")
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

  /** Whether several texts are drawn. */
  boolean draws() {
    return returned != null && !beams();
  }

  /** How many texts are printed. */
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
      checkDrawn(sampling);
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

  private void checkDrawn(SamplingOptions sampling) {
    if (!draws()) {
      return;
    }
    if (returned < 1 || returned > MOST_DRAWN) {
      throw new IllegalArgumentException(
          "--num-return-sequences " + returned + ": a number in [1, " + MOST_DRAWN + "] expected");
    }
    conflict("--num-return-sequences", true, "--penalty-alpha", contrastive());
    if (sampling.warping().greedy()) {
      throw new IllegalArgumentException(
          "--num-return-sequences needs --num-beams, or sampling, as by --temperature 0.8: the"
              + " likeliest token is but one");
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
