package org.fastgpt.conformance.mutants;

import java.util.Locale;

/** The deliberate faults that {@link PlainEngine} can be given, one at a time. */
public enum Mutation {
  NONE("nothing: the engine is healthy"),

  POSITIONS_OFF_BY_ONE("every token gets the wpe of the position after its own"),
  WPE_MISSING_WHEN_DECODING("no wpe from the second decode step on"),

  NO_MASK("a token attends to all tokens of its call, the later ones too"),
  MASK_SHIFTED("a token attends to the one after it, where its call has one"),
  CHUNK_FORGETS_THE_PAST("the first token of a later call of several sees that call alone"),
  PADDING_NOT_MASKED("the tokens of a batch attend to the padding on their left"),

  ERF_GELU("gelu is x times the normal distribution, not its tanh approximation"),
  FAST_TANH("gelu with fastGPT's fast_tanh, which errs by up to 3e-3"),
  EPSILON_1E_6("layer norm adds 1e-6 to the variance"),
  UNBIASED_VARIANCE("layer norm divides by n_embd - 1"),
  LN_F_LEFT_OUT("no layer norm before the head"),

  C_ATTN_TRANSPOSED("the memory of c_attn's weights is read as [out, in]"),
  Q_K_SWAPPED("queries and keys are taken from each other's place in c_attn's output"),
  K_V_SWAPPED("keys and values are taken from each other's place in c_attn's output"),
  NO_SCALE("scores are not divided by sqrt(head size)"),
  ATTN_BIAS_LEFT_OUT("attn.c_proj adds no bias"),
  MLP_BIAS_LEFT_OUT("mlp.c_proj adds no bias"),

  UNTIED_HEAD("the head is not wte but a copy that went its own way by about 1%"),
  F16_WEIGHTS("weights are rounded to float16"),
  BF16_WEIGHTS("weights are rounded to bfloat16"),

  STALE_CACHE("the first token after a rewind finds the forgotten keys in its place"),
  SHARED_CACHE("all sessions of an engine have one KV cache"),
  NONDETERMINISTIC("each logit is at random its own value or a neighbour of it"),
  LOGITS_ONE_ROW_LATE("where all logits are asked for, each position gets those before its own"),

  TOKEN_OUT_OF_RANGE_EXCEPTION("a token out of range is an IndexOutOfBoundsException"),
  CONTEXT_FULL_IGNORED("tokens that no longer fit into the context are dropped in silence"),
  LAST_POSITION_UNUSABLE("the context is full one token too early"),

  FASTGPT_TOKENIZER("text is cut as fastGPT does: at space, comma and full stop alone"),
  INCOMPLETE_UTF8_DROPPED("decoding drops bytes that are not whole characters");

  private final String what;

  Mutation(String what) {
    this.what = what;
  }

  /** What is broken. */
  public String what() {
    return what;
  }

  /** The name in reports, such as {@code no-mask}. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
