package org.fastgpt;

import java.util.List;
import org.fastgpt.Generator.Result;
import org.fastgpt.Generator.Stop;
import org.fastgpt.tokenizer.StreamDecoder;
import org.fastgpt.tokenizer.Tokenizer;

/**
 * The text of new tokens as they come: never half a character, nothing of a stop string or after
 * it. For one text, and one thread.
 */
public final class TextPieces {

  private final StreamDecoder decoder;
  private final StopStrings stops;

  /**
   * With no token as yet.
   *
   * @param stops strings that end the text
   * @throws IllegalArgumentException one of them is empty
   */
  public TextPieces(Tokenizer tokenizer, List<String> stops) {
    decoder = new StreamDecoder(tokenizer);
    this.stops = new StopStrings(stops);
  }

  /**
   * The text that this id makes certain, perhaps none.
   *
   * @throws IllegalArgumentException the id is outside the vocabulary
   */
  public String push(int id) {
    return stops.push(decoder.push(id));
  }

  /** Whether a stop string has come: no token changes the text any more. */
  public boolean stopped() {
    return stops.found();
  }

  /** The last piece: what was held back. */
  public String end() {
    return stops.push(decoder.flush()) + stops.flush();
  }

  /** The result of these tokens' generation, which knows nothing of stop strings itself. */
  public Result ended(Result result) {
    return stopped() ? new Result(result.ids(), Stop.STOP_STRING, result.left()) : result;
  }
}
