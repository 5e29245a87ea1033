package org.fastgpt.tokenizer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.knuddels.jtokkit.Encodings;
import com.knuddels.jtokkit.api.Encoding;
import com.knuddels.jtokkit.api.EncodingType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import net.jqwik.api.constraints.CharRange;
import net.jqwik.api.constraints.StringLength;

/** What holds for any text and any ids, on GPT-2's own vocabulary. */
class TokenizerPropertiesTest {
  private static final String SEED = "20190214";

  private static final Pattern GPT2 =
      Pattern.compile(
          "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
          Pattern.UNICODE_CHARACTER_CLASS);

  private static final Encoding JTOKKIT =
      Encodings.newLazyEncodingRegistry().getEncoding(EncodingType.R50K_BASE);

  private final Tokenizer gpt2 = Gpt2Vocabulary.tokenizer();

  /** What the cutting rules name, spaces of all kinds and look-alikes, scripts, emoji. */
  private static final String[] PARTS = {
    " ",
    "  ",
    "   ",
    "\n",
    "\n\n",
    "\r\n",
    "\t",
    "\u000b",
    "\u0085",
    "\u00a0",
    "\u1680",
    "\u2003",
    "\u2028",
    "\u2029",
    "\u202f",
    "\u205f",
    "\u3000",
    "\u001c",
    "\u180e",
    "\u200b",
    "\ufeff",
    "'",
    "'s",
    "'t",
    "'re",
    "'ve",
    "'m",
    "'ll",
    "'d",
    "’s",
    "'S",
    "'l",
    "'v",
    "'r",
    "the",
    " the",
    "Hello",
    " of",
    "0",
    "12",
    " 2026",
    "½",
    "Ⅷ",
    "²",
    "٣",
    "...",
    "!",
    " ?!",
    "-",
    "_",
    "é",
    "e\u0301",
    "ß",
    "ǅ",
    "ʰ",
    "中",
    "文字",
    "日本語",
    "한국어",
    "नमस्ते",
    "مرحبا",
    "Привет",
    "😀",
    "𝒜",
    "𝟘",
    "👨\u200d👩\u200d👧",
    "🇨🇿",
    "\u0000",
    "\ufffd",
    "\uffff",
    "<|endoftext|>",
    "http://a.b/c?d=e"
  };

  @Provide
  Arbitrary<String> text() {
    return textOf(Arbitraries.of(PARTS), characters().filter(c -> !isSurrogate(c)));
  }

  @Provide
  Arbitrary<String> textWithLoneSurrogates() {
    return textOf(Arbitraries.of(PARTS), characters());
  }

  private static Arbitrary<String> textOf(Arbitrary<String> parts, Arbitrary<Integer> characters) {
    return Arbitraries.frequencyOf(
            Tuple.of(3, parts), Tuple.of(1, characters.map(Character::toString)))
        .list()
        .ofMaxSize(24)
        .map(list -> String.join("", list));
  }

  private static Arbitrary<Integer> characters() {
    return Arbitraries.oneOf(
        Arbitraries.integers().between(0, 0xFFFF).withoutEdgeCases(),
        Arbitraries.integers().between(0xD7FE, 0xE001),
        Arbitraries.integers().between(0x10000, Character.MAX_CODE_POINT).withoutEdgeCases());
  }

  private static boolean isSurrogate(int c) {
    return c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE;
  }

  @Provide
  Arbitrary<int[]> ids() {
    return Arbitraries.integers().between(0, 50256).array(int[].class).ofMaxSize(40);
  }

  /** The 256 tokens of one byte: any bytes at all. */
  @Provide
  Arbitrary<int[]> byteIds() {
    return Arbitraries.integers().between(0, 255).array(int[].class).ofMaxSize(40);
  }

  @Property(tries = 10_000, seed = SEED)
  void idsAreThoseOfJtokkit(@ForAll("text") String text) {
    assertThat(gpt2.encode(text)).isEqualTo(JTOKKIT.encodeOrdinary(text).toArray());
  }

  /** On both sides of the length from which pieces are merged by a heap. */
  @Property(tries = 2_000, seed = SEED)
  void idsOfLongWordsAreThoseOfJtokkit(
      @ForAll @CharRange(from = 'a', to = 'z') @StringLength(min = 40, max = 200) String word) {
    assertThat(gpt2.encode(word)).isEqualTo(JTOKKIT.encodeOrdinary(word).toArray());
  }

  @Property(tries = 10_000, seed = SEED)
  void idsDecodeToTheBytesOfTheText(@ForAll("text") String text) {
    assertThat(gpt2.decodeBytes(gpt2.encode(text))).isEqualTo(text.getBytes(UTF_8));
    assertThat(gpt2.decode(gpt2.encodeWithSpecial(text))).isEqualTo(text);
  }

  @Property(tries = 20_000, seed = SEED)
  void piecesAreThoseOfTheRegularExpression(@ForAll("textWithLoneSurrogates") String text) {
    List<String> pieces = new ArrayList<>();
    for (int i = 0; i < text.length(); ) {
      int next = PreTokenizer.next(text, i, text.length());
      pieces.add(text.substring(i, next));
      i = next;
    }
    assertThat(pieces).isEqualTo(GPT2.matcher(text).results().map(m -> m.group()).toList());
  }

  @Property(tries = 5_000, seed = SEED)
  void loneSurrogatesAreReplacementCharacters(@ForAll("textWithLoneSurrogates") String text) {
    int[] known = text.codePoints().map(c -> isSurrogate(c) ? 0xFFFD : c).toArray();
    String replaced = new String(known, 0, known.length);
    assertThat(gpt2.encode(text)).isEqualTo(gpt2.encode(replaced));
    assertThat(gpt2.decode(gpt2.encode(text))).isEqualTo(replaced);
  }

  @Property(tries = 5_000, seed = SEED)
  void streamedTextIsTheTextAsAWhole(@ForAll("ids") int[] ids) {
    assertStreamedAsDecoded(ids);
  }

  @Property(tries = 5_000, seed = SEED)
  void streamedBytesAreDecodedAsAWhole(@ForAll("byteIds") int[] ids) {
    assertStreamedAsDecoded(ids);
  }

  @Property(tries = 2_000, seed = SEED)
  void anySplitOfATextStreamsThatTextAndNeverHalfACharacter(@ForAll("text") String text) {
    int[] bytes = new int[text.getBytes(UTF_8).length];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = byteId(text.getBytes(UTF_8)[i]);
    }
    for (int[] ids : List.of(gpt2.encode(text), bytes)) {
      var decoder = new StreamDecoder(gpt2);
      var streamed = new StringBuilder();
      for (int id : ids) {
        streamed.append(decoder.push(id));
        assertThat(text).startsWith(streamed);
        assertThat(streamed.codePoints()).noneMatch(TokenizerPropertiesTest::isSurrogate);
      }
      assertThat(streamed).hasToString(text);
      assertThat(decoder.flush()).isEmpty();
    }
  }

  private int byteId(byte b) {
    for (int id = 0; id < 256; id++) {
      if (gpt2.token(id)[0] == b) {
        return id;
      }
    }
    throw new IllegalStateException("no token for " + b);
  }

  private void assertStreamedAsDecoded(int[] ids) {
    var decoder = new StreamDecoder(gpt2);
    var streamed = new StringBuilder();
    Arrays.stream(ids).mapToObj(decoder::push).forEach(streamed::append);
    assertThat(streamed.append(decoder.flush())).hasToString(gpt2.decode(ids));
  }
}
