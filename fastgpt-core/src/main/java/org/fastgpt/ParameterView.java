package org.fastgpt;

/** What an {@link Engine} also is if it shows the parameters that it computes with. */
public interface ParameterView {

  /**
   * A parameter by HuggingFace's name without "transformer.", in the checkpoint's layout: {@code
   * h.0.attn.c_attn.weight} is [n_embd, 3 * n_embd], row-major.
   *
   * @throws IllegalArgumentException there is none of that name
   */
  float[] parameter(String name);
}
