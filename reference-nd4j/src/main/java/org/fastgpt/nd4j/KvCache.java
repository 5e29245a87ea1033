package org.fastgpt.nd4j;

import static org.nd4j.linalg.indexing.NDArrayIndex.all;
import static org.nd4j.linalg.indexing.NDArrayIndex.interval;

import java.util.ArrayList;
import java.util.List;
import org.fastgpt.GptConfig;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The keys and values of one sequence, off the heap: room for n_ctx positions from the start. */
final class KvCache implements AutoCloseable {
  private final List<Layer> layers = new ArrayList<>();
  private int past;

  KvCache(GptConfig config) {
    long[] shape = {config.nHead(), config.nCtx(), config.headSize()};
    // Never in the workspace of a forward pass that this thread is in: it would end with it.
    try (var _ = Nd4j.getWorkspaceManager().scopeOutOfWorkspaces()) {
      for (int l = 0; l < config.nLayer(); l++) {
        layers.add(
            new Layer(
                Nd4j.createUninitialized(DataType.FLOAT, shape),
                Nd4j.createUninitialized(DataType.FLOAT, shape)));
      }
    }
  }

  /** Number of positions that came before the forward pass that is running or comes next. */
  int past() {
    return past;
  }

  /** What is stored from {@code past} on is forgotten: the next forward pass overwrites it. */
  void past(int past) {
    this.past = past;
  }

  Layer layer(int l) {
    return layers.get(l);
  }

  @Override
  public void close() {
    for (Layer layer : layers) {
      layer.keys.close();
      layer.values.close();
    }
    layers.clear();
  }

  /** One block's keys and values, each [n_head, n_ctx, d]. */
  final class Layer {
    private final INDArray keys;
    private final INDArray values;

    private Layer(INDArray keys, INDArray values) {
      this.keys = keys;
      this.values = values;
    }

    INDArray appendKeys(INDArray k) { // [n_head, n_seq, d] -> [n_head, past + n_seq, d]
      return append(keys, k);
    }

    INDArray appendValues(INDArray v) { // [n_head, n_seq, d] -> [n_head, past + n_seq, d]
      return append(values, v);
    }

    private INDArray append(INDArray all, INDArray fresh) {
      long end = past + fresh.size(1);
      all.get(all(), interval(past, end), all()).assign(fresh);
      return all.get(all(), interval(0, end), all());
    }
  }
}
