package org.fastgpt.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Valid files of fastGPT and llama.cpp, damaged. */
class FormatGgufFuzzTest {

  @TempDir private Path temp;

  /** The bytes before and after the weights hold the numbers. */
  @ParameterizedTest
  @CsvSource({
    "fastgpt.gguf, 1136, 15616",
    "llama.gguf, 27904, 0",
    "llama-f16.gguf, 27904, 0",
    "llama-q8_0.gguf, 27904, 0",
    "dat/model.dat, 32, 8893"
  })
  void aDamagedModelIsOpenedWholeOrRefusedInOneLine(String name, int head, int tail)
      throws IOException {
    byte[] valid = Files.readAllBytes(Data.FORMATS.resolve(name));
    Fuzz.openDamaged(valid, head, tail, temp.resolve(Path.of(name).getFileName()));
  }

  @Test
  void aDamagedMarkedModelDatIsOpenedWholeOrRefusedInOneLine() throws IOException {
    Fuzz.openDamaged(FastGptAndLlamaTest.markedDat(), 48, 15000, temp.resolve("model.dat"));
  }

  @Test
  void aDamagedInputIsReadWholeOrRefusedInOneLine() throws IOException {
    byte[] valid = Files.readAllBytes(Data.FORMATS.resolve("dat/input.dat"));
    Path file = temp.resolve("input.dat");
    var random = new Random(1);
    for (int i = 0; i < Fuzz.count(); i++) {
      byte[] bytes = Fuzz.damaged(valid, 8, 0, random);
      Files.write(file, bytes);
      Fuzz.succeedsOrRefuses(
          file, () -> assertThat(InputDat.read(file).ids()).hasSize(bytes.length / 4 - 2));
    }
  }
}
