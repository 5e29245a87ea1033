package org.fastgpt.cli;

import java.util.EnumMap;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.fastgpt.GptConfig;
import org.fastgpt.model.Model;
import org.fastgpt.model.Models;
import org.fastgpt.model.StoredTensor;
import org.fastgpt.model.Verification;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What a model is. */
@Command(
    name = "info",
    mixinStandardHelpOptions = true,
    description = "Prints what a model is: sizes, weights, vocabulary.")
final class InfoCommand implements Callable<Integer> {

  private final Terminal terminal;

  @Parameters(paramLabel = "MODEL", description = "A model folder, file or name.")
  private String name;

  @Option(
      names = "--verify",
      description =
          "Read all weights: compare their checksums with those in the files and with OpenAI's"
              + " own, and print their SHA-256, which is the same in any layout.")
  private boolean verify;

  InfoCommand(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public Integer call() {
    try (Model model = Model.open(Models.resolve(name, new ProgressLine(terminal, false)))) {
      GptConfig config = model.config();
      line("model", model.name());
      line("path", model.path());
      line("format", model.format());
      line("parameters", String.format(Locale.ROOT, "%,d", config.parameters()));
      line("n_vocab", config.nVocab());
      line("n_ctx", config.nCtx());
      line("n_embd", config.nEmbd());
      line("n_layer", config.nLayer());
      line("n_head", config.nHead());
      line("n_inner", config.nInner());
      line("layer_norm_epsilon", config.layerNormEpsilon());
      line("scale_attn_weights", config.scaleAttnWeights());
      line("scale_attn_by_inverse_layer_idx", config.scaleAttnByInverseLayerIdx());
      line("tie_word_embeddings", config.tieWordEmbeddings());
      line("eos_token_id", config.eosTokenId());
      line("weights", weights(model));
      line("vocabulary", model.tokenizer().map(t -> t.size() + " tokens").orElse("none"));
      model.note().ifPresent(note -> line("note", note));
      if (verify) {
        verify(model);
      }
    }
    return 0;
  }

  private void verify(Model model) {
    Verification verification =
        model.verify(new ProgressLine(terminal, false, "Reading weights (CRC32C)"));
    int stored = verification.stored();
    line("checksums", stored == 0 ? "none in the files" : stored + " tensors as the files say");
    line("verified", verification);
    line(
        "weights_sha256",
        model.weightsHash(new ProgressLine(terminal, false, "Reading weights (SHA-256)")));
  }

  private void line(String key, Object value) {
    terminal.out().printf("%-32s%s%n", key, value);
  }

  /** Such as "148 tensors, F32 497,759,232 bytes". */
  private static String weights(Model model) {
    var bytes = new EnumMap<StoredTensor.DType, Long>(StoredTensor.DType.class);
    for (StoredTensor tensor : model.tensors().values()) {
      bytes.merge(tensor.dtype(), tensor.data().byteSize(), Long::sum);
    }
    var text = new StringBuilder(model.tensors().size() + " tensors");
    bytes.forEach((type, n) -> text.append(String.format(Locale.ROOT, ", %s %,d bytes", type, n)));
    return text.toString();
  }
}
