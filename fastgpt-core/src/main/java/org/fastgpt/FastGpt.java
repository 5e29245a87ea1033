package org.fastgpt;

import java.util.OptionalLong;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.fastgpt.model.Model;
import org.fastgpt.model.Models;
import org.fastgpt.model.Progress;
import org.fastgpt.sampling.Sampler;
import org.fastgpt.sampling.Warping;
import org.fastgpt.tokenizer.Tokenizer;

/**
 * GPT-2 for programs: text in, text out.
 *
 * {@snippet file="org/fastgpt/examples/ExamplesTest.java" region="generate"}
 *
 * <p>Any number of threads may use one at once; each text has a session of its own, and comes out
 * as if it were alone:
 *
 * {@snippet file="org/fastgpt/examples/ExamplesTest.java" region="threads"}
 *
 * <p>What is wrong is said as on the command line, in one line: an {@link IllegalArgumentException}
 * for a wrong value, an {@link IllegalStateException} for a prompt that leaves no room, a {@link
 * org.fastgpt.model.ModelException} for the model.
 *
 * <p>{@link #close} waits for passes that are running, each a token or a prompt, then frees the
 * weights. Texts that are not at their end fail at their next token, with an {@link
 * IllegalStateException}: one that is cut off is never taken for a whole one.
 */
public final class FastGpt implements AutoCloseable {

  private static final String CORE = "core";

  private final Model model;
  private final Engine engine;

  /** Read: a pass is running. Write: the weights go. */
  private final ReadWriteLock lock = new ReentrantReadWriteLock();

  private boolean closed; // guarded by lock

  FastGpt(Model model, Engine engine) {
    this.model = model;
    this.engine = engine;
  }

  /**
   * Opens a model with the core engine.
   *
   * @param nameOrPath as the command line's {@code -m}: a name such as {@code 124M}, a folder or a
   *     file; see {@link Models#resolve}
   * @throws org.fastgpt.model.MissingModelException there is none; the message says how to get it
   * @throws org.fastgpt.model.ModelException it is damaged, or not supported
   */
  public static FastGpt open(String nameOrPath) {
    return open(nameOrPath, CORE, EngineOptions.DEFAULT);
  }

  /**
   * Opens a model with another engine, of those on the class path.
   *
   * {@snippet file="org/fastgpt/examples/ExamplesTest.java" region="engine"}
   *
   * @param engine the name of its {@link EngineProvider}: {@code core}, {@code djl}, {@code nd4j}
   * @throws IllegalArgumentException there is no such engine, or an option has a wrong value
   * @throws org.fastgpt.model.ModelException as {@link #open(String)}
   */
  public static FastGpt open(String nameOrPath, String engine, EngineOptions options) {
    EngineProvider provider = Engines.named(engine);
    provider.warmUp(options);
    Model model = Model.open(Models.resolve(nameOrPath, Progress.NONE));
    try {
      return new FastGpt(model, provider.open(model, options));
    } catch (RuntimeException | Error e) {
      model.close();
      throw e;
    }
  }

  /** Greedily, 20 tokens: see {@link #generate(String, GenerationOptions)}. */
  public Stream<String> generate(String prompt) {
    return generate(prompt, GenerationOptions.DEFAULT);
  }

  /**
   * Continues a prompt. The pieces of the new text are made as they are asked for; a piece is never
   * empty, and never half a character. What is wrong with prompt or options is thrown here, before
   * any is made.
   *
   * {@snippet file="org/fastgpt/examples/ExamplesTest.java" region="stream"}
   *
   * <p>Read to its end, the stream needs no closing. Closing it earlier, from any thread, frees the
   * session and ends it; so does an interrupt of the reading thread, which stays interrupted.
   *
   * @param prompt if empty, the text begins after end-of-text
   * @throws IllegalArgumentException a token that the model does not have, an empty stop string, or
   *     no prompt where the model has no end-of-text
   * @throws IllegalStateException the prompt leaves no room for a new token, or this is closed
   * @throws org.fastgpt.model.ModelException the model has no vocabulary
   */
  public Stream<String> generate(String prompt, GenerationOptions options) {
    TextGeneration text = begin(prompt, options, seed(options));
    return StreamSupport.stream(text, false).onClose(text::close);
  }

  /** A whole text; see {@link #generateText(String, GenerationOptions, Predicate)}. */
  public GeneratedText generateText(String prompt, GenerationOptions options) {
    return generateText(prompt, options, _ -> true);
  }

  /**
   * Continues a prompt as {@link #generate(String, GenerationOptions)}, and returns when the text
   * is whole; one that was interrupted, or that {@code goOn} has ended, says {@link
   * Generator.Stop#CANCELLED}.
   *
   * {@snippet file="org/fastgpt/examples/ExamplesTest.java" region="sample"}
   *
   * @param goOn gets each piece as it comes; false: no more is wanted
   * @throws IllegalArgumentException as {@link #generate(String, GenerationOptions)}
   * @throws IllegalStateException also if this is closed meanwhile
   */
  public GeneratedText generateText(
      String prompt, GenerationOptions options, Predicate<String> goOn) {
    OptionalLong seed = seed(options);
    try (TextGeneration generation = begin(prompt, options, seed)) {
      var text = new StringBuilder();
      String piece = generation.next();
      while (!piece.isEmpty()) {
        text.append(piece);
        if (!goOn.test(piece)) {
          generation.end();
        }
        piece = generation.next();
      }
      Generator.Result result = generation.result();
      return new GeneratedText(text.toString(), result.ids(), result.stop(), seed);
    }
  }

  /** The seed to draw by, if anything is drawn. */
  private static OptionalLong seed(GenerationOptions options) {
    Warping warping = options.warping();
    return warping.greedy()
        ? OptionalLong.empty()
        : OptionalLong.of(options.seed().orElseGet(Sampler::freshSeed));
  }

  private TextGeneration begin(String prompt, GenerationOptions options, OptionalLong seed) {
    GptConfig config = engine.config();
    int[] ids = Generator.orEndOfText(config, tokenizer().encode(prompt));
    Generator.checkStopTokens(config, options.stopTokens());
    var generator =
        new Generator(
            true,
            !options.ignoreEos(),
            options.stopTokens(),
            Sampler.of(config, options.penalties(), options.warping(), seed::getAsLong),
            options.onOverflow() == GenerationOptions.OnOverflow.TRUNCATE,
            0);
    generator.check(config, ids, options.maxNewTokens());
    var pieces = new TextPieces(tokenizer(), options.stopStrings());
    return new TextGeneration(this, generator, ids, options.maxNewTokens(), pieces);
  }

  /**
   * How likely the model finds a text of up to n_ctx + 1 tokens: of each token given those before
   * it, and its perplexity. Of longer ones, see {@link Scorer}.
   *
   * {@snippet file="org/fastgpt/examples/ExamplesTest.java" region="score"}
   *
   * @return the scores of {@code tokenizer().encode(text)}; the first has none
   * @throws IllegalArgumentException the text is too long
   * @throws IllegalStateException this is closed
   */
  public Scores score(String text) {
    int[] ids = tokenizer().encode(text);
    Scorer.checkFits(engine.config(), ids.length);
    return whileOpen(
        () -> {
          try (Session session = engine.newSession()) {
            return Scorer.whole(engine.config()).score(session, engine.config(), ids, 0);
          }
        });
  }

  /**
   * The model's tokenizer: text to ids and back. It may be used after {@link #close}.
   *
   * @throws org.fastgpt.model.ModelException the model has no vocabulary
   * @throws IllegalStateException this is closed
   */
  public Tokenizer tokenizer() {
    return whileOpen(model::requireTokenizer);
  }

  /** Sizes of the model. */
  public GptConfig config() {
    return engine.config();
  }

  /**
   * The engine, for what goes beyond single texts: sessions, logits, activations, batches. Who uses
   * it sees to it that this is not closed meanwhile.
   *
   * {@snippet file="org/fastgpt/examples/ExamplesTest.java" region="batch"}
   */
  public Engine engine() {
    return engine;
  }

  /**
   * Does what needs the weights, which stay until it is done.
   *
   * @throws IllegalStateException this is closed
   */
  <T> T whileOpen(Supplier<T> work) {
    lock.readLock().lock();
    try {
      if (closed) {
        throw new IllegalStateException("the model " + model.path() + " is closed");
      }
      return work.get();
    } finally {
      lock.readLock().unlock();
    }
  }

  /** Closes a session, but not while the engine is being closed. */
  void release(Session session) {
    lock.readLock().lock();
    try {
      session.close();
    } finally {
      lock.readLock().unlock();
    }
  }

  /** Frees the weights, as soon as no pass is running. */
  @Override
  public void close() {
    lock.writeLock().lock();
    try {
      if (!closed) {
        closed = true;
        engine.close();
        model.close();
      }
    } finally {
      lock.writeLock().unlock();
    }
  }
}
