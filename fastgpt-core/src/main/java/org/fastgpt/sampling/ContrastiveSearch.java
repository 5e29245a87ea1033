package org.fastgpt.sampling;

import java.util.Arrays;
import org.fastgpt.Chooser;
import org.fastgpt.GptConfig;
import org.fastgpt.Session;

/**
 * Contrastive search (Su et al. 2022): of the k likeliest tokens the one with the largest {@code (1
 * - alpha) p - alpha s}, where s is how like its hidden state is to the most similar earlier one,
 * by cosine. Hidden states are those of {@code ln_f}. As transformers' {@code penalty_alpha} and
 * {@code top_k} until version 4.
 *
 * <p>Each candidate is tried in the session itself, which is then rewound: k + 1 passes per token.
 * Not together with drafts. For one session, whose {@link Session#observe probe} it takes.
 */
public final class ContrastiveSearch implements Chooser {

  private final Session session;
  private final double alpha;
  private final int k;
  private final Penalties penalties;
  private final GptConfig config;
  private final Scores scores;
  private final int[] counts;
  private final float[][] hidden; // by position, of length 1 [n_embd]
  private int seen; // positions before it have a hidden state

  /**
   * Over a session that shows its activations.
   *
   * @param alpha weight of the dissimilarity, in [0, 1]
   * @param k number of candidates, at least 1
   * @throws IllegalArgumentException a value is out of range, or the session shows nothing
   */
  public ContrastiveSearch(
      Session session, GptConfig config, Penalties penalties, double alpha, int k) {
    Range.check("penalty alpha", alpha, alpha >= 0 && alpha <= 1, "a number in [0, 1]");
    Range.check("top-k", k, k >= 1 && k <= config.nVocab(), "a number in [1, n_vocab]");
    penalties.check(config);
    this.session = session;
    this.config = config;
    this.penalties = penalties;
    this.alpha = alpha;
    this.k = k;
    scores = new Scores(config.nVocab());
    counts = new int[config.nVocab()];
    hidden = new float[config.nCtx()][];
    if (!session.observe(this::see)) {
      throw blind();
    }
  }

  private void see(String name, int position, int[] shape, float[] values) {
    if (name.equals("ln_f")) { // [n_seq, n_embd]
      for (int t = 0; t < shape[0]; t++) {
        hidden[position + t] = unit(values, t * shape[1], shape[1]);
      }
      seen = position + shape[0];
    }
  }

  @Override
  public int choose(float[] logits, int[] ids, int promptLength, int length) {
    int position = session.position();
    if (seen != position) {
      throw blind();
    }
    scores.load(logits);
    penalties.apply(scores.array(), counts, config.eosTokenId(), ids, promptLength, length);
    scores.begin();
    double[] all = scores.probabilities();
    int[] kept = scores.kept();
    int best = -1;
    double bestScore = Double.NEGATIVE_INFINITY;
    for (int i : likeliest(all)) {
      double score =
          (1 - alpha) * all[i] - (alpha == 0 ? 0 : alpha * similarity(kept[i], position));
      if (score > bestScore) {
        bestScore = score;
        best = kept[i];
      }
    }
    return best;
  }

  /** Indices of the k largest, the largest first. */
  private int[] likeliest(double[] probabilities) {
    var ranking = new Ranking(probabilities.length);
    int[] indices = new int[probabilities.length];
    Arrays.setAll(indices, i -> i);
    ranking.begin(probabilities, indices, indices.length);
    int[] top = new int[Math.min(k, indices.length)];
    Arrays.setAll(top, _ -> ranking.poll());
    return top;
  }

  /** Largest cosine between the hidden state of {@code id} at that position and an earlier one. */
  private double similarity(int id, int position) {
    session.forward(id);
    session.rewind(position);
    seen = position;
    double largest = -1;
    for (int s = 0; s < position; s++) {
      double dot = 0;
      for (int i = 0; i < config.nEmbd(); i++) {
        dot += (double) hidden[position][i] * hidden[s][i];
      }
      largest = Math.max(largest, dot);
    }
    return largest;
  }

  private static float[] unit(float[] values, int from, int n) {
    double squares = 0;
    for (int i = from; i < from + n; i++) {
      squares += (double) values[i] * values[i];
    }
    double length = Math.sqrt(squares);
    float[] unit = new float[n];
    for (int i = 0; i < n; i++) {
      unit[i] = (float) (values[from + i] / length);
    }
    return unit;
  }

  private static IllegalArgumentException blind() {
    return new IllegalArgumentException(
        "contrastive search needs hidden states, and this engine does not show ln_f");
  }
}
