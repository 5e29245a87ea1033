package org.fastgpt.tokenizer;

/** Encodes by byte-level BPE. */
final class BpeEncoding extends Encoding {
  private final Bpe bpe;
  private final int[] ranks = new int[Bpe.LONG_PIECE];
  private byte[] piece = new byte[256];

  BpeEncoding(Bpe bpe, int textLength) {
    super(textLength / 4 + 16); // English has 4 to 5 characters a token
    this.bpe = bpe;
  }

  @Override
  void add(String text, int start, int end) {
    for (int i = start; i < end; ) {
      int next = PreTokenizer.next(text, i, end);
      int n = utf8(text, i, next);
      reserve(n);
      size = bpe.encode(piece, n, ids, size, ranks);
      i = next;
    }
  }

  /** Puts the bytes of text into {@code piece} and returns their number. */
  private int utf8(String text, int start, int end) {
    int most = Math.multiplyExact(end - start, 3);
    if (piece.length < most) {
      piece = new byte[most];
    }
    byte[] out = piece;
    int n = 0;
    for (int i = start; i < end; i++) {
      char c = text.charAt(i);
      if (c < 0x80) {
        out[n++] = (byte) c;
      } else if (c < 0x800) {
        out[n++] = (byte) (0xC0 | (c >> 6));
        out[n++] = (byte) (0x80 | (c & 0x3F));
      } else if (PreTokenizer.isPair(text, i, end)) {
        int codePoint = Character.toCodePoint(c, text.charAt(++i));
        out[n++] = (byte) (0xF0 | (codePoint >> 18));
        out[n++] = (byte) (0x80 | ((codePoint >> 12) & 0x3F));
        out[n++] = (byte) (0x80 | ((codePoint >> 6) & 0x3F));
        out[n++] = (byte) (0x80 | (codePoint & 0x3F));
      } else {
        char known = Character.isSurrogate(c) ? '\uFFFD' : c;
        out[n++] = (byte) (0xE0 | (known >> 12));
        out[n++] = (byte) (0x80 | ((known >> 6) & 0x3F));
        out[n++] = (byte) (0x80 | (known & 0x3F));
      }
    }
    return n;
  }
}
