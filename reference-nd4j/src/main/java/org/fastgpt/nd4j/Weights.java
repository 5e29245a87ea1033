package org.fastgpt.nd4j;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.fastgpt.GptConfig;
import org.fastgpt.model.Model;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The weights as ND4J arrays, copied from the model's files once, in the layout they have there:
 * matrices are [in, out], as GPT-2's Conv1D has them.
 *
 * @param wte [n_vocab, n_embd]
 * @param wpe [n_ctx, n_embd]
 * @param head [n_vocab, n_embd], {@code wte} itself if the head is tied
 * @param arrays all of them, each once
 */
record Weights(
    INDArray wte, INDArray wpe, List<Block> blocks, Norm lnF, INDArray head, List<INDArray> arrays)
    implements AutoCloseable {

  /** g, b [n_embd]. */
  record Norm(INDArray g, INDArray b, float epsilon) {}

  /** w [in, out], b [out]. */
  record Linear(INDArray w, INDArray b) {}

  /**
   * @param cAttn [n_embd, 3*n_embd]
   * @param cProj [n_embd, n_embd]
   * @param divisor what scores are divided by
   */
  record Attention(Linear cAttn, Linear cProj, int nHead, double divisor) {}

  /**
   * @param cFc [n_embd, n_inner]
   * @param cProj [n_inner, n_embd]
   */
  record Mlp(Linear cFc, Linear cProj) {}

  /** One transformer block. */
  record Block(Norm ln1, Attention attn, Norm ln2, Mlp mlp) {}

  static Weights load(Model model) {
    // Never in the workspace of a forward pass that this thread is in: they would end with it.
    try (var _ = Nd4j.getWorkspaceManager().scopeOutOfWorkspaces()) {
      return new Copy(model, new ArrayList<>()).weights();
    }
  }

  @Override
  public void close() {
    arrays.forEach(INDArray::close);
  }

  private record Copy(Model model, List<INDArray> arrays) {
    Weights weights() {
      GptConfig config = model.config();
      INDArray wte = array("wte.weight");
      return new Weights(
          wte,
          array("wpe.weight"),
          IntStream.range(0, config.nLayer()).mapToObj(this::block).toList(),
          norm("ln_f"),
          config.tieWordEmbeddings() ? wte : array("lm_head.weight"),
          arrays);
    }

    private Block block(int layer) {
      String h = "h." + layer + ".";
      GptConfig config = model.config();
      double divisor =
          (config.scaleAttnWeights() ? Math.sqrt(config.headSize()) : 1)
              * (config.scaleAttnByInverseLayerIdx() ? layer + 1 : 1);
      return new Block(
          norm(h + "ln_1"),
          new Attention(
              linear(h + "attn.c_attn"), linear(h + "attn.c_proj"), config.nHead(), divisor),
          norm(h + "ln_2"),
          new Mlp(linear(h + "mlp.c_fc"), linear(h + "mlp.c_proj")));
    }

    private Norm norm(String name) {
      return new Norm(
          array(name + ".weight"), array(name + ".bias"), model.config().layerNormEpsilon());
    }

    private Linear linear(String name) {
      return new Linear(array(name + ".weight"), array(name + ".bias"));
    }

    private INDArray array(String name) {
      List<Integer> shape = model.tensors().get(name).shape();
      INDArray array =
          Nd4j.createUninitialized(
              DataType.FLOAT, shape.stream().mapToLong(Integer::longValue).toArray());
      arrays.add(array);
      MemorySegment.ofBuffer(array.data().asNio()).copyFrom(model.floats(name));
      return array;
    }
  }
}
