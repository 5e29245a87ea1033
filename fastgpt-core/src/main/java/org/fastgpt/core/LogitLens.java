package org.fastgpt.core;

import java.util.Arrays;
import org.fastgpt.EngineOptions;
import org.fastgpt.GptConfig;
import org.fastgpt.Session;
import org.fastgpt.core.Weights.Norm;
import org.fastgpt.model.Model;

/**
 * Reads the residual stream after any block as if the block were the last: ln_f, then the head. By
 * a model's own weights and core's kernels, whichever engine computed the stream; after core's own
 * last block it gives the logits themselves, bit for bit. As "interpreting GPT: the logit lens"
 * (nostalgebraist, 2020). For one thread at a time.
 */
public final class LogitLens implements AutoCloseable {

  /** Rows that share one reading of the head's weights. */
  private static final int ROWS = 16;

  private final Model model;
  private final GptConfig config;
  private final Norm lnF;
  private final Matrix lmHead;
  private final Kernels kernels;
  private final Workers workers;
  private final Scratch[] scratch; // of the workers
  private final int columns; // of the vocabulary, that one chunk of work computes
  private final float[] x; // [ROWS, n_embd]
  private final float[] norm; // [ROWS, n_embd]
  private final float[] y; // [ROWS, n_vocab]
  private final float[] logits; // of one row [n_vocab]
  private int rows;

  /** {@code options}: threads, and kernels as {@link CoreProvider} knows them. */
  public LogitLens(Model model, EngineOptions options) {
    this.model = model;
    config = model.config();
    Weights weights = Weights.of(model);
    lnF = weights.lnF();
    lmHead = weights.lmHead();
    kernels = CoreEngine.kernels(options);
    workers = CoreEngine.workers(options);
    scratch = new Scratch[workers.count()];
    Arrays.setAll(scratch, _ -> new Scratch());
    columns = LinearLayer.wholeLanes(config.nVocab(), 2 * workers.count());
    x = new float[ROWS * config.nEmbd()];
    norm = new float[ROWS * config.nEmbd()];
    y = new float[ROWS * config.nVocab()];
    logits = new float[config.nVocab()];
  }

  /**
   * Hands over the logits of each row: {@code stream [n_seq, n_embd] -> [n_seq, n_vocab]}.
   *
   * @param each gets the index of a row, from 0, and its logits, which are valid during the call
   */
  public void read(float[] stream, int nSeq, Session.LogitsSink each) {
    int e = config.nEmbd();
    try (var _ = model.inUse()) {
      for (int from = 0; from < nSeq; from += ROWS) {
        rows = Math.min(ROWS, nSeq - from);
        System.arraycopy(stream, from * e, x, 0, rows * e);
        for (int t = 0; t < rows; t++) { // [rows, n_embd] -> [rows, n_embd]
          float eps = config.layerNormEpsilon();
          kernels.layerNorm(x, lnF.g(), lnF.b(), eps, norm, t * e, e, scratch[0]);
        }
        workers.run(this::head, (config.nVocab() + columns - 1) / columns);
        for (int t = 0; t < rows; t++) {
          System.arraycopy(y, t * config.nVocab(), logits, 0, config.nVocab());
          each.accept(from + t, logits);
        }
      }
    }
  }

  /** A range of the vocabulary: [rows, n_embd] -> [rows, columns]. */
  private void head(int chunk, int worker) {
    int from = chunk * columns;
    int to = Math.min(from + columns, config.nVocab());
    kernels.linearTransposed(
        norm, rows, config.nEmbd(), lmHead, y, config.nVocab(), from, to, scratch[worker]);
  }

  @Override
  public void close() {
    workers.close();
  }
}
