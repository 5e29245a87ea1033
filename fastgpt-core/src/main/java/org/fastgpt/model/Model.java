package org.fastgpt.model;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.fastgpt.GptConfig;
import org.fastgpt.tokenizer.Tokenizer;

/**
 * A model, opened: configuration, tensors, vocabulary. Close it after its engines. The files are
 * mapped, not read: they must stay as they are while the model is open.
 */
public final class Model implements AutoCloseable {

  /** How the weights are to be read: little-endian float32 at any address. */
  public static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  static final ValueLayout.OfShort HALF =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt BITS =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Path path;
  private final Checkpoint checkpoint;
  private final Arena arena;
  private final AtomicInteger users = new AtomicInteger(1); // until it is closed, this is one
  private final AtomicBoolean closed = new AtomicBoolean();
  private final Use use = this::release;
  private Optional<Tokenizer> tokenizer; // null until asked for
  private final Map<String, MemorySegment> widened = new ConcurrentHashMap<>();

  private Model(Path path, Checkpoint checkpoint, Arena arena) {
    this.path = path;
    this.checkpoint = checkpoint;
    this.arena = arena;
  }

  /**
   * Opens a model folder or file.
   *
   * @throws ModelException it is not a model, is damaged, or needs what is not supported
   */
  @SuppressWarnings("MustBeClosedChecker") // close() closes it
  public static Model open(Path path) {
    Format format = Format.of(path).orElseThrow(() -> notOne(path));
    Arena arena = Arena.ofShared();
    try {
      return new Model(path, format.read(path, arena), arena);
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  /**
   * Checks a config.json by itself.
   *
   * @throws ModelException it is not one of a GPT-2 that is supported
   */
  public static void checkConfig(Path configJson) {
    ConfigJson.read(configJson);
  }

  private static ModelException notOne(Path path) {
    String found =
        Files.isDirectory(path)
            ? "a folder without config.json or *.gguf"
            : Files.exists(path) ? "a file of another kind" : "nothing";
    return new ModelException(path + ": a model expected, " + found + " found");
  }

  public Path path() {
    return path;
  }

  /** The folder's or file's name; in HuggingFace's cache that by which the hub knows it. */
  public String name() {
    Path last = path.toAbsolutePath().normalize().getFileName();
    return HubCache.nameOf(path).orElse(last == null ? path.toString() : last.toString());
  }

  public GptConfig config() {
    return checkpoint.config();
  }

  /** The layout of its files, such as "HuggingFace". */
  public String format() {
    return checkpoint.format();
  }

  /** What the user should know of how this model is run, one line; mostly there is nothing. */
  public Optional<String> note() {
    return checkpoint.note();
  }

  /** All tensors of the model by HuggingFace's name without "transformer.", checked. */
  public Map<String, StoredTensor> tensors() {
    return checkpoint.tensors();
  }

  /**
   * The tensor as little-endian float32, row-major: in place if it is stored so, else a copy made
   * at the first call.
   *
   * @throws IllegalArgumentException the model has no tensor of that name
   */
  public MemorySegment floats(String name) {
    StoredTensor tensor = tensors().get(name);
    if (tensor == null) {
      throw new IllegalArgumentException(name + ": no such tensor in " + path);
    }
    return tensor.dtype() == StoredTensor.DType.F32
        ? tensor.data()
        : widened.computeIfAbsent(name, _ -> widen(tensor));
  }

  private MemorySegment widen(StoredTensor tensor) {
    MemorySegment floats = arena.allocate(2 * tensor.data().byteSize(), 64);
    widen(tensor.dtype(), tensor.data(), floats);
    return floats.asReadOnly();
  }

  /** F16 or BF16 to float32, exactly. */
  static void widen(StoredTensor.DType dtype, MemorySegment half, MemorySegment floats) {
    long n = half.byteSize() / 2;
    if (dtype == StoredTensor.DType.F16) {
      for (long i = 0; i < n; i++) {
        floats.set(FLOAT, 4 * i, Float.float16ToFloat(half.get(HALF, 2 * i)));
      }
    } else { // BF16: the upper half of a float32
      for (long i = 0; i < n; i++) {
        floats.set(BITS, 4 * i, half.get(HALF, 2 * i) << 16);
      }
    }
  }

  /**
   * The SHA-256 of all values as little-endian float32, tensor after tensor in the order of {@link
   * #tensors}: the same for the same model in any layout that keeps its values. Reads all of them.
   */
  public String weightsHash(Progress progress) {
    try {
      var sha256 = MessageDigest.getInstance("SHA-256");
      FloatChunks.forEach(tensors().values(), progress, sha256::update);
      return HexFormat.of().formatHex(sha256.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("each Java has SHA-256", e);
    }
  }

  /**
   * Compares the checksum of each tensor with that in the model's files, if the layout has any, and
   * with those of OpenAI's own weights. Reads all of them.
   *
   * @throws ModelException a checksum is not that in the model's files
   */
  public Verification verify(Progress progress) {
    return Verification.of(this, checkpoint.crc32c(), progress);
  }

  /**
   * The vocabulary, if the folder has one. That of a synthetic checkpoint of GPT-2's own sizes is
   * GPT-2's, if one that is installed has it.
   */
  public synchronized Optional<Tokenizer> tokenizer() {
    if (tokenizer == null) {
      tokenizer = loadTokenizer();
    }
    return tokenizer;
  }

  /**
   * The vocabulary.
   *
   * @throws ModelException the model has none; the message says what to do
   */
  public Tokenizer requireTokenizer() {
    return tokenizer()
        .orElseThrow(
            () ->
                new ModelException(
                    path
                        + ": the model has no vocabulary (vocab.json and merges.txt); give and get"
                        + " token ids with --ids"));
  }

  private Optional<Tokenizer> loadTokenizer() {
    if (checkpoint.tokenizer().isPresent()) {
      return checkpoint.tokenizer().map(Supplier::get);
    }
    return config().nVocab() == 50257 && Synthetic.isOne(path)
        ? Models.gpt2Vocabulary().map(Tokenizer::load)
        : Optional.empty();
  }

  /** Holds the files open; see {@link #inUse}. */
  public interface Use extends AutoCloseable {
    @Override
    void close();
  }

  /**
   * Keeps the files mapped until the result is closed, even if the model is closed meanwhile: for
   * who reads weights by their address. Allocates nothing.
   *
   * @throws IllegalStateException the model is closed
   */
  public Use inUse() {
    int n = users.get();
    while (n > 0 && !users.compareAndSet(n, n + 1)) {
      n = users.get();
    }
    if (n == 0) {
      throw new IllegalStateException("the model " + path + " is closed");
    }
    return use;
  }

  private void release() {
    if (users.decrementAndGet() == 0) {
      arena.close();
    }
  }

  /** Closes the files, as soon as nobody uses them any more. */
  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      release();
    }
  }
}
