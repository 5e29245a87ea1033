package org.fastgpt.model;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.fastgpt.GptConfig;
import org.fastgpt.model.GptTensors.Found;
import org.fastgpt.tokenizer.Tokenizer;

/**
 * A GPT-2 as minGPT or nanoGPT saved it: the names of HuggingFace, but matrices as PyTorch's Linear
 * has them, [out, in].
 *
 * <ul>
 *   <li>minGPT saves the weights alone, the head apart from wte. Sizes are those of the tensors;
 *       n_head is none of them: it comes from the config.json that minGPT writes beside the
 *       weights, or from the table of sizes that minGPT has.
 *   <li>nanoGPT saves a dict: the weights under "model", sizes and n_head under "model_args". The
 *       head is wte. With bias False no biases are there; they are 0 here. A compiled model has
 *       "_orig_mod." before each name.
 * </ul>
 *
 * <p><b>Not the same arithmetic:</b> nanoGPT computes GELU exactly, by erf; this project's engines
 * have GPT-2's formula, by tanh. The two are at most 0.00047 apart. Those who convert between
 * HuggingFace and nanoGPT leave it at that, and so is it done here, but said: {@link
 * Checkpoint#note}. minGPT has GPT-2's formula.
 *
 * <p><b>Padding:</b> nanoGPT rounds GPT-2's 50257 tokens up to 50304. The rows above stand for
 * nothing, and no text has their ids: they are left out, so that none is ever chosen. For another
 * vocabulary the same is done where the vocabulary is there to tell.
 */
final class TorchGpt {
  private static final int GPT2_TOKENS = 50257;
  private static final int GPT2_PADDED = 50304;
  private static final int MAX_PADDING = 127; // to a multiple of 128 at most

  private static final List<String> MATRICES =
      List.of("attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight");

  private static final String NOTE =
      "nanoGPT computes GELU exactly (erf), this program by GPT-2's formula (tanh): expect logits"
          + " that differ by about 0.001.";

  /** As minGPT's {@code mingpt/model.py} has them, by model_type. */
  private static final List<Size> SIZES =
      List.of(
          new Size(12, 12, 768), // gpt2, openai-gpt
          new Size(24, 16, 1024), // gpt2-medium
          new Size(36, 20, 1280), // gpt2-large
          new Size(48, 25, 1600), // gpt2-xl
          new Size(8, 16, 512), // gopher-44m
          new Size(6, 6, 192), // gpt-mini
          new Size(4, 4, 128), // gpt-micro
          new Size(3, 3, 48)); // gpt-nano

  private record Size(int nLayer, int nHead, int nEmbd) {}

  private final Path file;
  private final TorchFile torch;
  private final Optional<Map<?, ?>> modelArgs; // of nanoGPT only
  private final Map<String, TorchTensor> tensors = new LinkedHashMap<>();

  TorchGpt(Path file, TorchFile torch) {
    this.file = file;
    this.torch = torch;
    Object weights = torch.root();
    if (weights instanceof Map<?, ?> all && all.get("model_args") instanceof Map<?, ?> args) {
      modelArgs = Optional.of(args);
      weights = all.get("model");
    } else {
      modelArgs = Optional.empty();
    }
    torch.tensors(weights).forEach(this::add);
  }

  private void add(String savedName, TorchTensor tensor) {
    String compiled = "_orig_mod.";
    String name =
        HuggingFace.withoutPrefix(
            savedName.startsWith(compiled) ? savedName.substring(compiled.length()) : savedName);
    if (tensors.put(name, tensor) != null) {
      throw bad(name + " is there twice, with and without a prefix");
    }
  }

  Checkpoint checkpoint() {
    Path config = file.resolveSibling(HuggingFace.CONFIG);
    Optional<Map<String, Object>> json =
        modelArgs.isEmpty() && Files.isRegularFile(config)
            ? Optional.of(ConfigJson.object(config))
            : Optional.empty();
    if (json.isPresent() && !(json.get().get("model") instanceof Map)) {
      return checkpoint("PyTorch", ConfigJson.read(config), vocabulary().map(t -> () -> t));
    }
    Optional<Tokenizer> vocabulary = vocabulary();
    GptConfig derived = config(nHead(json), vocabulary);
    Optional<Supplier<Tokenizer>> tokenizer = vocabulary.map(t -> () -> t);
    if (tokenizer.isEmpty() && derived.nVocab() == GPT2_TOKENS) {
      tokenizer = Models.gpt2Vocabulary().map(folder -> () -> Tokenizer.load(folder));
    }
    return checkpoint(modelArgs.isPresent() ? "nanoGPT" : "minGPT", derived, tokenizer);
  }

  private Checkpoint checkpoint(
      String format, GptConfig config, Optional<Supplier<Tokenizer>> tokenizer) {
    return new Checkpoint(
        format,
        config,
        GptTensors.select(config, stored(config), file.getFileName().toString()),
        tokenizer,
        modelArgs.map(_ -> NOTE),
        Map.of());
  }

  /** All that the sizes of the tensors say. */
  private GptConfig config(int nHead, Optional<Tokenizer> vocabulary) {
    int nEmbd = size("wte.weight", 1);
    int nLayer = nLayer();
    int nCtx = size("wpe.weight", 0);
    check("n_layer", nLayer);
    check("n_embd", nEmbd);
    check("block_size", nCtx);
    int nVocab = tokens(size("wte.weight", 0), vocabulary);
    int gpt2End = nVocab == GPT2_TOKENS ? GPT2_TOKENS - 1 : -1;
    int end = vocabulary.map(t -> t.endOfText().orElse(-1)).orElse(gpt2End);
    TorchTensor head = tensors.get("lm_head.weight");
    boolean tied = head == null || head.equals(tensors.get("wte.weight"));
    tensors.computeIfPresent("wte.weight", (_, wte) -> rows(wte, nVocab));
    tensors.computeIfPresent("lm_head.weight", (_, lmHead) -> rows(lmHead, nVocab));
    try {
      return new GptConfig(
          nVocab, nCtx, nEmbd, nHead, nLayer, 4 * nEmbd, 1e-5f, true, false, tied, end);
    } catch (IllegalArgumentException e) {
      throw bad(e.getMessage());
    }
  }

  /** Without padding; a matrix of another kind is left as it is, to be refused by its shape. */
  private static TorchTensor rows(TorchTensor tensor, int n) {
    return tensor.shape().size() == 2 && tensor.shape().getFirst() > n ? tensor.rows(n) : tensor;
  }

  private int nLayer() {
    int nLayer = 0;
    while (tensors.containsKey("h." + nLayer + ".ln_1.weight")) {
      nLayer++;
    }
    return nLayer;
  }

  private int size(String name, int dimension) {
    TorchTensor tensor = tensors.get(name);
    if (tensor == null || tensor.shape().size() != 2) {
      throw bad("a matrix " + name + " expected, none found: not a GPT-2 of minGPT or nanoGPT");
    }
    return inRange(name, tensor.shape().get(dimension));
  }

  private int inRange(String name, Object value) {
    if (value instanceof Number n && n.longValue() >= 1 && n.longValue() <= ConfigJson.MAX_SIZE) {
      return n.intValue();
    }
    throw bad(name + ": a size in [1, " + ConfigJson.MAX_SIZE + "] expected, another found");
  }

  /** What nanoGPT says of a size must be what the tensors say. */
  private void check(String name, int found) {
    modelArgs.ifPresent(
        args -> {
          int said = inRange("model_args: " + name, args.get(name));
          if (said != found) {
            throw bad("model_args: " + name + " " + said + ", but the tensors have " + found);
          }
        });
  }

  private int nHead(Optional<Map<String, Object>> json) {
    if (modelArgs.isPresent()) {
      return inRange("model_args: n_head", modelArgs.get().get("n_head"));
    }
    Map<?, ?> model = json.map(j -> (Map<?, ?>) j.get("model")).orElse(Map.of());
    if (model.get("n_head") != null) {
      return inRange("config.json: model: n_head", model.get("n_head"));
    }
    int nEmbd = size("wte.weight", 1);
    int nLayer = nLayer();
    return SIZES.stream()
        .filter(s -> s.nEmbd == nEmbd && s.nLayer == nLayer)
        .findFirst()
        .map(Size::nHead)
        .orElseThrow(
            () ->
                bad(
                    "n_head is not in the file, and these are no sizes of GPT-2's or minGPT's; say"
                        + " it in a config.json beside the file: {\"model\": {\"n_head\": 4}}"));
  }

  /** How many rows of wte stand for a token. */
  private int tokens(int rows, Optional<Tokenizer> vocabulary) {
    int tokens = vocabulary.map(Tokenizer::size).orElse(rows == GPT2_PADDED ? GPT2_TOKENS : rows);
    if (tokens > rows || rows - tokens > MAX_PADDING) {
      throw bad(
          "the vocabulary beside it has %d tokens, but wte.weight has %d rows; put the model's own"
                  .formatted(tokens, rows)
              + " there, or none");
    }
    return tokens;
  }

  /** The vocabulary beside the checkpoint: nanoGPT's own for characters, or GPT-2's files. */
  private Optional<Tokenizer> vocabulary() {
    Path folder = file.toAbsolutePath().getParent();
    Path characters = folder.resolve(CharacterVocabulary.FILE);
    if (Files.isRegularFile(characters)) {
      return Optional.of(CharacterVocabulary.read(characters));
    }
    return Models.hasVocabulary(folder) ? Optional.of(Tokenizer.load(folder)) : Optional.empty();
  }

  /** The tensors as Conv1D has them, [in, out], and with all biases. */
  private Map<String, Found> stored(GptConfig config) {
    String source = file.getFileName().toString();
    TorchTensor attention = tensors.get("h.0.attn.c_attn.weight");
    boolean linear = attention != null && attention.shape().indexOf(config.nEmbd()) != 0;
    var found = new LinkedHashMap<String, Found>();
    tensors.forEach(
        (name, tensor) -> {
          boolean turn =
              linear && tensor.shape().size() == 2 && MATRICES.stream().anyMatch(name::endsWith);
          TorchTensor matrix = turn ? tensor.transposed() : tensor;
          found.put(name, new Found(torch.stored(name, matrix), source));
        });
    if (modelArgs.isPresent() && Boolean.FALSE.equals(modelArgs.get().get("bias"))) {
      addBiases(found, source);
    }
    return found;
  }

  /** Zeros for the bias of each matrix and layer norm, as long as its weight has outputs. */
  private void addBiases(Map<String, Found> found, String source) {
    tensors.forEach(
        (name, tensor) -> {
          String bias = name.replaceFirst("weight$", "bias");
          boolean hasOne = name.matches("(h\\..*|ln_f)\\.weight") && !tensor.shape().isEmpty();
          if (hasOne && !tensors.containsKey(bias)) {
            int outputs = tensor.shape().getFirst();
            found.put(bias, new Found(torch.zeros(bias, outputs), source));
          }
        });
  }

  private ModelException bad(String what) {
    return new ModelException(file + ": " + what);
  }
}
