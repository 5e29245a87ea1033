package org.fastgpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.CharRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.constraints.StringLength;
import org.junit.jupiter.api.Test;

class StopStringsTest {

  @Test
  void holdsBackWhatMayBeTheBeginOfAStopString() {
    var stops = new StopStrings(List.of("JULIET:"));
    assertThat(stops.push("O JUL")).isEqualTo("O ");
    assertThat(stops.push("Y, JULI")).isEqualTo("JULY, ");
    assertThat(stops.push("ET")).isEmpty();
    assertThat(stops.push(":\nnothing of this")).isEmpty();
    assertThat(stops.found()).isTrue();
    assertThat(stops.push("nor of this")).isEmpty();
    assertThat(stops.flush()).isEmpty();
  }

  @Test
  void givesOutAtTheEndWhatWasNoStopString() {
    var stops = new StopStrings(List.of("ab", "b c"));
    assertThat(stops.push("xa")).isEqualTo("x");
    assertThat(stops.flush()).isEqualTo("a");
    assertThat(stops.found()).isFalse();
  }

  @Test
  void refusesAnEmptyStopString() {
    assertThatThrownBy(() -> new StopStrings(List.of("a", "")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("empty");
  }

  /**
   * Compared with a search in the whole text: the first end counts, of several begins the first.
   */
  @Property(seed = "20190214")
  void howTheTextIsCutDoesNotMatter(
      @ForAll @CharRange(from = 'a', to = 'c') @StringLength(max = 30) String text,
      @ForAll @Size(max = 3)
          List<@CharRange(from = 'a', to = 'c') @StringLength(min = 1, max = 5) String> all,
      @ForAll @IntRange(min = 1, max = 7) int piece) {
    var stops = new StopStrings(all);
    var given = new StringBuilder();
    for (int i = 0; i < text.length(); i += piece) {
      given.append(stops.push(text.substring(i, Math.min(i + piece, text.length()))));
      assertThat(text).as("nothing is given out twice or late").startsWith(given);
    }
    given.append(stops.flush());
    String expected = untilAStop(text, all);
    assertThat(given).hasToString(expected == null ? text : expected);
    assertThat(stops.found()).isEqualTo(expected != null);
  }

  private static String untilAStop(String text, List<String> stops) {
    for (int end = 1; end <= text.length(); end++) {
      String head = text.substring(0, end);
      int longest = stops.stream().filter(head::endsWith).mapToInt(String::length).max().orElse(0);
      if (longest > 0) {
        return head.substring(0, end - longest);
      }
    }
    return null;
  }
}
