package org.fastgpt;

import java.util.ArrayList;
import java.util.List;

/** Sees the activations of a forward pass, by name, in the order in which they are computed. */
@FunctionalInterface
public interface Probe {

  /**
   * One activation of the new positions. A long input may come in several parts, in rising order.
   *
   * @param name one of {@link #names}
   * @param position position of the first row
   * @param shape [n_seq, width]; of {@code h.N.attn.softmax} [n_head, n_seq, position + n_seq],
   *     zero where masked
   * @param values the values, row-major, from index 0; may be longer than the shape says; valid
   *     during the call only
   */
  void see(String name, int position, int[] shape, float[] values);

  /** The names of all activations of a model of {@code nLayer} blocks, in order. */
  static List<String> names(int nLayer) {
    var names = new ArrayList<String>();
    names.add("embd");
    for (int l = 0; l < nLayer; l++) {
      for (String part :
          new String[] {
            "ln_1",
            "attn.c_attn",
            "attn.softmax",
            "attn.out",
            "attn.c_proj",
            "ln_2",
            "mlp.c_fc",
            "mlp.gelu",
            "mlp.c_proj"
          }) {
        names.add("h." + l + "." + part);
      }
      names.add("h." + l);
    }
    names.add("ln_f");
    names.add("logits");
    return names;
  }
}
