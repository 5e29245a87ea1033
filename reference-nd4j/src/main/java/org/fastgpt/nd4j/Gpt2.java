package org.fastgpt.nd4j;

import static org.nd4j.linalg.indexing.NDArrayIndex.all;
import static org.nd4j.linalg.indexing.NDArrayIndex.interval;

import java.util.Arrays;
import org.fastgpt.nd4j.Weights.Attention;
import org.fastgpt.nd4j.Weights.Block;
import org.fastgpt.nd4j.Weights.Linear;
import org.fastgpt.nd4j.Weights.Mlp;
import org.fastgpt.nd4j.Weights.Norm;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.ops.transforms.Transforms;

/**
 * GPT-2 in INDArray operations, function by function as picoGPT's {@code gpt2.py}: read it from the
 * top, {@link #gelu} first, {@link #generate} last. What picoGPT does not have is optional: a
 * {@link KvCache} (null: none, every call starts at position 0, the plain form) and a {@link
 * Watch}.
 *
 * <p>All arrays are FLOAT. Functions leave their arguments as they are; {@code addi}, {@code muli}
 * and the like only change an array made one line before. Nothing is checked here: {@link
 * Nd4jSession} has done that.
 */
final class Gpt2 {
  private Gpt2() {}

  /**
   * GELU by its tanh formula, as GPT-2 was trained with. ND4J's own ops are not it: {@code
   * PreciseGELU} computes another function and {@code GELU} is x * sigmoid(1.702 x).
   */
  static INDArray gelu(INDArray x) { // [n_seq, n_inner] -> [n_seq, n_inner]
    INDArray inner = x.mul(x).muli(x).muli(0.044715).addi(x).muli(Math.sqrt(2 / Math.PI));
    return Transforms.tanh(inner, false).addi(1).muli(x).muli(0.5);
  }

  static INDArray softmax(INDArray x) { // along the last axis
    INDArray expX = Transforms.exp(x.sub(x.max(true, -1)), false); // - max: exp stays finite
    return expX.divi(expX.sum(true, -1));
  }

  /** ND4J's {@code LayerNorm} op is not used: it adds no epsilon to the variance. */
  static INDArray layerNorm(INDArray x, Norm norm) { // [n_seq, n_embd] -> [n_seq, n_embd]
    INDArray centred = x.sub(x.mean(true, -1));
    INDArray variance = centred.mul(centred).mean(true, -1); // [n_seq, n_embd] -> [n_seq, 1]
    centred.divi(Transforms.sqrt(variance.addi(norm.epsilon()), false)); // mean 0, variance 1
    return centred.muliRowVector(norm.g()).addiRowVector(norm.b());
  }

  /**
   * x w. For one row as w^T x by gemv, which reads w as it lies: 6 times as fast as ND4J's matmul
   * (measured 0.17 ms against 1.04 for [1, 768] [768, 3072], one thread).
   */
  static INDArray matmul(INDArray x, INDArray w) { // [m, in], [in, out] -> [m, out]
    if (x.rows() > 1) {
      return Nd4j.matmul(x, w);
    }
    INDArray y = Nd4j.createUninitialized(DataType.FLOAT, w.columns());
    Nd4j.getBlasWrapper().level2().gemv('c', 'n', 1, w.transpose(), x.reshape(x.columns()), 0, y);
    return y.reshape(1, y.length());
  }

  static INDArray linear(INDArray x, Linear l) { // [m, in], [in, out], [out] -> [m, out]
    return matmul(x, l.w()).addiRowVector(l.b());
  }

  static INDArray ffn(INDArray x, Mlp mlp, Watch watch) { // [n_seq, n_embd] -> [n_seq, n_embd]
    // project up
    INDArray up = watch.see("mlp.c_fc", linear(x, mlp.cFc())); // -> [n_seq, n_inner]
    INDArray a = watch.see("mlp.gelu", gelu(up)); // -> [n_seq, n_inner]

    // project back down
    return watch.see("mlp.c_proj", linear(a, mlp.cProj())); // [n_seq, n_inner] -> [n_seq, n_embd]
  }

  /** All heads at once, where picoGPT takes one: every array has n_head in front. */
  static INDArray attention(
      // [n_head, n_q, d], [n_head, n_k, d], [n_head, n_k, d], [n_q, n_k] -> [n_head, n_q, d]
      INDArray q, INDArray k, INDArray v, INDArray mask, double divisor, Watch watch) {
    INDArray scores = Nd4j.matmul(q, k, false, true, false); // -> [n_head, n_q, n_k]
    scores.divi(divisor).addi(mask);
    return Nd4j.matmul(watch.see("attn.softmax", softmax(scores)), v); // -> [n_head, n_q, d]
  }

  static INDArray mha(INDArray x, Attention attn, KvCache.Layer cache, Watch watch) {
    // [n_seq, n_embd] -> [n_seq, n_embd]
    long nSeq = x.rows();
    long nEmbd = x.columns();

    // qkv projection
    INDArray qkv = watch.see("attn.c_attn", linear(x, attn.cAttn())); // -> [n_seq, 3*n_embd]

    // split into qkv, and each into heads
    INDArray[] qkvHeads = new INDArray[3];
    for (int i = 0; i < 3; i++) {
      qkvHeads[i] =
          qkv.get(all(), interval(i * nEmbd, (i + 1) * nEmbd)) // -> [n_seq, n_embd]
              .reshape(nSeq, attn.nHead(), nEmbd / attn.nHead()) // -> [n_seq, n_head, d]
              .permute(1, 0, 2); // -> [n_head, n_seq, d]
    }
    INDArray q = qkvHeads[0];
    INDArray k = cache == null ? qkvHeads[1] : cache.appendKeys(qkvHeads[1]);
    INDArray v = cache == null ? qkvHeads[2] : cache.appendValues(qkvHeads[2]);

    // causal mask to hide future inputs from being attended to
    INDArray causalMask = causalMask(nSeq, k.size(1)); // [n_seq, n_past + n_seq]

    // perform attention over each head
    INDArray outHeads = attention(q, k, v, causalMask, attn.divisor(), watch);

    // merge heads
    INDArray merged = outHeads.permute(1, 0, 2).reshape(nSeq, nEmbd); // -> [n_seq, n_embd]

    // out projection
    return watch.see("attn.c_proj", linear(watch.see("attn.out", merged), attn.cProj()));
  }

  static INDArray transformerBlock(INDArray x, Block block, KvCache.Layer cache, Watch watch) {
    // [n_seq, n_embd] -> [n_seq, n_embd]
    // multi-head causal self attention
    INDArray ln1 = watch.see("ln_1", layerNorm(x, block.ln1()));
    x = x.add(mha(ln1, block.attn(), cache, watch));

    // position-wise feed forward network
    INDArray ln2 = watch.see("ln_2", layerNorm(x, block.ln2()));
    return x.add(ffn(ln2, block.mlp(), watch));
  }

  /** Logits [n_seq, n_vocab] after each of {@code inputs} [n_seq], or [1, n_vocab]: of the last. */
  static INDArray gpt2(int[] inputs, Weights w, KvCache cache, boolean lastOnly, Watch watch) {
    // token + positional embeddings
    int past = cache == null ? 0 : cache.past();
    INDArray wte = Nd4j.pullRows(w.wte(), 1, inputs); // [n_seq] -> [n_seq, n_embd]
    INDArray wpe = w.wpe().get(interval(past, past + inputs.length), all());
    INDArray x = watch.see("embd", wte.addi(wpe)); // [n_seq, n_embd]

    // forward pass through n_layer transformer blocks
    for (int l = 0; l < w.blocks().size(); l++) {
      String name = "h." + l;
      KvCache.Layer layer = cache == null ? null : cache.layer(l);
      x = transformerBlock(x, w.blocks().get(l), layer, watch.within(name + "."));
      watch.see(name, x); // [n_seq, n_embd] -> [n_seq, n_embd]
    }

    // projection to vocab
    x = watch.see("ln_f", layerNorm(x, w.lnF())); // [n_seq, n_embd] -> [n_seq, n_embd]
    if (lastOnly) {
      x = x.get(interval(inputs.length - 1, inputs.length), all()); // -> [1, n_embd]
    }
    return watch.see("logits", matmul(x, w.head().transpose())); // -> [n_seq, n_vocab]
  }

  /** Greedy, without a cache: {@code inputs} [n_seq] -> ids [nTokensToGenerate]. */
  static int[] generate(int[] inputs, Weights w, int nTokensToGenerate) {
    int n = inputs.length;
    int[] ids = Arrays.copyOf(inputs, n + nTokensToGenerate);
    for (; n < ids.length; n++) { // auto-regressive decode loop
      INDArray logits = gpt2(Arrays.copyOf(ids, n), w, null, true, Watch.NONE);
      ids[n] = logits.argMax(1).getInt(0); // greedy sampling
    }
    return Arrays.copyOfRange(ids, inputs.length, ids.length);
  }

  /**
   * What is added to the scores: 0, or -1e10 where key j comes after query i. Not by {@code
   * Nd4j.tri}: it leaves the zeros unwritten, whatever the memory held before.
   */
  private static INDArray causalMask(long nSeq, long nKeys) { // -> [n_seq, n_keys]
    var mask = new float[Math.toIntExact(nSeq * nKeys)];
    for (int i = 0; i < nSeq; i++) {
      long rowEnd = (i + 1) * nKeys;
      Arrays.fill(mask, (int) (rowEnd - nSeq + i + 1), (int) rowEnd, -1e10f);
    }
    return Nd4j.createFromArray(mask).reshape(nSeq, nKeys);
  }
}
