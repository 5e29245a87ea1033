package org.fastgpt.djl;

import ai.djl.modality.nlp.generate.CausalLMOutput;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.translate.NoBatchifyTranslator;
import ai.djl.translate.TranslatorContext;
import org.fastgpt.GptConfig;

/**
 * Between DJL's language-model interface and the TorchScript module. In: input_ids, position_ids
 * [B, T], attention_mask [B, P + T], then key and value of each layer [B, H, P, D], or nothing at
 * the start. Out: logits [B, T, V], key and value of each layer [B, H, P + T, D].
 *
 * <p>The past goes to the module as one {@code List[Tensor]}. DJL's own {@code PtGptTranslator}
 * passes nested tuples, whose members DJL 0.35 never frees: the whole cache leaks at each step.
 */
final class Gpt2Translator implements NoBatchifyTranslator<NDList, CausalLMOutput> {
  private final GptConfig config;
  private final String method;

  /**
   * @param method what to call; {@code forward_probe} also gives hidden states
   */
  Gpt2Translator(GptConfig config, String method) {
    this.config = config;
    this.method = method;
  }

  @Override
  public NDList processInput(TranslatorContext context, NDList input) {
    return moduleInput(config, input, method);
  }

  @Override
  public CausalLMOutput processOutput(TranslatorContext context, NDList output) {
    int pastEnd = 1 + 2 * config.nLayer();
    // Behind the past come the activations of forward_probe, of which ln_f is the last but one.
    NDArray hidden = output.size() > pastEnd ? output.get(output.size() - 2) : null;
    return new CausalLMOutput(output.get(0), hidden, new NDList(output.subList(1, pastEnd)));
  }

  /** Names the arrays as DJL wants them, so that it finds method and types; adds an empty past. */
  static NDList moduleInput(GptConfig config, NDList input, String method) {
    NDManager manager = input.get(0).getManager();
    var named = new NDList(input);
    if (input.size() == 3) {
      var empty = new Shape(input.get(0).getShape().get(0), config.nHead(), 0, config.headSize());
      for (int i = 0; i < 2 * config.nLayer(); i++) {
        named.add(manager.create(empty));
      }
    }
    named.get(0).setName("input_ids");
    named.get(1).setName("position_ids");
    named.get(2).setName("attention_mask");
    for (int i = 3; i < named.size(); i++) {
      named.get(i).setName("past[]");
    }
    NDArray call = manager.create(0);
    call.setName("module_method:" + method);
    named.add(call);
    return named;
  }
}
