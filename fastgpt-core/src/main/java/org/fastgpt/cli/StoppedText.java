package org.fastgpt.cli;

import java.util.List;
import org.fastgpt.StopStrings;
import org.fastgpt.tokenizer.StreamDecoder;
import org.fastgpt.tokenizer.Tokenizer;

/** The text of ids as they come: never half a character, nothing of a stop string or after it. */
final class StoppedText {

  private final StreamDecoder decoder;
  private final StopStrings stops;
  private final StringBuilder text = new StringBuilder();

  /**
   * No text as yet.
   *
   * @throws IllegalArgumentException a stop string is empty
   */
  StoppedText(Tokenizer tokenizer, List<String> stops) {
    decoder = new StreamDecoder(tokenizer);
    this.stops = new StopStrings(stops);
  }

  /** What is certain to be text now that this id has come. */
  String push(int id) {
    return append(stops.push(decoder.push(id)));
  }

  /** What was held back until the end. */
  String end() {
    return append(stops.push(decoder.flush()) + stops.flush());
  }

  /** Whether a stop string ended it. */
  boolean stopped() {
    return stops.found();
  }

  /** All of it so far. */
  String text() {
    return text.toString();
  }

  private String append(String more) {
    text.append(more);
    return more;
  }
}
