package org.fastgpt.core;

import static org.fastgpt.model.Model.FLOAT;

import org.fastgpt.GptConfig;
import org.fastgpt.model.Model;

/**
 * The parameters, by the checkpoint's names. Matrices stay where they are, memory-mapped, in the
 * file's layout and precision; the small vectors are copied to arrays.
 *
 * @param wte token embeddings [n_vocab, n_embd]
 * @param wpe position embeddings [n_ctx, n_embd]
 * @param h the blocks
 * @param lnF the last layer norm
 * @param lmHead what gives the logits [n_vocab, n_embd]; wte itself where it is tied
 */
record Weights(Matrix wte, Matrix wpe, Block[] h, Norm lnF, Matrix lmHead) {

  /** A fully connected layer y = x w + b. {@code w [in, out]; b [out]}. */
  record Linear(Matrix w, float[] b, int in, int out) {}

  /** Scale and shift of a layer norm. {@code g, b [n_embd]}. */
  record Norm(float[] g, float[] b) {}

  /** A transformer block; c_attn is [n_embd, 3 * n_embd], the MLP n_inner wide inside. */
  record Block(Norm ln1, Linear cAttn, Linear cProj, Norm ln2, Linear cFc, Linear mlpProj) {}

  static Weights of(Model model) {
    GptConfig config = model.config();
    int e = config.nEmbd();
    var h = new Block[config.nLayer()];
    for (int l = 0; l < h.length; l++) {
      String name = "h." + l + ".";
      h[l] =
          new Block(
              norm(model, name + "ln_1"),
              linear(model, name + "attn.c_attn", e, 3 * e),
              linear(model, name + "attn.c_proj", e, e),
              norm(model, name + "ln_2"),
              linear(model, name + "mlp.c_fc", e, config.nInner()),
              linear(model, name + "mlp.c_proj", config.nInner(), e));
    }
    Matrix wte = matrix(model, "wte");
    return new Weights(
        wte,
        matrix(model, "wpe"),
        h,
        norm(model, "ln_f"),
        config.tieWordEmbeddings() ? wte : matrix(model, "lm_head"));
  }

  private static Linear linear(Model model, String name, int in, int out) {
    return new Linear(matrix(model, name), vector(model, name + ".bias"), in, out);
  }

  private static Norm norm(Model model, String name) {
    return new Norm(vector(model, name + ".weight"), vector(model, name + ".bias"));
  }

  private static Matrix matrix(Model model, String name) {
    return Matrix.of(model.tensors().get(name + ".weight"));
  }

  private static float[] vector(Model model, String name) {
    return model.floats(name).toArray(FLOAT);
  }
}
