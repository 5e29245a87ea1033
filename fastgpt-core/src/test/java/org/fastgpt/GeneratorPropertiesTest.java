package org.fastgpt;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.fastgpt.Generator.Result;
import org.fastgpt.sampling.Penalties;
import org.fastgpt.sampling.Sampler;
import org.fastgpt.sampling.Warping;
import org.junit.jupiter.api.Test;

/** What holds for any text, on an engine whose texts repeat themselves. */
class GeneratorPropertiesTest {

  private static final int N_CTX = 40;
  private static final String SEED = "20190214";

  private final FakeEngine engine = new FakeEngine(6, N_CTX, 2);

  /** Greedy and drawn, with each way to end. */
  @Property(seed = SEED)
  void draftsLeaveTheTextAsItIs(
      @ForAll @Size(min = 1, max = 30) List<@IntRange(max = 5) Integer> prompt,
      @ForAll @IntRange(min = 1, max = 12) int draft,
      @ForAll @IntRange(max = 60) int n,
      @ForAll @IntRange(max = 4) int seed,
      @ForAll boolean slides) {
    Chooser chooser = seed == 0 ? Chooser.GREEDY : sampler(seed);
    var plain = new Generator(true, seed % 2 == 0, Set.of(), chooser, slides, 0);
    Result expected = run(plain, prompt, n);
    Result actual = run(plain.drafting(draft), prompt, n);
    assertThat(actual.ids()).containsExactly(expected.ids());
    assertThat(actual.stop()).isEqualTo(expected.stop());
    assertThat(actual.left()).isEqualTo(expected.left());
    assertThat(
            run(new Generator(false, seed % 2 == 0, Set.of(), chooser, slides, 0), prompt, n).ids())
        .containsExactly(expected.ids());
  }

  @Test
  void draftsSavePassesWhereTextRepeatsItself() {
    var repeating = new FakeEngine(6, 100, 1);
    var generator = new Generator(true, false);
    try (Session session = repeating.newSession()) {
      generator.generate(session, repeating.config(), new int[] {1}, 60, _ -> true);
      assertThat(repeating.passes()).isEqualTo(60);
      generator.drafting(7).generate(session, repeating.config(), new int[] {1}, 60, _ -> true);
      assertThat(repeating.passes() - 60).isLessThan(20);
    }
  }

  @Property(seed = SEED)
  void draftsAlsoEndWhereTheReceiverWantsNoMore(
      @ForAll @IntRange(max = 5) int prompt,
      @ForAll @IntRange(min = 1, max = 12) int draft,
      @ForAll @IntRange(min = 1, max = 30) int enough) {
    var generator = new Generator(true, false).drafting(draft);
    try (Session session = engine.newSession()) {
      int[] got = new int[1];
      Result result =
          generator.generate(
              session, engine.config(), new int[] {prompt}, 35, _ -> ++got[0] < enough);
      assertThat(got[0]).isEqualTo(enough);
      assertThat(result.ids()).hasSize(enough);
      assertThat(result.stop()).isEqualTo(Generator.Stop.CANCELLED);
    }
  }

  /** After leaving tokens out, the text goes on as one that begins with those that are left. */
  @Property(seed = SEED)
  void aSlidingContextGoesOnFromTheNewestTokens(
      @ForAll @Size(min = 1, max = 100) List<@IntRange(max = 5) Integer> prompt,
      @ForAll @IntRange(min = 1, max = 100) int n) {
    var memoryOfAll = new FakeEngine(6, N_CTX, N_CTX);
    var generator = new Generator(true, false).sliding();
    try (Session session = memoryOfAll.newSession()) {
      Result result = generator.generate(session, memoryOfAll.config(), ids(prompt), n, _ -> true);
      assertThat(result.ids()).hasSize(n);
      int[] text = Arrays.copyOf(ids(prompt), prompt.size() + n);
      System.arraycopy(result.ids(), 0, text, prompt.size(), n);
      int kept = text.length - result.left();
      assertThat(kept).isLessThanOrEqualTo(N_CTX);
      assertThat(result.left() > 0).isEqualTo(text.length > N_CTX);
      int[] before = Arrays.copyOfRange(text, result.left(), text.length - 1);
      if (before.length > 0) {
        session.rewind(0);
        assertThat(Generator.argmax(session.forward(before))).isEqualTo(text[text.length - 1]);
      }
    }
  }

  private Sampler sampler(int seed) {
    return new Sampler(engine.config(), Penalties.NONE, new Warping(0.3, 0, 1, 0, 1), seed);
  }

  private Result run(Generator generator, List<Integer> prompt, int n) {
    try (Session session = engine.newSession()) {
      return generator.generate(session, engine.config(), ids(prompt), n, _ -> true);
    }
  }

  private static int[] ids(List<Integer> prompt) {
    return prompt.stream().mapToInt(id -> id).toArray();
  }
}
