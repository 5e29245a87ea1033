package org.fastgpt.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.math.BigInteger;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.fastgpt.model.Pickle.Tuple;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The pickles given in hexadecimal are Python's own: {@code pickle.dumps(value, protocol).hex()}.
 */
class PickleTest {

  /**
   * {@code {"a": [...], 1: ("x",), "t": ..., "s": "žluť🐱", "d": {}, "same": a}} by protocols 2, 3,
   * 4, 5.
   */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "80027d71002858010000006171015d7102284b014affffffff4bff4dffff4affffff7f4a000000808a"
            + "060000000000018a090000000000000000408a090000000000000000c0473fe000000000000088894e"
            + "654b015801000000787103857104580100000074710528294b014b028671064b014b024b0387710728"
            + "4b014b024b034b04747108747109580100000073710a580a000000c5be6c75c5a5f09f90b1710b5801"
            + "00000064710c7d710d580400000073616d65710e6802752e",
        "80037d71002858010000006171015d7102284b014affffffff4bff4dffff4affffff7f4a000000808a"
            + "060000000000018a090000000000000000408a090000000000000000c0473fe000000000000088894e"
            + "654b015801000000787103857104580100000074710528294b014b028671064b014b024b0387710728"
            + "4b014b024b034b04747108747109580100000073710a580a000000c5be6c75c5a5f09f90b1710b5801"
            + "00000064710c7d710d580400000073616d65710e6802752e",
        "80049596000000000000007d94288c0161945d94284b014affffffff4bff4dffff4affffff7f4a0000"
            + "00808a060000000000018a090000000000000000408a090000000000000000c0473fe0000000000000"
            + "88894e654b018c01789485948c01749428294b014b0286944b014b024b038794284b014b024b034b04"
            + "749474948c0173948c0ac5be6c75c5a5f09f90b1948c0164947d948c0473616d65946802752e",
        "80059596000000000000007d94288c0161945d94284b014affffffff4bff4dffff4affffff7f4a0000"
            + "00808a060000000000018a090000000000000000408a090000000000000000c0473fe0000000000000"
            + "88894e654b018c01789485948c01749428294b014b0286944b014b024b038794284b014b024b034b04"
            + "749474948c0173948c0ac5be6c75c5a5f09f90b1948c0164947d948c0473616d65946802752e"
      })
  void readsWhatPythonWrites(String pickled) {
    var value = (Map<?, ?>) read(pickled);
    BigInteger large = BigInteger.TWO.pow(70);
    assertThat(value.get("a"))
        .isEqualTo(
            Arrays.asList(
                1L,
                -1L,
                255L,
                65535L,
                2147483647L,
                -2147483648L,
                1L << 40,
                large,
                large.negate(),
                0.5,
                true,
                false,
                null));
    assertThat(value.get(1L)).isEqualTo(new Tuple(List.of("x")));
    assertThat(value.get("t"))
        .isEqualTo(
            new Tuple(
                List.of(
                    new Tuple(List.of()),
                    new Tuple(List.of(1L, 2L)),
                    new Tuple(List.of(1L, 2L, 3L)),
                    new Tuple(List.of(1L, 2L, 3L, 4L)))));
    assertThat(value.get("s")).isEqualTo("žluť🐱");
    assertThat(value.get("d")).isEqualTo(Map.of());
    assertThat(value.get("same")).isSameAs(value.get("a"));
  }

  /** {@code [b"ab", bytearray(b"cd")]}. */
  @Test
  void readsBytes() {
    String pickled = "80059516000000000000005d94284302616294960200000000000000636494652e";
    var values = (List<?>) read(pickled);
    assertThat((byte[]) values.get(0)).containsExactly('a', 'b');
    assertThat((byte[]) values.get(1)).containsExactly('c', 'd');
  }

  /** A list that holds itself; whoever reads on may not recurse, and Pickle does not. */
  @Test
  @SuppressWarnings("ReferenceEquality") // equals would recurse
  void readsAListThatHoldsItself() {
    var list = (List<?>) read("80049506000000000000005d946800612e");
    assertThat(list.size()).isOne();
    assertThat(list.getFirst() == list).isTrue();
  }

  /** Objects whose {@code __reduce__} is a call of {@code os.system} or {@code eval}. */
  @ParameterizedTest
  @CsvSource({
    "posix.system,"
        + " 800263706f7369780a73797374656d0a71005810000000746f756368202f746d702f70776e65647101857102"
        + "5271032e",
    "__builtin__.eval, 8002635f5f6275696c74696e5f5f0a6576616c0a710058010000003171018571025271032e",
    "posix.system,"
        + " 8004952b000000000000008c05706f736978948c0673797374656d9493948c10746f756368202f746d702f70"
        + "776e656494859452942e",
    "builtins.eval,"
        + " 8004951d000000000000008c086275696c74696e73948c046576616c9493948c013194859452942e"
  })
  void refusesToCallWhatIsNotKnown(String name, String pickled) {
    assertThatThrownBy(() -> read(pickled))
        .isInstanceOf(ModelException.class)
        .hasMessageStartingWith("x.pkl: names " + name + ", which would run code; refused");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "80022e | a value is missing (at byte 3)",
        "8001 4e2e | pickle protocol 2 to 5 expected, 1 found (at byte 2)",
        "80064e2e | pickle protocol 2 to 5 expected, 6 found (at byte 2)",
        "80024e | ends in the middle (at byte 3)",
        "80025805000000 6162 | ends in the middle (at byte 7)",
        "80028dffffffffffffffff61 | ends in the middle (at byte 11)",
        "80024a0000 | ends in the middle (at byte 3)",
        "8002635f | ends in the middle (at byte 4)",
        "80025801000000ff2e | a str that is not UTF-8 ends at byte 8",
        "80024930310a2e | instruction 0x49 is not known here; refused (at byte 3)",
        "800269612e | instruction 0x69 is not known here; refused (at byte 3)",
        "8002680 02e | memo 0 is read but not written (at byte 4)",
        "80027d5d4e732e | a str or a number expected as a dict's key, another found (at byte 6)",
        "80027d294e732e | a str or a number expected as a dict's key, another found (at byte 6)",
        "80027d284b01752e | puts into what is not a dict, or a key without a value (at byte 7)",
        "80025d4b014e732e | puts into what is not a dict, or a key without a value (at byte 7)",
        "80027d4b01612e | appends to what is not a list (at byte 6)",
        "800229 4b01612e | appends to what is not a list (at byte 6)",
        "80025d652e | a mark is missing (at byte 4)",
        "80024e28302e | a value is missing (at byte 5)",
        "80024e28862e | a value is missing (at byte 5)",
        "80024b0129522e | calls what is not a name, or without arguments (at byte 6)",
        "80024b017d622e | sets the state of what is not a dict (at byte 6)",
        "80024b01512e | refers to something outside of it (at byte 5)",
        "80024b014b02932e | a name that is not a str (at byte 7)",
      })
  void refusesWhatIsDamaged(String pickled, String message) {
    assertThatThrownBy(() -> read(pickled.replace(" ", "")))
        .isInstanceOf(ModelException.class)
        .hasMessage("x.pkl: " + message);
  }

  /** A million lists, each in the next one: a reader that recurses ends with a full stack. */
  @Test
  void readsDeepNestingWithoutRecursion() {
    int depth = Pickle.MAX_STEPS / 2 - 10;
    byte[] pickle = new byte[2 * depth + 3];
    Arrays.fill(pickle, 0, depth + 1, (byte) ']');
    Arrays.fill(pickle, depth + 1, 2 * depth + 1, (byte) 'a');
    pickle[2 * depth + 1] = '.';
    Object value = read(pickle);
    int found = 0;
    while (value instanceof List<?> list && !list.isEmpty()) {
      value = list.getFirst();
      found++;
    }
    assertThat(found).isEqualTo(depth);
  }

  /** A list of ten times the list before, forty times: 10^40 elements, for who would walk them. */
  @Test
  void sharedValuesAreNotCopied() {
    var pickle = new StringBuilder("80025d");
    pickle.append("71005d28").append("6800".repeat(10)).append("65");
    for (int i = 1; i < 40; i++) {
      pickle
          .append("71%02x5d28".formatted(i))
          .append("68%02x".formatted(i).repeat(10))
          .append("65");
    }
    assertThat((List<?>) read(pickle.append("2e").toString())).hasSize(10);
  }

  @Test
  void refusesMoreStepsThanAnyCheckpointTakes() {
    byte[] pickle = new byte[Pickle.MAX_STEPS + 1];
    Arrays.fill(pickle, (byte) '}');
    assertThatThrownBy(() -> read(pickle))
        .isInstanceOf(ModelException.class)
        .hasMessageStartingWith("x.pkl: a pickle of at most 1048576 steps expected, more found");
  }

  @Test
  void aHighPlaceInTheMemoTakesNoMemory() {
    assertThat(read("80024e72ffffffff6affffffff2e")).isNull();
  }

  private static Object read(String hex) {
    return read(HexFormat.of().parseHex(hex));
  }

  private static Object read(byte[] pickle) {
    return new Pickle(MemorySegment.ofArray(pickle), "x.pkl", Pickle.Names.NONE).read();
  }
}
