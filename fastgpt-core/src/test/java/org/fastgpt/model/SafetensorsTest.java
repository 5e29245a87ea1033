package org.fastgpt.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.fastgpt.model.StoredTensor.DType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** What the format allows, and one test for each way in which a file can break it. */
@Timeout(10)
class SafetensorsTest {
  @TempDir Path temp;
  private Path file;

  @BeforeEach
  void nameTheFile() {
    file = temp.resolve("model.safetensors");
  }

  @Test
  void readsTensorsOfEveryOrder() throws IOException {
    write(
        "{\"b\":{\"dtype\":\"F16\",\"shape\":[2,1],\"data_offsets\":[4,8]},"
            + "\"__metadata__\":{\"format\":\"pt\"},"
            + "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}  ",
        8);
    try (Arena arena = Arena.ofConfined()) {
      Map<String, StoredTensor> tensors = Safetensors.read(file, arena);
      assertThat(tensors.keySet()).containsExactly("b", "a");
      assertThat(tensors.get("a").shape()).isEmpty();
      assertThat(tensors.get("a").data().byteSize()).isEqualTo(4);
      assertThat(tensors.get("b").dtype()).isEqualTo(DType.F16);
      assertThat(tensors.get("b").shape()).isEqualTo(List.of(2, 1));
      assertThat(tensors.get("b").data().byteSize()).isEqualTo(4);
    }
  }

  @Test
  void mapsAFileBeyond2GB() throws IOException {
    String header = "{\"a\":" + tensor("U8", "[3,1073741824]", 0, 3L << 30) + "}";
    write(header, 0);
    try (var sparse = new RandomAccessFile(file.toFile(), "rw")) {
      sparse.setLength(8 + header.length() + (3L << 30));
      sparse.seek(sparse.length() - 1);
      sparse.write(7);
    }
    try (Arena arena = Arena.ofConfined()) {
      var data = Safetensors.read(file, arena).get("a").data();
      assertThat(data.byteSize()).isEqualTo(3L << 30);
      assertThat(data.get(ValueLayout.JAVA_BYTE, (3L << 30) - 1)).isEqualTo((byte) 7);
    }
  }

  @Test
  void refusesAnEmptyFile() throws IOException {
    Files.createFile(file);
    refused("at least 8 bytes expected, 0 found");
  }

  @Test
  void refusesAHeaderOfNoBytes() throws IOException {
    writeBytes(0, "", 0);
    refused("a JSON object expected, nothing found");
  }

  @Test
  void refusesAHeaderLongerThanTheFile() throws IOException {
    writeBytes(1000, "{}", 0);
    refused("a header of 1000 bytes announced, 2 bytes found");
  }

  @Test
  void refusesAHeaderBeyondTheFormatsLimit() throws IOException {
    writeBytes(100_000_001, "{}", 0);
    refused("a header of at most 100000000 bytes expected, 100000001 announced");
  }

  @Test
  void refusesANegativeHeaderLength() throws IOException {
    writeBytes(-1, "{}", 0);
    refused("a header of at most 100000000 bytes expected, 18446744073709551615 announced");
  }

  @Test
  void refusesAHeaderThatIsNotJson() throws IOException {
    write("{\"a\":", 0);
    refusedStartingWith("not valid JSON in line 1, column 6: Unexpected end-of-input");
  }

  @Test
  void refusesAHeaderThatIsNotAnObject() throws IOException {
    write("[1]", 0);
    refused("a JSON object expected, [ found");
  }

  @Test
  void refusesTextAfterTheHeadersObject() throws IOException {
    write("{} {}", 0);
    refused("the end expected after the JSON object, more found");
  }

  @Test
  void refusesAHeaderThatIsNotUtf8() throws IOException {
    Files.write(file, new byte[] {5, 0, 0, 0, 0, 0, 0, 0, '{', '"', (byte) 0xFF, '"', '}'});
    refused("not UTF-8");
  }

  @Test
  void refusesDeepNesting() throws IOException {
    write("{\"a\":" + "[".repeat(100_000), 0);
    refusedStartingWith("not valid JSON: Document nesting depth (51)");
  }

  @Test
  void refusesMoreTokensThanFitInLittleMemory() throws IOException {
    write("{\"a\":[" + "0,".repeat(2_000_000) + "0]}", 0);
    refusedStartingWith("not valid JSON: Token count (2000001) exceeds the maximum allowed");
  }

  @Test
  void refusesANameThatIsThereTwice() throws IOException {
    String a = "\"a\":" + tensor("F32", "[1]", 0, 4);
    write("{" + a + "," + a + "}", 4);
    refusedStartingWith("not valid JSON in line 1, column 58: Duplicate field 'a'");
  }

  @Test
  void refusesATensorWithoutShape() throws IOException {
    write("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4);
    refused(
        "a: dtype, shape and data_offsets expected,"
            + " {\"dtype\":\"F32\",\"data_offsets\":[0,4]} found");
  }

  @Test
  void refusesOneOffset() throws IOException {
    write("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4);
    refusedStartingWith("a: dtype, shape and data_offsets expected, ");
  }

  @Test
  void refusesAnUnknownDtype() throws IOException {
    write("{\"a\":" + tensor("Q4", "[1]", 0, 4) + "}", 4);
    refused("a: dtype 'Q4' is unknown");
  }

  @Test
  void refusesANegativeDimension() throws IOException {
    write("{\"a\":" + tensor("F32", "[-1,-1]", 0, 4) + "}", 4);
    refused("a: shape: a size in [0, 2^31) expected, -1 found");
  }

  @Test
  void refusesADimensionThatIsNotAWholeNumber() throws IOException {
    write("{\"a\":" + tensor("F32", "[1.0]", 0, 4) + "}", 4);
    refused("a: shape: a size in [0, 2^31) expected, 1.0 found");
  }

  @Test
  void refusesAShapeWhoseSizeOverflows() throws IOException {
    write("{\"a\":" + tensor("F32", "[2147483647,2147483647,2147483647,4]", 0, 4) + "}", 4);
    refused("a: shape [2147483647, 2147483647, 2147483647, 4] is larger than any file");
  }

  @Test
  void refusesAShapeThatWrapsAroundToTheRightSize() throws IOException {
    // 2^30 * 2^30 * 4 * 4 bytes = 2^64 = 0 (mod 2^64)
    write("{\"a\":" + tensor("F32", "[1073741824,1073741824,4]", 0, 0) + "}", 0);
    refused("a: shape [1073741824, 1073741824, 4] is larger than any file");
  }

  @Test
  void refusesNegativeOffsets() throws IOException {
    write("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4);
    refused("a: data_offsets: a position expected, -4 found");
  }

  @Test
  void refusesOffsetsBeyondTheRangeOfLong() throws IOException {
    write("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,99999999999999999999]}}", 4);
    refused("a: data_offsets: a position expected, 99999999999999999999 found");
  }

  @Test
  void refusesOffsetsBeyondTheEnd() throws IOException {
    write("{\"a\":" + tensor("F32", "[2]", 0, 8) + "}", 4);
    refused("a: data_offsets [0, 8) are not within the 4 bytes of data");
  }

  @Test
  void refusesOffsetsInWrongOrder() throws IOException {
    write("{\"a\":" + tensor("F32", "[1]", 4, 0) + "}", 4);
    refused("a: data_offsets [4, 0) are not within the 4 bytes of data");
  }

  @Test
  void refusesATensorShorterThanItsShape() throws IOException {
    write("{\"a\":" + tensor("F32", "[2]", 0, 4) + "}", 4);
    refused("a: data_offsets [0, 4), but F32 [2] takes 8 bytes");
  }

  @Test
  void refusesOverlappingTensors() throws IOException {
    write("{\"a\":" + tensor("F32", "[2]", 0, 8) + ",\"b\":" + tensor("F32", "[1]", 4, 8) + "}", 8);
    refused("b: data_offsets [4, 8) overlap the tensor before, which ends at 8");
  }

  @Test
  void refusesTwoTensorsAtOnePlace() throws IOException {
    write("{\"a\":" + tensor("F32", "[1]", 0, 4) + ",\"b\":" + tensor("F32", "[1]", 0, 4) + "}", 4);
    refused("b: data_offsets [0, 4) overlap the tensor before, which ends at 4");
  }

  @Test
  void refusesAGapBetweenTensors() throws IOException {
    write(
        "{\"a\":" + tensor("F32", "[1]", 0, 4) + ",\"b\":" + tensor("F32", "[1]", 8, 12) + "}", 12);
    refused("b: data_offsets [8, 12) leave a gap after the tensor before, which ends at 4");
  }

  @Test
  void refusesBytesAfterTheLastTensor() throws IOException {
    write("{\"a\":" + tensor("F32", "[1]", 0, 4) + "}", 9);
    refused("5 bytes found after the last tensor");
  }

  @Test
  void refusesATruncatedFile() throws IOException {
    byte[] whole = Files.readAllBytes(Data.FORMATS.resolve("model.safetensors"));
    Files.write(file, Arrays.copyOf(whole, whole.length - 1));
    refused(
        "transformer.wte.weight: data_offsets [110080, 241152)"
            + " are not within the 241151 bytes of data");
  }

  @Test
  void showsNoControlCharactersOfAHostileName() throws IOException {
    write("{\"a\\n\\u001b[2Jb\":" + tensor("Q4", "[1]", 0, 4) + "}", 4);
    refused("a?[2Jb: dtype 'Q4' is unknown");
  }

  @Test
  void refusesAMissingFile() {
    refused("no such file");
  }

  @Test
  void refusesAFolder() throws IOException {
    Files.createDirectory(file);
    refused("a regular file expected, a directory found");
  }

  @Test
  @DisabledOnOs(value = OS.WINDOWS, disabledReason = "links and pipes need a Unix")
  void followsALinkAsInHuggingFacesCache() throws IOException {
    Path blob = Files.createDirectories(temp.resolve("blobs")).resolve("0123abcd");
    Files.copy(Data.FORMATS.resolve("model.safetensors"), blob);
    Files.createSymbolicLink(file, Path.of("blobs", "0123abcd"));
    try (Arena arena = Arena.ofConfined()) {
      assertThat(Safetensors.read(file, arena)).hasSize(28);
    }
  }

  @Test
  @DisabledOnOs(value = OS.WINDOWS, disabledReason = "links and pipes need a Unix")
  void refusesABrokenLink() throws IOException {
    Files.createSymbolicLink(file, Path.of("nowhere"));
    refused("a link to a file that is not there");
  }

  @Test
  @DisabledOnOs(value = OS.WINDOWS, disabledReason = "links and pipes need a Unix")
  void refusesALinkToItself() throws IOException {
    Files.createSymbolicLink(file, file.getFileName());
    refusedStartingWith("Too many levels of symbolic links");
  }

  @Test
  @DisabledOnOs(value = OS.WINDOWS, disabledReason = "links and pipes need a Unix")
  void refusesALinkToADevice() throws IOException {
    Files.createSymbolicLink(file, Path.of("/dev/zero"));
    refused("a regular file expected, a device or pipe found");
    Files.delete(file); // JUnit warns of a link that leads out of its folder
  }

  @Test
  @DisabledOnOs(value = OS.WINDOWS, disabledReason = "links and pipes need a Unix")
  void refusesAPipeWithoutWaiting() throws Exception {
    assertThat(new ProcessBuilder("mkfifo", file.toString()).start().waitFor()).isZero();
    refused("a regular file expected, a device or pipe found");
  }

  private static String tensor(String dtype, String shape, long begin, long end) {
    return "{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
        .formatted(dtype, shape, begin, end);
  }

  private void write(String header, int dataBytes) throws IOException {
    writeBytes(header.getBytes(StandardCharsets.UTF_8).length, header, dataBytes);
  }

  private void writeBytes(long headerLength, String header, int dataBytes) throws IOException {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    var bytes = ByteBuffer.allocate(8 + json.length + dataBytes).order(ByteOrder.LITTLE_ENDIAN);
    Files.write(file, bytes.putLong(headerLength).put(json).array());
  }

  private void refused(String message) {
    assertThatThrownBy(this::read)
        .isInstanceOf(ModelException.class)
        .hasMessage(file + ": " + message);
  }

  private void refusedStartingWith(String message) {
    assertThatThrownBy(this::read)
        .isInstanceOf(ModelException.class)
        .hasMessageStartingWith(file + ": " + message)
        .extracting(Throwable::getMessage)
        .asString()
        .hasLineCount(1);
  }

  private void read() {
    try (Arena arena = Arena.ofConfined()) {
      Safetensors.read(file, arena);
    }
  }
}
