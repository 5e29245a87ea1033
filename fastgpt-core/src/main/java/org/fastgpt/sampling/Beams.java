package org.fastgpt.sampling;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.fastgpt.Generator.Stop;
import org.fastgpt.GptConfig;
import org.fastgpt.sampling.BeamSearch.EarlyStopping;
import org.fastgpt.sampling.BeamSearch.Hypothesis;

/** One run of a {@link BeamSearch}; the steps are those of transformers' {@code _beam_search}. */
final class Beams {

  /** A text that may go on. */
  private record Beam(int[] ids, double logProbability) {}

  /** A beam's text and one token more. */
  private record Candidate(int beam, int id, double logProbability) {}

  private static final Comparator<Candidate> BEST_FIRST =
      Comparator.comparingDouble(Candidate::logProbability)
          .reversed()
          .thenComparingInt(Candidate::beam)
          .thenComparingInt(Candidate::id);

  private final BeamSearch search;
  private final GptConfig config;
  private final BeamSessions sessions;
  private final int promptLength;
  private final int wanted; // new tokens
  private final Stop whenLong;
  private final int keep; // candidates of a step: enough that some go on if all others end
  private final Scores scores;
  private final Ranking ranking;
  private final int[] counts;
  private final double[] log;
  private List<Beam> running;
  private List<Hypothesis> finished = List.of(); // best first

  Beams(BeamSearch search, GptConfig config, BeamSessions sessions, int[] prompt, int n) {
    this.search = search;
    this.config = config;
    this.sessions = sessions;
    promptLength = prompt.length;
    int room = config.nCtx() - prompt.length;
    wanted = n < 0 ? room : Math.min(n, room);
    whenLong = wanted == n ? Stop.LENGTH : Stop.CONTEXT_FULL;
    int ends = search.stopTokens().size() + (search.stopAtEndOfText() ? 1 : 0);
    keep = Math.max(2, 1 + ends) * search.beams();
    scores = new Scores(config.nVocab());
    ranking = new Ranking(config.nVocab());
    counts = new int[config.nVocab()];
    log = new double[config.nVocab()];
    running = List.of(new Beam(prompt, 0));
  }

  List<Hypothesis> search(BooleanSupplier goOn) {
    int length = 0;
    while (length < wanted && mayImprove(length)) {
      if (!goOn.getAsBoolean()) {
        cancel(length);
        break;
      }
      step(++length);
    }
    return finished;
  }

  /** What goes on ends here. */
  private void cancel(int length) {
    var ended = new ArrayList<Hypothesis>();
    for (Beam beam : running) {
      ended.add(hypothesis(beam, Math.max(1, length), Stop.CANCELLED));
    }
    finish(ended);
  }

  /** One token more, the {@code length}-th new one. */
  private void step(int length) {
    List<Candidate> best = candidates();
    var ended = new ArrayList<Hypothesis>();
    var goingOn = new ArrayList<Candidate>();
    for (int rank = 0; rank < best.size(); rank++) {
      Candidate c = best.get(rank);
      boolean ends = ends(c.id());
      if (!ends && length < wanted) {
        if (goingOn.size() < search.beams()) {
          goingOn.add(c);
        }
      } else if (rank < search.beams()) { // one that ends must be among the best
        Beam text = new Beam(ends ? running.get(c.beam()).ids() : text(c), c.logProbability());
        ended.add(hypothesis(text, length, ends ? stop(c.id()) : whenLong));
      }
    }
    finish(ended);
    List<Beam> next = goingOn.stream().map(c -> new Beam(text(c), c.logProbability())).toList();
    sessions.reorder(
        goingOn.stream().mapToInt(Candidate::beam).toArray(),
        next.stream().map(Beam::ids).toArray(int[][]::new));
    running = next;
  }

  /** The best continuations of all beams, best first. */
  private List<Candidate> candidates() {
    var all = new ArrayList<Candidate>();
    for (int b = 0; b < running.size(); b++) {
      Beam beam = running.get(b);
      int[] ids = beam.ids();
      LogProbabilities.logSoftmax(sessions.logits(b, ids), log);
      scores.load(log);
      search
          .penalties()
          .apply(scores.array(), counts, config.eosTokenId(), ids, promptLength, ids.length);
      scores.begin();
      int[] kept = scores.kept();
      ranking.begin(scores.array(), kept, kept.length);
      for (int i = 0; i < keep && !ranking.isEmpty(); i++) {
        double logProbability = beam.logProbability() + ranking.next();
        all.add(new Candidate(b, ranking.poll(), logProbability));
      }
    }
    all.sort(BEST_FIRST);
    return all.subList(0, Math.min(keep, all.size()));
  }

  private void finish(List<Hypothesis> more) {
    var all = new ArrayList<>(finished);
    all.addAll(more);
    all.sort(Comparator.comparingDouble(Hypothesis::score).reversed()); // stable: older ones first
    finished = List.copyOf(all.subList(0, Math.min(search.beams(), all.size())));
  }

  /** Whether, after {@code length} new tokens, going on can change the result. */
  private boolean mayImprove(int length) {
    if (running.isEmpty()) {
      return false;
    }
    if (finished.size() < search.beams()) {
      return true;
    }
    if (search.early() == EarlyStopping.TRUE) {
      return false;
    }
    boolean never = search.early() == EarlyStopping.NEVER && search.lengthPenalty() > 0;
    double best = score(running.getFirst().logProbability(), never ? wanted : length);
    return best > finished.getLast().score();
  }

  private double score(double logProbability, int length) {
    return logProbability / StrictMath.pow(length, search.lengthPenalty());
  }

  private Hypothesis hypothesis(Beam text, int length, Stop stop) {
    int[] ids = Arrays.copyOfRange(text.ids(), promptLength, text.ids().length);
    return new Hypothesis(ids, score(text.logProbability(), length), stop);
  }

  private int[] text(Candidate c) {
    int[] ids = running.get(c.beam()).ids();
    int[] longer = Arrays.copyOf(ids, ids.length + 1);
    longer[ids.length] = c.id();
    return longer;
  }

  private boolean ends(int id) {
    return (search.stopAtEndOfText() && id == config.eosTokenId())
        || search.stopTokens().contains(id);
  }

  private Stop stop(int id) {
    return id == config.eosTokenId() ? Stop.END_OF_TEXT : Stop.STOP_TOKEN;
  }
}
