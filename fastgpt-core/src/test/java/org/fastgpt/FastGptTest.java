package org.fastgpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.fastgpt.Generator.Stop;
import org.fastgpt.model.MissingModelException;
import org.fastgpt.model.Model;
import org.fastgpt.sampling.Bias;
import org.fastgpt.sampling.Penalties;
import org.fastgpt.sampling.Sampler;
import org.fastgpt.sampling.Warping;
import org.fastgpt.tokenizer.Tokenizer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FastGptTest {

  private static final GenerationOptions GREEDY = GenerationOptions.DEFAULT;
  private static final String ROMEO = "ROMEO:";

  private FastGpt gpt;

  @BeforeEach
  void open() {
    gpt = FastGpt.open("tiny-shakespeare");
  }

  @AfterEach
  void close() {
    gpt.close();
  }

  @Test
  void continuesGreedilyAsTheGeneratorDoes() {
    int[] expected = generated(Chooser.GREEDY, 30);
    GeneratedText text = gpt.generateText(ROMEO, GREEDY.maxNewTokens(30));
    assertThat(text.ids()).containsExactly(expected);
    assertThat(text.text()).isEqualTo(gpt.tokenizer().decode(expected));
    assertThat(text.stop()).isEqualTo(Stop.LENGTH);
    assertThat(text.seed()).isEmpty();
  }

  @Test
  void samplesAsTheSamplerDoes() {
    var penalties = Penalties.NONE.repetition(1.2).noRepeatNgram(3).minNewTokens(30);
    var warping = new Warping(0.9, 50, 0.95, 0.01, 0.9);
    int[] expected = generated(new Sampler(gpt.config(), penalties, warping, 7), 30);
    var options =
        GREEDY
            .maxNewTokens(30)
            .temperature(0.9)
            .topK(50)
            .topP(0.95)
            .minP(0.01)
            .typicalP(0.9)
            .seed(7)
            .repetitionPenalty(1.2)
            .noRepeatNgramSize(3)
            .minNewTokens(30);
    GeneratedText text = gpt.generateText(ROMEO, options);
    assertThat(text.ids()).containsExactly(expected);
    assertThat(text.seed()).hasValue(7);
  }

  private int[] generated(Chooser chooser, int n) {
    try (Session session = gpt.engine().newSession()) {
      return new Generator(true, true)
          .with(chooser)
          .generate(session, gpt.config(), gpt.tokenizer().encode(ROMEO), n, _ -> true)
          .ids();
    }
  }

  @Test
  void aSeedThatWasDrawnGivesTheSameTextAgain() {
    GeneratedText text = gpt.generateText(ROMEO, GREEDY.doSample());
    GeneratedText again =
        gpt.generateText(ROMEO, GREEDY.seed(text.seed().orElseThrow()).temperature(1));
    assertThat(again.ids()).containsExactly(text.ids());
  }

  @Test
  void optionsMeanTheSameInAnyOrder() {
    var cold = GREEDY.temperature(0).topP(0.9);
    assertThat(cold).isEqualTo(GREEDY.topP(0.9).temperature(0));
    assertThat(gpt.generateText(ROMEO, cold).ids())
        .containsExactly(gpt.generateText(ROMEO, GREEDY).ids());
    assertThat(GREEDY.seed(3).minP(0.2)).isEqualTo(GREEDY.minP(0.2).seed(3));
  }

  @Test
  void optionsRefuseWrongValues() {
    assertThatThrownBy(() -> GREEDY.maxNewTokens(-2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("max new tokens -2: a number of tokens expected, or -1");
    assertThatThrownBy(() -> GREEDY.topP(2)).hasMessageStartingWith("top-p 2: a number in [0, 1]");
  }

  @Test
  void piecesAreTheTextAndNoneIsEmpty() {
    var options = GREEDY.maxNewTokens(100).seed(5);
    List<String> pieces = gpt.generate(ROMEO, options).toList();
    assertThat(pieces).hasSizeGreaterThan(50).doesNotContain("");
    assertThat(String.join("", pieces)).isEqualTo(gpt.generateText(ROMEO, options).text());
  }

  /** Biases make the model say the four bytes of a cat, each a token. */
  @Test
  void aCharacterComesWholeOrNotAtAll() {
    int[] cat = gpt.tokenizer().encode("🐱");
    assertThat(cat).hasSize(4);
    var bias = new ArrayList<Bias>(List.of(new Bias(List.of(cat[0]), 1000)));
    for (int i = 1; i < cat.length; i++) {
      bias.add(new Bias(List.of(cat[i - 1], cat[i]), 2000));
    }
    var options = GREEDY.penalties(Penalties.NONE.bias(bias));
    assertThat(gpt.generate(ROMEO, options.maxNewTokens(8))).containsExactly("🐱", "🐱");
    assertThat(gpt.generate(ROMEO, options.maxNewTokens(6))).containsExactly("🐱", "\uFFFD");
  }

  @Test
  void aStopStringIsNoPartOfTheText() {
    String whole = gpt.generateText(ROMEO, GREEDY).text();
    GeneratedText text = gpt.generateText(ROMEO, GREEDY.stopStrings("and I'll", "never said"));
    assertThat(text.text()).isEqualTo(whole.substring(0, whole.indexOf("and I'll")));
    assertThat(text.stop()).isEqualTo(Stop.STOP_STRING);
    assertThat(String.join("", gpt.generate(ROMEO, GREEDY.stopStrings("and I'll")).toList()))
        .isEqualTo(text.text());
  }

  @Test
  void stopTokensAndTheContextEndTheText() {
    int[] ids = gpt.generateText(ROMEO, GREEDY).ids();
    GeneratedText text = gpt.generateText(ROMEO, GREEDY.stopTokens(ids[2]));
    assertThat(text.ids()).containsExactly(ids[0], ids[1]);
    assertThat(text.stop()).isEqualTo(Stop.STOP_TOKEN);
    GeneratedText full = gpt.generateText(ROMEO, GREEDY.maxNewTokens(-1).ignoreEos(true));
    assertThat(full.stop()).isEqualTo(Stop.CONTEXT_FULL);
    var sliding =
        GREEDY.maxNewTokens(300).ignoreEos(true).onOverflow(GenerationOptions.OnOverflow.TRUNCATE);
    assertThat(gpt.generateText(ROMEO, sliding).ids()).hasSize(300).startsWith(full.ids());
  }

  /** So that what an engine needs is made ready beside the opening of the model. */
  @Test
  void theEngineWarmsUpBeforeTheModelIsOpened(@TempDir Path folder) throws IOException {
    Path services = Files.createDirectories(folder.resolve("META-INF/services"));
    Files.writeString(services.resolve(EngineProvider.class.getName()), Noting.class.getName());
    Thread thread = Thread.currentThread();
    ClassLoader before = thread.getContextClassLoader();
    try (var with = new URLClassLoader(new URL[] {folder.toUri().toURL()}, before)) {
      thread.setContextClassLoader(with);
      assertThatThrownBy(() -> FastGpt.open("no/such/model", "noting", EngineOptions.threads(3)))
          .isInstanceOf(MissingModelException.class);
      assertThat(Noting.warmedUp).isEqualTo(EngineOptions.threads(3));
    } finally {
      thread.setContextClassLoader(before);
    }
  }

  /** Says whether it was asked to warm up. */
  public static final class Noting implements EngineProvider {
    private static EngineOptions warmedUp;

    @Override
    public String name() {
      return "noting";
    }

    @Override
    public void warmUp(EngineOptions options) {
      warmedUp = options;
    }

    @Override
    public Engine open(Model model, EngineOptions options) {
      throw new AssertionError("there is no model");
    }
  }

  @Test
  void noTokensAreAnEmptyText() {
    assertThat(gpt.generate(ROMEO, GREEDY.maxNewTokens(0))).isEmpty();
    assertThat(gpt.generateText(ROMEO, GREEDY.maxNewTokens(0)).stop()).isEqualTo(Stop.LENGTH);
  }

  @Test
  void anEmptyPromptBeginsAfterEndOfText() {
    String start = gpt.tokenizer().decode(gpt.config().eosTokenId());
    assertThat(start).isEqualTo(Tokenizer.END_OF_TEXT);
    try (Session session = gpt.engine().newSession()) {
      int first = Generator.argmax(session.forward(gpt.config().eosTokenId()));
      assertThat(gpt.generateText("", GREEDY.maxNewTokens(1).ignoreEos(true)).ids())
          .containsExactly(first);
    }
  }

  @Test
  void saysWhatIsWrongBeforeAnyTokenIsMade() {
    assertThatThrownBy(() -> gpt.generate(ROMEO, GREEDY.stopTokens(1024)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("token 1024 is outside the vocabulary [0, 1024)");
    assertThatThrownBy(() -> gpt.generate(ROMEO, GREEDY.badWordsIds(List.of(List.of(1024)))))
        .hasMessage("token 1024 is outside the vocabulary [0, 1024)");
    assertThatThrownBy(() -> gpt.generate(ROMEO, GREEDY.stopStrings("")))
        .hasMessage("a stop string is empty: it would stop everything");
    assertThatThrownBy(() -> gpt.generate("x ".repeat(300)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("leaves no room for a new one: n_ctx = 256");
    var endless = GREEDY.maxNewTokens(-1).onOverflow(GenerationOptions.OnOverflow.TRUNCATE);
    assertThatThrownBy(() -> gpt.generate(ROMEO, endless)).hasMessageContaining("no end");
    assertThatThrownBy(() -> gpt.score("x ".repeat(300)))
        .hasMessageContaining("too long to be seen at once");
  }

  @Test
  void saysWhichModelsAndEnginesThereAre() {
    assertThatThrownBy(() -> FastGpt.open("125M"))
        .isInstanceOf(MissingModelException.class)
        .hasMessageStartingWith("no model '125M'")
        .hasMessageContaining("tiny-shakespeare");
    assertThatThrownBy(() -> FastGpt.open("tiny-shakespeare", "abacus", EngineOptions.DEFAULT))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("engine 'abacus' is unknown; on the class path: core");
    var wrong = new EngineOptions(0, Map.of("kernels", "abacus"));
    assertThatThrownBy(() -> FastGpt.open("tiny-shakespeare", "core", wrong))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("abacus");
  }

  @Test
  void opensAFolder() {
    try (var own = FastGpt.open(Fixtures.TINY_SHAKESPEARE.toString())) {
      assertThat(own.generateText(ROMEO, GREEDY).ids())
          .containsExactly(gpt.generateText(ROMEO, GREEDY).ids());
    }
  }

  @Test
  void scoresAsTheScorerDoes() {
    String text = "O Romeo, Romeo!";
    try (Session session = gpt.engine().newSession()) {
      int[] ids = gpt.tokenizer().encode(text);
      Scores expected = Scorer.whole(gpt.config()).score(session, gpt.config(), ids, 0);
      Scores scores = gpt.score(text);
      assertThat(scores.count()).isEqualTo(ids.length - 1);
      assertThat(scores.sum()).isEqualTo(expected.sum());
    }
  }

  /** More threads than cores, each with other prompts and seeds, and all more than once. */
  @Test
  void manyThreadsGetWhatEachWouldGetAlone() throws Exception {
    List<GenerationOptions> options =
        Stream.of(GREEDY, GREEDY.seed(1), GREEDY.seed(2).topK(20), GREEDY.repetitionPenalty(1.3))
            .map(o -> o.maxNewTokens(40))
            .toList();
    List<int[]> alone =
        IntStream.range(0, 12)
            .mapToObj(i -> gpt.generateText("Scene " + i, options.get(i % 4)).ids())
            .toList();
    try (var executor = Executors.newVirtualThreadPerTaskExecutor()) {
      var texts = new ArrayList<Future<GeneratedText>>();
      for (int i = 0; i < 48; i++) {
        String prompt = "Scene " + i % 12;
        GenerationOptions o = options.get(i % 4);
        texts.add(executor.submit(() -> gpt.generateText(prompt, o)));
      }
      for (int i = 0; i < 48; i++) {
        assertThat(texts.get(i).get().ids()).containsExactly(alone.get(i % 12));
      }
    }
  }
}
