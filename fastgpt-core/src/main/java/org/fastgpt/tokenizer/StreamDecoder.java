package org.fastgpt.tokenizer;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/**
 * Text of ids as they come, one by one, never half a character: the bytes of a character whose rest
 * may be in the next token are held back. All that {@link #push} and {@link #flush} return, put
 * together, is {@link Tokenizer#decode} of all ids. With GPT-2's vocabulary {@code 🐱} is 12520 238
 * 109: push gives {@code " "}, {@code ""}, {@code "🐱"}. For one thread.
 */
public final class StreamDecoder {
  private final Tokenizer tokenizer;
  private final CharsetDecoder utf8 =
      StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPLACE)
          .onUnmappableCharacter(CodingErrorAction.REPLACE);

  /** The begin of a character, of three bytes at most. */
  private byte[] held = new byte[0];

  public StreamDecoder(Tokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  /**
   * The text that this id completes, perhaps none. Bytes that cannot become UTF-8, whatever
   * follows, give U+FFFD at once.
   *
   * @throws IllegalArgumentException the id is outside the vocabulary; nothing has changed then
   */
  public String push(int id) {
    byte[] token = tokenizer.token(id);
    var in = ByteBuffer.allocate(held.length + token.length).put(held).put(token).flip();
    String text = decode(in, false);
    held = new byte[in.remaining()];
    in.get(held);
    return text;
  }

  /** The end: U+FFFD for an incomplete character, else nothing. Then a new text may begin. */
  public String flush() {
    String text = decode(ByteBuffer.wrap(held), true);
    held = new byte[0];
    return text;
  }

  private String decode(ByteBuffer in, boolean end) {
    var out = CharBuffer.allocate(in.remaining()); // never more chars than bytes
    utf8.reset().decode(in, out, end);
    return out.flip().toString();
  }
}
