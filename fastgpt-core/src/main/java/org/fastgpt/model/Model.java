package org.fastgpt.model;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.fastgpt.GptConfig;
import org.fastgpt.tokenizer.Tokenizer;

/** A model folder, opened: configuration, tensors, vocabulary. Close it after its engines. */
public final class Model implements AutoCloseable {

  /** How the weights are to be read: little-endian float32 at any address. */
  public static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Path path;
  private final GptConfig config;
  private final Map<String, StoredTensor> tensors;
  private final Arena arena;

  private Model(Path path, GptConfig config, Map<String, StoredTensor> tensors, Arena arena) {
    this.path = path;
    this.config = config;
    this.tensors = tensors;
    this.arena = arena;
  }

  /**
   * Opens the folder {@code path} in HuggingFace's layout.
   *
   * @throws ModelException the folder is not a model, is damaged, or needs what is not supported
   */
  @SuppressWarnings("MustBeClosedChecker") // close() closes it
  public static Model open(Path path) {
    Arena arena = Arena.ofShared();
    try {
      GptConfig config = ConfigJson.read(path.resolve("config.json"));
      return new Model(
          path, config, Safetensors.map(path.resolve("model.safetensors"), arena), arena);
    } catch (IOException e) {
      arena.close();
      throw new UncheckedIOException(e);
    }
  }

  public Path path() {
    return path;
  }

  /** The folder's name. */
  public String name() {
    return path.getFileName().toString();
  }

  public GptConfig config() {
    return config;
  }

  /** All tensors of the model by HuggingFace's name without "transformer.", checked. */
  public Map<String, StoredTensor> tensors() {
    return tensors;
  }

  /** The tensor as little-endian float32: in place if stored so, else a widened copy. */
  public MemorySegment floats(String name) {
    return tensors.get(name).data();
  }

  /** The vocabulary, if the folder has one. */
  public Optional<Tokenizer> tokenizer() {
    return Files.exists(path.resolve("vocab.json"))
        ? Optional.of(Tokenizer.load(path))
        : Optional.empty();
  }

  @Override
  public void close() {
    arena.close();
  }
}
