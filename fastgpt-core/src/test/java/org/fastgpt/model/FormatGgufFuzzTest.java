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

  /** The second number is where the tensors begin. */
  @ParameterizedTest
  @CsvSource({
    "fastgpt.gguf, 1136",
    "llama.gguf, 27904",
    "llama-f16.gguf, 27904",
    "llama-q8_0.gguf, 27904",
    "dat/model.dat, 32"
  })
  void aDamagedModelIsOpenedWholeOrRefusedInOneLine(String name, int header) throws IOException {
    byte[] valid = Files.readAllBytes(Data.FORMATS.resolve(name));
    Fuzz.openDamaged(valid, header, temp.resolve(Path.of(name).getFileName()));
  }

  @Test
  void aDamagedMarkedModelDatIsOpenedWholeOrRefusedInOneLine() throws IOException {
    Fuzz.openDamaged(FastGptAndLlamaTest.markedDat(), 48, temp.resolve("model.dat"));
  }

  @Test
  void aDamagedInputIsReadWholeOrRefusedInOneLine() throws IOException {
    byte[] valid = Files.readAllBytes(Data.FORMATS.resolve("dat/input.dat"));
    Path file = temp.resolve("input.dat");
    var random = new Random(1);
    for (int i = 0; i < Fuzz.count(); i++) {
      byte[] bytes = Fuzz.damaged(valid, 8, random);
      Files.write(file, bytes);
      Fuzz.succeedsOrRefuses(
          file, () -> assertThat(InputDat.read(file).ids()).hasSize(bytes.length / 4 - 2));
    }
  }
}
