package org.fastgpt.conformance;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.fastgpt.Tolerances;

/**
 * What was measured of an engine on a model, for the report.
 *
 * @param greedy greedy continuations beside the expected ones
 * @param ulpHistogram of the logits against the oracle: bin i counts errors of up to 2^(i - 4) ulp
 *     of the largest logit of the row, the last bin all larger ones
 * @param errorByActivation relative error of each activation that was shown, in order
 * @param boundByActivation what rounding explains of each, as of {@link Tolerances#activation}
 * @param divergence where the engine first leaves the oracle, if it does
 */
public record Evidence(
    String engine,
    String model,
    List<GreedyRun> greedy,
    long[] ulpHistogram,
    Map<String, Double> errorByActivation,
    Map<String, Double> boundByActivation,
    Optional<Divergence> divergence) {

  /** Number of bins of the histogram. */
  public static final int BINS = 16;

  /** The bin of an error in ulp. */
  public static int bin(double ulp) {
    int bin = 0;
    for (double edge = 0x1p-4; bin < BINS - 1 && ulp > edge; edge *= 2) {
      bin++;
    }
    return bin;
  }
}
