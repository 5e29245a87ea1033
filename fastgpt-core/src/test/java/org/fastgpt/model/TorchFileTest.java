package org.fastgpt.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.fastgpt.model.StoredTensor.DType;
import org.fastgpt.model.TorchWriter.Raw;
import org.fastgpt.model.TorchWriter.Storage;
import org.fastgpt.model.TorchWriter.View;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Files of {@code torch.save}, valid and not; those of PyTorch itself are in {@link TorchGptTest}.
 */
class TorchFileTest {
  private static final View NUMBERS =
      TorchWriter.floats("0", List.of(3L, 4L), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);

  @TempDir Path temp;
  private Path file;
  private Arena arena;

  @BeforeEach
  @SuppressWarnings("MustBeClosedChecker") // closeArena closes it
  void openArena() {
    file = temp.resolve("x.pt");
    arena = Arena.ofShared();
  }

  @AfterEach
  void closeArena() {
    arena.close();
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void tensorsStayWhereTheyAre(boolean zip) throws IOException {
    Map<String, Object> root = Map.of("a", NUMBERS);
    StoredTensor a = stored(zip ? TorchWriter.zip(root) : TorchWriter.legacy(root), "a");
    assertThat(a.dtype()).isEqualTo(DType.F32);
    assertThat(a.shape()).containsExactly(3, 4);
    assertThat(floats(a)).containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
    assertThat(a.data().isMapped()).isTrue();
  }

  @ParameterizedTest
  @CsvSource({
    "HalfStorage, F16, 2",
    "BFloat16Storage, BF16, 2",
    "DoubleStorage, F64, 8",
    "LongStorage, I64, 8",
    "IntStorage, I32, 4",
    "ShortStorage, I16, 2",
    "CharStorage, I8, 1",
    "ByteStorage, U8, 1",
    "BoolStorage, BOOL, 1"
  })
  void readsStoragesOfEachType(String type, DType dtype, int width) throws IOException {
    var storage = new Storage(type, "k", 2, new byte[2 * width]);
    StoredTensor a =
        stored(TorchWriter.zip(Map.of("a", TorchWriter.of(storage, List.of(2L)))), "a");
    assertThat(a.dtype()).isEqualTo(dtype);
    assertThat(a.data().byteSize()).isEqualTo(2L * width);
  }

  /** As PyTorch's views: of a row, a transposed matrix, every second column, a third dimension. */
  @Test
  void viewsAreCopiedToWhatTheyShow() throws IOException {
    Storage s = NUMBERS.storage();
    var views = new TreeMap<String, Object>();
    views.put("row", new View(s, 4, List.of(4L), List.of(1L)));
    views.put("transposed", new View(s, 0, List.of(4L, 3L), List.of(1L, 4L)));
    views.put("columns", new View(s, 1, List.of(3L, 2L), List.of(4L, 2L)));
    views.put("three", new View(s, 0, List.of(2L, 1L, 3L), List.of(1L, 99L, 4L)));
    views.put("one", new View(s, 11, List.of(), List.of()));
    views.put("none", new View(s, 12, List.of(0L, 5L), List.of(7L, 7L)));
    TorchFile torch = read(TorchWriter.zip(views));
    assertThat(floats(torch, "row")).containsExactly(4, 5, 6, 7);
    assertThat(floats(torch, "transposed")).containsExactly(0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11);
    assertThat(floats(torch, "columns")).containsExactly(1, 3, 5, 7, 9, 11);
    assertThat(floats(torch, "three")).containsExactly(0, 4, 8, 1, 5, 9);
    assertThat(floats(torch, "one")).containsExactly(11);
    assertThat(floats(torch, "none")).isEmpty();
  }

  @Test
  void refusesCopiesThatAreLargerThanTheFile() throws IOException {
    var views = new TreeMap<String, Object>();
    var s = new Storage("FloatStorage", "0", 4096, new byte[4 * 4096]);
    for (int i = 0; i < 9; i++) {
      views.put("v" + i, new View(s, 0, List.of(64L, 64L), List.of(1L, 64L)));
    }
    TorchFile torch = read(TorchWriter.zip(views));
    floats(torch, "v0");
    assertThatThrownBy(() -> floats(torch, "v1"))
        .isInstanceOf(ModelException.class)
        .hasMessage(file + ": v1: the tensors, each for itself, are larger than the file; refused");
  }

  @ParameterizedTest
  @CsvSource({
    "0, 13, 1", // more elements than there are
    "0, 12, 2", // steps out
    "1, 12, 1", // starts late
    "-1, 1, 1",
    "0, -1, 1",
    "0, 1, -1",
    "9223372036854775807, 2, 1",
    "0, 2, 9223372036854775807",
    "0, 2147483647, 9223372036854775807",
    "0, 2147483648, 0",
    "0, 100, 0" // one element, shown often
  })
  void refusesAViewThatLeavesItsStorage(long offset, long size, long stride) {
    var view = new View(NUMBERS.storage(), offset, List.of(size), List.of(stride));
    refused(TorchWriter.zip(Map.of("a", view)), "m/data.pkl: a tensor: ");
  }

  @Test
  void refusesADimensionTooMany() {
    var nine = List.of(1L, 1L, 1L, 1L, 1L, 1L, 1L, 1L, 1L);
    refused(
        TorchWriter.zip(Map.of("a", new View(NUMBERS.storage(), 0, nine, nine))),
        "a tensor: storage, offset, size and stride expected");
  }

  @Test
  void refusesAStorageOfAnotherSizeThanItsData() {
    var storage = new Storage("FloatStorage", "7", 5, new byte[16]);
    Map<String, Object> root = Map.of("a", TorchWriter.of(storage, List.of(5L)));
    refused(TorchWriter.zip(root), "x.pt: storage 7: 20 bytes expected, 16 found");
    refused(TorchWriter.legacy(root), "x.pt: storage 7: ends in the middle");
  }

  @Test
  void refusesAStorageOfTwoTypes() {
    var other = new Storage("HalfStorage", "0", 12, NUMBERS.storage().bytes());
    var root = new TreeMap<String, Object>();
    root.put("a", NUMBERS);
    root.put("b", TorchWriter.of(other, List.of(12L)));
    refused(TorchWriter.zip(root), "storage 0 has two types or sizes");
  }

  @Test
  void refusesAHugeStorage() {
    for (long n : new long[] {-1, 1L << 61, Long.MAX_VALUE}) {
      var storage = new Storage("LongStorage", "0", n, new byte[8]);
      refused(
          TorchWriter.zip(Map.of("a", TorchWriter.of(storage, List.of(1L)))),
          "refers to what is not a storage of a known type");
    }
  }

  @Test
  void refusesToRunCodeInEitherFormat() {
    var call =
        new Raw("cposix\nsystem\nX\u0001\0\0\0x\u0085R".getBytes(StandardCharsets.ISO_8859_1));
    String message = "names posix.system, which would run code; refused";
    refused(TorchWriter.zip(Map.of("a", call)), "x.pt: m/data.pkl: " + message);
    refused(TorchWriter.legacy(Map.of("a", call)), "x.pt: " + message);
  }

  @Test
  void refusesAnotherByteOrder() {
    refused(
        TorchWriter.zip(Map.of(), Map.of("m/byteorder", "big")),
        "byteorder little expected, another found");
    byte[] legacy = TorchWriter.legacy(Map.of());
    int at = new String(legacy, StandardCharsets.ISO_8859_1).indexOf("little_endian") + 13;
    legacy[at] = (byte) 0x89; // False
    refused(legacy, "little_endian True expected, another byte order found");
  }

  @Test
  void refusesATorchScriptProgramAndOtherZipFiles() {
    refused(
        TorchWriter.zip(Map.of(), Map.of("m/constants.pkl", "")),
        "a checkpoint of weights expected, a TorchScript program found");
    refused(
        TorchWriter.stored(Map.of("a.txt", new byte[3])),
        "no entry data.pkl: not a file of PyTorch's torch.save");
    refused(
        "neither".getBytes(StandardCharsets.UTF_8),
        "a file of PyTorch's torch.save expected, another or a damaged one found");
    refused(new byte[0], "a file of PyTorch's torch.save expected");
  }

  @Test
  void refusesWhatIsNotATensor() throws IOException {
    TorchFile torch = read(TorchWriter.zip(Map.of("a", 1L)));
    assertThatThrownBy(() -> torch.tensors(torch.root()))
        .hasMessage(file + ": a: a tensor expected, another value found");
    assertThatThrownBy(() -> torch.tensors(List.of()))
        .hasMessage(file + ": a dict of tensors expected, another value found");
  }

  @Test
  void refusesWhatFollowsTheOldFormatsLastStorage() {
    byte[] legacy = TorchWriter.legacy(Map.of("a", NUMBERS));
    refused(
        Arrays.copyOf(legacy, legacy.length + 1),
        "1 storages up to byte %d expected, 1 of them up to byte %d found"
            .formatted(legacy.length + 1, legacy.length));
  }

  @Test
  void refusesCompressedEntries() throws IOException {
    var bytes = new ByteArrayOutputStream();
    try (var zip = new ZipOutputStream(bytes)) {
      zip.putNextEntry(new ZipEntry("m/data.pkl"));
      zip.write(new byte[1 << 20]); // a thousandth of it in the file
    }
    refused(
        bytes.toByteArray(),
        "x.pt: entry m/data.pkl is compressed or encrypted, a stored one expected");
  }

  /** The directory's second entry made to point to the first one's bytes. */
  @Test
  void refusesOverlappingEntries() {
    var entries = new TreeMap<String, byte[]>();
    entries.put("m/data.pkl", HexFormat.of().parseHex("80027d2e"));
    entries.put("m/data/0", new byte[4]);
    byte[] zip = TorchWriter.stored(entries);
    int directory = buffer(zip).getInt(zip.length - 6);
    int second = directory + 46 + "m/data.pkl".length();
    buffer(zip).putInt(second + 42, 0);
    refused(zip, "entries m/data.pkl and m/data/0 overlap");
  }

  @Test
  void refusesAnEntryThatIsThereTwice() {
    var entries = new TreeMap<String, byte[]>();
    entries.put("m/data.pkl", HexFormat.of().parseHex("80027d2e"));
    entries.put("m/data.pkk", new byte[4]);
    byte[] zip = TorchWriter.stored(entries);
    int directory = buffer(zip).getInt(zip.length - 6);
    zip[directory + 46 + 9] = 'l';
    refused(zip, "entry m/data.pkl is there twice");
  }

  /** As large models have it: a tensor beyond 4 GB, found by numbers of 64 bits. */
  @Test
  @EnabledOnOs(value = OS.LINUX, disabledReason = "elsewhere the hole in the file takes 4 GB")
  void readsAnArchiveOfMoreThan4Gigabytes() throws IOException {
    long hole = (1L << 32) + 4096;
    var large = new Storage("ByteStorage", "0", hole, new byte[0]);
    var root = new TreeMap<String, Object>();
    root.put("a", TorchWriter.of(large, List.of(8L)));
    root.put("b", TorchWriter.floats("1", List.of(2L), 5, 6));
    byte[] zip = TorchWriter.zip(root, Map.of());
    int b = new String(zip, StandardCharsets.ISO_8859_1).indexOf("m/data/1") - 30;
    int directory = buffer(zip).getInt(zip.length - 6);
    try (var out = new RandomAccessFile(file.toFile(), "rw")) {
      out.write(zip, 0, b);
      out.seek(b + hole); // the bytes of storage 0, all zero
      out.write(zip, b, directory - b);
      writeDirectory64(out.getChannel(), zip, directory, hole);
    }
    TorchFile torch = TorchFile.read(file, arena);
    assertThat(floats(torch, "b")).containsExactly(5, 6);
    assertThat(torch.tensors(torch.root()).get("a").storage().elements()).isEqualTo(hole);
  }

  /** The directory anew: storage 0 is {@code hole} bytes longer, and what follows it later. */
  private static void writeDirectory64(FileChannel out, byte[] zip, int directory, long hole)
      throws IOException {
    long start = out.position();
    int entries = 0;
    for (int at = directory; buffer(zip).getInt(at) == 0x02014b50; entries++) {
      int nameLength = buffer(zip).getShort(at + 28);
      String name = new String(zip, at + 46, nameLength, StandardCharsets.UTF_8);
      long size = buffer(zip).getInt(at + 24) + (name.equals("m/data/0") ? hole : 0);
      long offset = buffer(zip).getInt(at + 42) + (name.equals("m/data/1") ? hole : 0);
      var entry = ByteBuffer.allocate(46 + nameLength + 28).order(ByteOrder.LITTLE_ENDIAN);
      entry.put(zip, at, 46 + nameLength).putShort((short) 1).putShort((short) 24);
      entry.putLong(size).putLong(size).putLong(offset);
      entry.putInt(20, -1).putInt(24, -1).putShort(30, (short) 28).putInt(42, -1);
      out.write(entry.flip());
      at += 46 + nameLength;
    }
    long end = out.position();
    var last = ByteBuffer.allocate(56 + 20 + 22).order(ByteOrder.LITTLE_ENDIAN);
    last.putInt(0, 0x06064b50).putLong(24, entries).putLong(32, entries);
    last.putLong(40, end - start).putLong(48, start);
    last.putInt(56, 0x07064b50).putLong(64, end).putInt(72, 1);
    last.putInt(76, 0x06054b50).putInt(88, -1).putInt(92, -1);
    out.write(last);
  }

  private TorchFile read(byte[] bytes) throws IOException {
    return TorchFile.read(Files.write(file, bytes), arena);
  }

  private StoredTensor stored(byte[] bytes, String name) throws IOException {
    TorchFile torch = read(bytes);
    return torch.stored(name, torch.tensors(torch.root()).get(name));
  }

  private static float[] floats(TorchFile torch, String name) {
    return floats(torch.stored(name, torch.tensors(torch.root()).get(name)));
  }

  private static float[] floats(StoredTensor tensor) {
    MemorySegment data = tensor.data();
    float[] floats = new float[(int) data.byteSize() / 4];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = data.get(Model.FLOAT, 4L * i);
    }
    return floats;
  }

  private void refused(byte[] bytes, String message) {
    assertThatThrownBy(() -> read(bytes))
        .isInstanceOf(ModelException.class)
        .hasMessageStartingWith(file.toString())
        .hasMessageContaining(message);
  }

  private static ByteBuffer buffer(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }
}
