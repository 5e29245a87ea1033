package org.fastgpt.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

/** Cases to read; {@link TokenizerPropertiesTest} has the properties. */
class StreamDecoderTest {
  private final StreamDecoder decoder = new StreamDecoder(Gpt2Vocabulary.tokenizer());

  @Test
  void holdsBackACharacterUntilItIsComplete() {
    assertThat(decoder.push(12520)).isEqualTo(" "); // 20 F0 9F
    assertThat(decoder.push(238)).isEmpty(); // 90
    assertThat(decoder.push(109)).isEqualTo("🐱"); // B1
    assertThat(decoder.flush()).isEmpty();
  }

  @Test
  void replacesACharacterThatTheNextTokenDoesNotComplete() {
    assertThat(decoder.push(12520)).isEqualTo(" ");
    assertThat(decoder.push(64)).isEqualTo("\uFFFDa");
  }

  @Test
  void replacesAnIncompleteCharacterAtTheEndAndStartsAnew() {
    assertThat(decoder.push(12520)).isEqualTo(" ");
    assertThat(decoder.flush()).isEqualTo("\uFFFD");
    assertThat(decoder.flush()).isEmpty();
    assertThat(decoder.push(15496)).isEqualTo("Hello");
  }

  @Test
  void replacesABareContinuationByteAtOnce() {
    assertThat(decoder.push(238)).isEqualTo("\uFFFD");
  }

  @Test
  void keepsWhatItHoldsWhenATokenIsOutsideTheVocabulary() {
    assertThat(decoder.push(12520)).isEqualTo(" ");
    assertThatThrownBy(() -> decoder.push(50257))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("token 50257 is outside the vocabulary [0, 50257)");
    assertThat(decoder.push(238) + decoder.push(109)).isEqualTo("🐱");
  }
}
