package org.fastgpt.tokenizer;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.fastgpt.model.ModelException;

/**
 * GPT-2's byte-level BPE: text to ids and back. Any text has ids, and they decode to its UTF-8
 * bytes. Immutable; any number of threads may use one. Also nanoGPT's vocabulary of characters,
 * {@link #ofCharacters}, in which only text of these has ids.
 *
 * <p>Ids are those of HuggingFace tokenizers and of OpenAI's {@code encoder.py} and tiktoken. A
 * surrogate with no partner, which has no UTF-8, is read as U+FFFD. Letters and digits are what
 * this JDK's Unicode says, so characters newer than that of the others may be cut differently.
 *
 * <p>The examples below are of GPT-2's own vocabulary.
 */
public final class Tokenizer {
  /** The text of the token that ends a text. */
  public static final String END_OF_TEXT = "<|endoftext|>";

  private final byte[][] tokens;
  private final IntFunction<Encoding> encoding; // of the length of a text
  private final Optional<Bpe> bpe;
  private final Map<String, Integer> special;
  private final Pattern specialNames;

  /**
   * Of checked parts: the tokens' bytes by id, their merges if there are any, and the ids of
   * special tokens.
   *
   * @param file where they are from, for messages
   */
  Tokenizer(byte[][] tokens, Optional<Bpe> bpe, Map<String, Integer> special, Path file) {
    this(
        tokens,
        bpe,
        length -> new BpeEncoding(bpe.orElseThrow(() -> noMerges(file)), length),
        special);
  }

  private Tokenizer(
      byte[][] tokens,
      Optional<Bpe> bpe,
      IntFunction<Encoding> encoding,
      Map<String, Integer> special) {
    this.tokens = tokens;
    this.bpe = bpe;
    this.encoding = encoding;
    this.special = Map.copyOf(special);
    // The first of the alternatives that match wins, so the longest comes first. No names: no
    // match.
    this.specialNames =
        Pattern.compile(
            special.isEmpty()
                ? "(?!)"
                : special.keySet().stream()
                    .sorted(Comparator.comparingInt(String::length).reversed())
                    .map(Pattern::quote)
                    .collect(Collectors.joining("|")));
  }

  /**
   * Loads the vocabulary of a model folder: the first of {@code vocab.json} with {@code
   * merges.txt}, {@code encoder.json} with {@code vocab.bpe}, {@code tokenizer.json}. Or loads that
   * of llm.c's file {@code gpt2_tokenizer.bin}.
   *
   * <p>The ids must be 0 to n - 1 with no gaps, so that each has a text, and each of the 256 bytes
   * must be a token, so that each text has ids. Special tokens are {@code <|endoftext|>}, what
   * {@code added_tokens.json} beside the first two adds, and the added tokens of {@code
   * tokenizer.json}.
   *
   * @throws org.fastgpt.model.ModelException no vocabulary there, a damaged one, or a setting that
   *     would give other ids than GPT-2's tokenizer
   * @throws java.io.UncheckedIOException a file cannot be read
   */
  public static Tokenizer load(Path folder) {
    return VocabularyFiles.load(folder);
  }

  /**
   * A vocabulary whose tokens are characters.
   *
   * @param codePoints of each id its character, each once
   */
  public static Tokenizer ofCharacters(int... codePoints) {
    var tokens = new byte[codePoints.length][];
    var ids = new HashMap<Integer, Integer>();
    for (int id = 0; id < codePoints.length; id++) {
      tokens[id] = Character.toString(codePoints[id]).getBytes(StandardCharsets.UTF_8);
      ids.put(codePoints[id], id);
    }
    return new Tokenizer(
        tokens, Optional.empty(), length -> new CharacterEncoding(ids, length), Map.of());
  }

  /**
   * The tokenizer of a vocabulary that some other file has.
   *
   * @param file for messages
   * @param tokens by id, in GPT-2's alphabet, see {@link #character}
   * @param merges {@code "left right"}, by rank
   * @param added says of an id whether its token is plain text and not made by merges
   * @throws ModelException the vocabulary is not in order
   */
  public static Tokenizer of(
      Path file, List<String> tokens, List<String> merges, IntPredicate added) {
    return Vocabulary.of(file, tokens, merges, added).tokenizer();
  }

  /**
   * As {@link #of}, where the file has no merges: it gives the text of ids, and for any text a
   * {@link ModelException} that says what is missing.
   */
  public static Tokenizer withoutMerges(Path file, List<String> tokens) {
    return Vocabulary.of(file, tokens, List.of(), _ -> false).decoder();
  }

  /** GPT-2's alphabet: the character that stands for byte {@code b} of a token in files. */
  public static char character(int b) {
    return Vocabulary.character(b);
  }

  /** The tokens by id, in GPT-2's alphabet. */
  public List<String> vocabulary() {
    return Arrays.stream(tokens).map(Vocabulary::text).toList();
  }

  /**
   * The merges by rank: {@code "left right"}, in GPT-2's alphabet.
   *
   * @throws ModelException the vocabulary has none
   */
  public List<String> merges() {
    return bpe
        .orElseThrow(() -> new ModelException("the model's vocabulary has no merges"))
        .merges()
        .stream()
        .map(pair -> Vocabulary.text(tokens[pair[0]]) + " " + Vocabulary.text(tokens[pair[1]]))
        .toList();
  }

  /** The ids of the tokens that are not made by merges, by their text. */
  public Map<String, Integer> special() {
    return special;
  }

  private static ModelException noMerges(Path file) {
    return new ModelException(
        file
            + ": has no merges, so it turns ids into text only; put vocab.json and merges.txt"
            + " beside it, or give token ids");
  }

  /** Number of tokens: 50257. */
  public int size() {
    return tokens.length;
  }

  /** The id of {@code <|endoftext|>}, if the vocabulary has it: 50256. */
  public OptionalInt endOfText() {
    Integer id = special.get(END_OF_TEXT);
    return id == null ? OptionalInt.empty() : OptionalInt.of(id);
  }

  /**
   * The ids of ordinary text; {@code <|endoftext|>} in it is text like any other. {@code "Hello,
   * World!"} is 15496 11 2159 0, {@code "<|endoftext|>"} is 27 91 437 1659 5239 91 29, {@code ""}
   * is none.
   *
   * @throws IllegalArgumentException a vocabulary of characters lacks one of the text
   */
  public int[] encode(String text) {
    Encoding ids = encoding.apply(text.length());
    ids.add(text, 0, text.length());
    return ids.ids();
  }

  /**
   * The ids of text in which {@code <|endoftext|>} is the token of that name, and so for other
   * special tokens. {@code "hello <|endoftext|>"} is 31373 220 50256.
   */
  public int[] encodeWithSpecial(String text) {
    Encoding ids = encoding.apply(text.length());
    Matcher names = specialNames.matcher(text);
    int done = 0;
    while (names.find()) {
      ids.add(text, done, names.start());
      ids.add(special.get(names.group()));
      done = names.end();
    }
    ids.add(text, done, text.length());
    return ids.ids();
  }

  /**
   * The text of ids; bytes that are not UTF-8 become U+FFFD. 15496 995 is {@code "Hello world"},
   * 50256 is {@code "<|endoftext|>"}, 12520 alone is {@code " \uFFFD"}.
   *
   * @throws IllegalArgumentException an id is outside the vocabulary
   */
  public String decode(int... ids) {
    return new String(decodeBytes(ids), StandardCharsets.UTF_8);
  }

  /**
   * The bytes of ids, exactly. 12520 is {@code 20 F0 9F}.
   *
   * @throws IllegalArgumentException an id is outside the vocabulary
   */
  public byte[] decodeBytes(int... ids) {
    int length = 0;
    for (int id : ids) {
      length = Math.addExact(length, token(id).length);
    }
    byte[] bytes = new byte[length];
    int end = 0;
    for (int id : ids) {
      byte[] token = tokens[id];
      System.arraycopy(token, 0, bytes, end, token.length);
      end += token.length;
    }
    return bytes;
  }

  /** The bytes of one token, not a copy. */
  byte[] token(int id) {
    if (id < 0 || id >= tokens.length) {
      throw new IllegalArgumentException(
          "token %d is outside the vocabulary [0, %d)".formatted(id, tokens.length));
    }
    return tokens[id];
  }
}
