package org.fastgpt.model;

import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import org.fastgpt.GptConfig;
import org.fastgpt.model.StoredTensor.DType;

/** The tensors of a GPT-2, by HuggingFace's names, each with the shape that it must have. */
final class GptTensors {
  private static final Set<DType> WEIGHTS = EnumSet.of(DType.F32, DType.F16, DType.BF16);

  private GptTensors() {}

  /** Where a tensor was found. */
  record Found(StoredTensor tensor, String file) {}

  /**
   * Names all tensors in the order of the computation. Matrices are [in, out], as GPT-2's Conv1D
   * has them: y = x W + b.
   */
  static void forEach(GptConfig c, BiConsumer<String, List<Integer>> each) {
    int e = c.nEmbd();
    each.accept("wte.weight", List.of(c.nVocab(), e));
    each.accept("wpe.weight", List.of(c.nCtx(), e));
    for (int l = 0; l < c.nLayer(); l++) {
      String h = "h." + l + ".";
      each.accept(h + "ln_1.weight", List.of(e));
      each.accept(h + "ln_1.bias", List.of(e));
      each.accept(h + "attn.c_attn.weight", List.of(e, 3 * e));
      each.accept(h + "attn.c_attn.bias", List.of(3 * e));
      each.accept(h + "attn.c_proj.weight", List.of(e, e));
      each.accept(h + "attn.c_proj.bias", List.of(e));
      each.accept(h + "ln_2.weight", List.of(e));
      each.accept(h + "ln_2.bias", List.of(e));
      each.accept(h + "mlp.c_fc.weight", List.of(e, c.nInner()));
      each.accept(h + "mlp.c_fc.bias", List.of(c.nInner()));
      each.accept(h + "mlp.c_proj.weight", List.of(c.nInner(), e));
      each.accept(h + "mlp.c_proj.bias", List.of(e));
    }
    each.accept("ln_f.weight", List.of(e));
    each.accept("ln_f.bias", List.of(e));
    if (!c.tieWordEmbeddings()) {
      each.accept("lm_head.weight", List.of(c.nVocab(), e));
    }
  }

  /**
   * Exactly the tensors of a GPT-2 of this configuration, out of {@code found}, by name.
   *
   * @param where the file to blame for a missing tensor
   * @throws ModelException one is missing, has another shape, is not of floats, or is not known: it
   *     would be left out of the computation
   */
  static Map<String, StoredTensor> select(
      GptConfig config, Map<String, Found> found, String where) {
    var tensors = new LinkedHashMap<String, StoredTensor>();
    forEach(config, (name, shape) -> tensors.put(name, check(name, shape, found, where)));
    for (String name : found.keySet()) {
      if (!tensors.containsKey(name) && !isBuffer(name) && !name.equals("lm_head.weight")) {
        throw new ModelException(
            name
                + ": found in "
                + found.get(name).file
                + ", but a GPT-2 of "
                + config.nLayer()
                + " layers has no such tensor");
      }
    }
    return tensors;
  }

  private static StoredTensor check(
      String name, List<Integer> shape, Map<String, Found> found, String where) {
    Found it = found.get(name);
    if (it == null) {
      throw new ModelException(name + ": not found in " + where);
    }
    List<Integer> its = it.tensor.shape();
    if (!its.equals(shape)) {
      String hint = shape.size() == 2 && its.equals(shape.reversed()) ? " Transposed export?" : "";
      throw new ModelException(
          name + ": shape " + shape + " expected, " + its + " found in " + it.file + "." + hint);
    }
    if (!WEIGHTS.contains(it.tensor.dtype())) {
      throw new ModelException(
          name
              + ": dtype F32, F16 or BF16 expected, "
              + it.tensor.dtype()
              + " found in "
              + it.file
              + ".");
    }
    return it.tensor;
  }

  /** The causal mask, which HuggingFace once stored with each block: the engine has its own. */
  private static boolean isBuffer(String name) {
    return name.matches("h\\.[0-9]+\\.attn\\.(bias|masked_bias)");
  }
}
