package org.fastgpt.djl;

import ai.djl.Device;
import ai.djl.MalformedModelException;
import ai.djl.engine.EngineException;
import ai.djl.inference.Predictor;
import ai.djl.modality.nlp.generate.CausalLMOutput;
import ai.djl.modality.nlp.generate.SearchConfig;
import ai.djl.modality.nlp.generate.TextGenerator;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ModelNotFoundException;
import ai.djl.repository.zoo.ZooModel;
import ai.djl.training.ParameterStore;
import ai.djl.translate.TranslateException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.fastgpt.BatchGenerator;
import org.fastgpt.Engine;
import org.fastgpt.GptConfig;
import org.fastgpt.ParameterView;
import org.fastgpt.Session;
import org.fastgpt.model.Model;
import org.fastgpt.model.ModelException;

/**
 * A GPT-2 as a TorchScript module in PyTorch. Beside sessions it runs what HuggingFace's {@code
 * generate} does with a padded batch, and DJL's own searches.
 */
public final class DjlEngine implements Engine, BatchGenerator, ParameterView {

  /** What a run of the module gives beside the new cache. A trace can give all logits only. */
  enum Wanted {
    ALL_LOGITS("forward"),
    LAST_LOGITS("forward_last"),
    ALL_LOGITS_AND_ACTIVATIONS("forward_probe");

    private final String method;

    Wanted(String method) {
      this.method = method;
    }
  }

  private final GptConfig config;
  private final boolean traced;
  private final int threads;
  private final ZooModel<NDList, CausalLMOutput> module;
  private final ParameterStore parameterStore;

  private DjlEngine(Path file, GptConfig config, boolean traced, int threads)
      throws IOException, ModelNotFoundException, MalformedModelException {
    this.config = config;
    this.traced = traced;
    this.threads = threads;
    this.module =
        Criteria.builder()
            .setTypes(NDList.class, CausalLMOutput.class)
            .optModelPath(file.toAbsolutePath().getParent())
            .optModelName(file.getFileName().toString())
            .optEngine(PyTorch.ENGINE)
            .optDevice(Device.cpu())
            .optTranslator(new Gpt2Translator(config, Wanted.ALL_LOGITS.method))
            .build()
            .loadModel();
    this.parameterStore = new ParameterStore(module.getNDManager(), false);
  }

  /**
   * Loads a TorchScript archive and tries it with one token.
   *
   * @param traced whether HuggingFace's class made it, not {@link ScriptArchive}
   * @throws ModelException it is damaged, or was made from another model
   */
  static DjlEngine load(Path file, Model model, boolean traced, int threads) {
    DjlEngine engine;
    try {
      engine = new DjlEngine(file, model.config(), traced, threads);
    } catch (IOException | ModelNotFoundException | MalformedModelException | EngineException e) {
      throw unusable(file, e);
    }
    try (Session session = engine.newSession()) {
      engine.checkWeights(file, model);
      session.forward(0);
      return engine;
    } catch (ModelException e) {
      engine.close();
      throw e;
    } catch (RuntimeException e) { // whatever a module of other inputs or outputs leads to
      engine.close();
      throw unusable(file, e);
    }
  }

  private static ModelException unusable(Path file, Exception e) {
    return new ModelException(file + ": PyTorch cannot run it: " + PyTorch.reason(e), e);
  }

  /** Compares all vectors, biases and layer norms, of the module with those of the model. */
  private void checkWeights(Path file, Model model) {
    parameters()
        .forEach(
            (name, found) -> {
              if (found.getShape().dimension() == 1 && !isOf(model, name, found)) {
                throw new ModelException(
                    file + ": " + name + " is not that of the model. Made from other weights?");
              }
            });
  }

  private static boolean isOf(Model model, String name, NDArray found) {
    return model.tensors().containsKey(name)
        && Arrays.equals(found.toFloatArray(), model.floats(name).toArray(Model.FLOAT));
  }

  /** The module's parameters by the model's names, as they lie in PyTorch; owned by the engine. */
  Map<String, NDArray> parameters() {
    var arrays = new LinkedHashMap<String, NDArray>();
    for (var parameter : module.getBlock().getParameters()) {
      String name = parameter.getKey().replaceFirst("^.*transformer\\.", "");
      arrays.put(name, parameter.getValue().getArray());
    }
    return arrays;
  }

  @Override
  public float[] parameter(String name) {
    NDArray array = parameters().get(name);
    if (array == null) {
      throw new IllegalArgumentException(name + ": the module has no such parameter");
    }
    return array.toFloatArray();
  }

  /** {@code djl-trace} or {@code djl-archive}. */
  @Override
  public String name() {
    return traced ? "djl-trace" : "djl-archive";
  }

  @Override
  public GptConfig config() {
    return config;
  }

  @Override
  public Session newSession() {
    return new DjlSession(this);
  }

  boolean showsActivations() {
    return !traced;
  }

  NDManager newManager() {
    return module.getNDManager().newSubManager();
  }

  /**
   * Runs the module once.
   *
   * @param input input_ids, position_ids [B, T], attention_mask [B, P + T], the past, if any
   * @return logits, the grown past, activations, in the manager of {@code input}
   */
  NDList run(Wanted wanted, NDList input) {
    PyTorch.setThreads(threads);
    String method = (traced ? Wanted.ALL_LOGITS : wanted).method;
    NDList moduleInput = Gpt2Translator.moduleInput(config, input, method);
    return module.getBlock().forward(parameterStore, moduleInput, false);
  }

  /**
   * Greedy continuations of prompts of any lengths, computed as one batch: padded on the left, with
   * attention mask and positions as HuggingFace's {@code generate} makes them.
   */
  @Override
  public List<int[]> generateBatch(List<int[]> prompts, int newTokens) {
    if (prompts.isEmpty()) {
      throw new IllegalArgumentException("no prompts");
    }
    int width = prompts.stream().mapToInt(p -> p.length).max().orElse(0);
    for (int[] prompt : prompts) {
      config.checkInput(prompt, 0);
    }
    checkRoom(width, newTokens);
    int[][] ids = prompts.stream().map(p -> leftPadded(p, width)).toArray(int[][]::new);
    int[] padding = prompts.stream().mapToInt(p -> width - p.length).toArray();
    int[][] continuations = new int[prompts.size()][newTokens];
    try (var cache = new KvCache(this)) {
      for (int n = 0; n < newTokens; n++) {
        try (NDManager step = newManager()) {
          NDArray logits = cache.append(Wanted.LAST_LOGITS, ids, padding, step).get(0);
          long[] next = logits.get(":, -1").argMax(-1).toLongArray(); // [B, T, V] -> [B]
          for (int b = 0; b < next.length; b++) {
            continuations[b][n] = (int) next[b];
            ids[b] = new int[] {(int) next[b]};
          }
        }
      }
    }
    return List.of(continuations);
  }

  /** The last new token is not fed to the model: it needs no position. */
  private void checkRoom(int prompt, int newTokens) {
    if (newTokens < 1) {
      throw new IllegalArgumentException("new tokens " + newTokens + ": at least 1 is needed");
    }
    if (prompt + newTokens - 1 > config.nCtx()) {
      throw new IllegalStateException(
          "context full: a prompt of %d and %d new tokens need more than n_ctx = %d"
              .formatted(prompt, newTokens, config.nCtx()));
    }
  }

  private static List<int[]> rows(NDArray ids) { // [B, n]
    long[] flat = ids.toLongArray();
    int n = (int) ids.getShape().get(1);
    return IntStream.range(0, flat.length / n)
        .mapToObj(b -> Arrays.stream(flat, b * n, (b + 1) * n).mapToInt(id -> (int) id).toArray())
        .toList();
  }

  private static int[] leftPadded(int[] prompt, int width) {
    int[] padded = new int[width];
    System.arraycopy(prompt, 0, padded, width - prompt.length, prompt.length);
    return padded;
  }

  /**
   * What DJL's {@link TextGenerator} makes of the prompt with this module. Its beam search
   * multiplies probabilities as floats: after one or two hundred tokens all beams are at 0.
   *
   * @param search {@code greedy}, {@code beam} or {@code contrastive}; the last needs hidden
   *     states, which a trace does not show
   * @param settings number of beams, k, alpha; the lengths and special ids in it are overwritten
   * @return the new ids of each beam, in no order; {@code newTokens} each, whatever they are: an
   *     end of text does not end the search
   * @throws IllegalArgumentException as {@link Session#forward(int...)}, or contrastive on a trace
   * @throws IllegalStateException prompt and new tokens are more than n_ctx
   */
  public List<int[]> search(String search, SearchConfig settings, int[] prompt, int newTokens) {
    config.checkInput(prompt, 0);
    checkRoom(prompt.length, newTokens);
    boolean contrastive = search.equals("contrastive");
    if (contrastive && traced) {
      throw new IllegalArgumentException(
          "contrastive search needs hidden states, which a trace does not show: set archive=java");
    }
    settings.setMaxSeqLength(prompt.length + newTokens);
    settings.setPadTokenId(-1); // its default, 50256, would mask a prompt that begins with it
    PyTorch.setThreads(threads);
    String method = (contrastive ? Wanted.ALL_LOGITS_AND_ACTIVATIONS : Wanted.ALL_LOGITS).method;
    try (NDManager manager = newManager();
        Predictor<NDList, CausalLMOutput> predictor =
            module.newPredictor(new Gpt2Translator(config, method))) {
      long[] ids = Arrays.stream(prompt).asLongStream().toArray();
      NDArray all =
          new TextGenerator(predictor, search, settings)
              .generate(manager.create(ids).expandDims(0)); // [1, n] -> [beams, n + new]
      // Beam and contrastive search make two tokens at least.
      return rows(all.get(":, {}:{}", prompt.length, prompt.length + newTokens));
    } catch (TranslateException e) {
      throw new IllegalStateException(
          "DJL's " + search + " search failed: " + PyTorch.reason(e), e);
    }
  }

  /** Frees the module. Sessions that are still open are freed with it. */
  @Override
  public void close() {
    module.close();
  }
}
