package org.fastgpt;

/**
 * The sizes of a GPT-2 and the few switches that change its arithmetic, by HuggingFace's names.
 *
 * @param nVocab number of tokens; ids are in [0, nVocab)
 * @param nCtx number of positions, the longest sequence
 * @param nEmbd width of the residual stream
 * @param nHead attention heads; each is nEmbd / nHead wide
 * @param nLayer transformer blocks
 * @param nInner width of the MLP's hidden layer, 4 * nEmbd in GPT-2
 * @param layerNormEpsilon what layer norm adds to the variance, 1e-5 in GPT-2
 * @param scaleAttnWeights whether scores are divided by sqrt(head size)
 * @param scaleAttnByInverseLayerIdx whether scores of block l are also divided by l + 1
 * @param tieWordEmbeddings whether the logits are computed with wte; if not, with lm_head.weight
 * @param eosTokenId the id that ends a text and, alone, starts one; -1 if there is none
 */
public record GptConfig(
    int nVocab,
    int nCtx,
    int nEmbd,
    int nHead,
    int nLayer,
    int nInner,
    float layerNormEpsilon,
    boolean scaleAttnWeights,
    boolean scaleAttnByInverseLayerIdx,
    boolean tieWordEmbeddings,
    int eosTokenId) {

  public GptConfig {
    requirePositive("vocab_size", nVocab);
    requirePositive("n_positions", nCtx);
    requirePositive("n_embd", nEmbd);
    requirePositive("n_head", nHead);
    requirePositive("n_layer", nLayer);
    requirePositive("n_inner", nInner);
    if (nEmbd % nHead != 0) {
      throw new IllegalArgumentException(
          "n_embd " + nEmbd + " is not a multiple of n_head " + nHead);
    }
    if (!(layerNormEpsilon > 0 && layerNormEpsilon < 1)) {
      throw new IllegalArgumentException(
          "layer_norm_epsilon " + layerNormEpsilon + " is not in (0, 1)");
    }
    if (eosTokenId < -1 || eosTokenId >= nVocab) {
      throw new IllegalArgumentException(
          "eos_token_id " + eosTokenId + " is outside the vocabulary [0, " + nVocab + ")");
    }
  }

  /**
   * A GPT-2 as OpenAI made it: MLP four times as wide, epsilon 1e-5, tied head. Its vocabulary ends
   * with the id that ends a text, 50256; a longer one has no tokens after that, but padding.
   */
  public static GptConfig gpt2(int nVocab, int nCtx, int nEmbd, int nHead, int nLayer) {
    int eosTokenId = Math.min(nVocab - 1, 50256);
    return new GptConfig(
        nVocab, nCtx, nEmbd, nHead, nLayer, 4 * nEmbd, 1e-5f, true, false, true, eosTokenId);
  }

  /** Width of one attention head. */
  public int headSize() {
    return nEmbd / nHead;
  }

  /** Number of trained parameters, a tied head counted once: 124,439,808 for GPT-2 124M. */
  public long parameters() {
    long e = nEmbd;
    long block = 4 * e + (e + 1) * 3 * e + (e + 1) * e + (e + 1) * nInner + (nInner + 1L) * e;
    long head = tieWordEmbeddings ? 0 : nVocab * e;
    return (nVocab + (long) nCtx) * e + nLayer * block + 2 * e + head;
  }

  /**
   * What every {@link Session} promises of its input: at least one id, each in the vocabulary, and
   * no more than the context holds. Nothing has changed when this throws.
   *
   * @throws IllegalArgumentException no ids, or one outside the vocabulary
   * @throws IllegalStateException more ids than positions are left
   */
  public void checkInput(int[] ids, int position) {
    checkIds(ids);
    if (ids.length > nCtx - position) {
      throw new IllegalStateException(
          "context full: position "
              + position
              + " + "
              + ids.length
              + " new tokens is more than n_ctx = "
              + nCtx);
    }
  }

  /**
   * Checks ids of a text of any length: at least one, each in the vocabulary.
   *
   * @throws IllegalArgumentException no ids, or one outside the vocabulary
   */
  public void checkIds(int[] ids) {
    if (ids.length == 0) {
      throw new IllegalArgumentException("no tokens to process: at least one is needed");
    }
    for (int id : ids) {
      if (id < 0 || id >= nVocab) {
        throw new IllegalArgumentException(
            "token " + id + " is outside the vocabulary [0, " + nVocab + ")");
      }
    }
  }

  /**
   * What every {@link Session} promises of a rewind.
   *
   * @throws IllegalArgumentException the position is not in [0, current]
   */
  public static void checkRewind(int to, int current) {
    if (to < 0 || to > current) {
      throw new IllegalArgumentException(
          "cannot rewind to position " + to + ": it is not in [0, " + current + "]");
    }
  }

  private static void requirePositive(String name, int value) {
    if (value <= 0) {
      throw new IllegalArgumentException(name + " " + value + " is not positive");
    }
  }
}
