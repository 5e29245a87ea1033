package org.fastgpt.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.fastgpt.Fixtures;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** create-model, and fastGPT's run in two steps. */
class ModelFilesTest {

  private static final String TURING =
      "Alan Turing theorized that computers would one day become very powerful, but even he could"
          + " not imagine";
  private static final Path FORMATS = Fixtures.DATA.resolve("formats");
  private static final String TINY = Fixtures.TINY_SHAKESPEARE.toString();
  private static final String TINY_TEXT = "\nbutsures, and in the bawds of the\nshis\n";

  @TempDir private Path temp;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @Test
  void createModelTakesFastGptsOptions() throws IOException {
    Path models = temp.resolve("models");
    Path folder = Files.createDirectories(models.resolve("124M"));
    for (String name : List.of("config.json", "model.safetensors", "vocab.json", "merges.txt")) {
      Files.copy(FORMATS.resolve(name), folder.resolve(name));
    }
    String file = temp.resolve("model.gguf").toString();
    assertThat(run("create-model", "--model_size", "124M", "--models_dir", "" + models, "-o", file))
        .isZero();
    assertThat(Path.of(file)).hasSameBinaryContentAs(FORMATS.resolve("fastgpt.gguf"));
    assertThat(err()).contains("Writing weights", file + ": written.");
    assertThat(out()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "--format=gguf, fastgpt.gguf",
    "--format=dat, dat/model.dat",
    "--format=llama-gguf --outtype=q8_0, llama-q8_0.gguf"
  })
  void createModelWritesEachFormatOfAnyModel(String options, String fixture) {
    Path file = temp.resolve("file");
    var args = new ArrayList<>(List.of("create-model", "-o", file.toString()));
    args.addAll(List.of("-m", FORMATS.resolve("llama.gguf").toString()));
    args.addAll(List.of(options.split(" ")));
    assertThat(run(args.toArray(String[]::new))).isZero();
    assertThat(file).hasSameBinaryContentAs(FORMATS.resolve(fixture));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "create-model --format onnx | format 'onnx' is unknown; on the class path: gguf, dat,",
        "create-model --outtype f16 | --outtype is for --format safetensors and llama-gguf only",
        "create-model --format safetensors --outtype q8_0 | outtype 'q8_0': f32, f16 or bf16",
        "create-model --format llama-gguf --outtype q4_0 | outtype 'q4_0': f32, f16, bf16 or q8_0",
        "create-model --model_size 125M --models_dir nowhere | no model '125M'",
        "encode x -n 5 | -n 5: with -o only, and not negative",
        "x --input y.dat | --input y.dat and a text: only one expected",
        "--input nowhere.dat | nowhere.dat: no such file",
      })
  void badInputIsOneLineAndExitCode2(String arguments, String message) {
    assertThat(run(arguments.split(" "))).isEqualTo(2);
    assertThat(err()).startsWith("fastgpt: ").contains(message).hasLineCount(1);
  }

  @Test
  void aSizeThatIsNotInstalledSaysHowToGetIt() {
    String before = System.getProperty("fastgpt.home");
    System.setProperty("fastgpt.home", temp.toString());
    try {
      assertThat(run("create-model", "--models_dir", temp.toString())).isEqualTo(2);
    } finally {
      if (before == null) {
        System.clearProperty("fastgpt.home");
      } else {
        System.setProperty("fastgpt.home", before);
      }
    }
    assertThat(err())
        .hasLineCount(1)
        .contains("no model '124M'", "to get it: fastgpt download 124M");
  }

  @Test
  void encodeWritesWhatFastGptsEncodeInputWrites() {
    Path file = temp.resolve("input.dat");
    assertThat(run("encode", "-m", "" + FORMATS, TURING, "-n", "20", "-o", "" + file)).isZero();
    assertThat(file).hasSameBinaryContentAs(FORMATS.resolve("dat/input.dat"));
    assertThat(out()).isEmpty();
  }

  /** The file is what the first fastGPT printed on the same weights; only times differ. */
  @Test
  void twoStepsPrintWhatTheFirstFastGptPrints() throws IOException {
    String input = temp.resolve("input.dat").toString();
    String model = temp.resolve("model.dat").toString();
    run("create-model", "-m", TINY, "--format", "dat", "-o", model);
    run("encode", "-m", TINY, TURING, "-n", "20", "-o", input);
    out.reset();
    String[] args = {"--model", model, "--input", input};
    assertThat(Main.run(args, terminal(out, out))).isZero();
    String expected =
        Files.readString(Fixtures.DATA.resolve("golden/fastgpt/fastgpt-first-version-output.txt"));
    assertThat(withoutTimes(out())).isEqualTo(withoutTimes(expected));
    assertThat(out()).contains("           1         198");
  }

  private static List<String> withoutTimes(String text) {
    return text.lines().map(line -> line.replaceFirst("Time: .*", "Time: ...")).toList();
  }

  @Test
  void onlyTheTextOfAnInputFileGoesToStandardOutput() {
    String input = temp.resolve("input.dat").toString();
    run("encode", "-m", TINY, TURING, "-o", input);
    assertThat(run("-m", TINY, "--input", input)).isZero();
    assertThat(run("-m", TINY, "--input", input, "-q")).isZero();
    assertThat(run("-m", TINY, "--input", input, "-q", "-n", "2")).isZero();
    assertThat(out()).isEqualTo(TINY_TEXT + TINY_TEXT + "\nb\n");
  }

  @Test
  void textNeedsMergesAndIdsDoNot() {
    String model = FORMATS.resolve("dat/model.dat").toString();
    assertThat(run("-m", model, "-q", "Alan")).isEqualTo(2);
    assertThat(err()).hasLineCount(1).contains("has no merges, so it turns ids into text only");
    assertThat(run("-m", model, "-q", "--ids", "32 75 299 758", "-n", "2")).isZero();
    assertThat(out()).isEqualTo("230 230\n");
  }

  @Test
  void infoNamesTheQuantisation() {
    assertThat(run("info", FORMATS.resolve("llama-q8_0.gguf").toString())).isZero();
    assertThat(out()).contains("llama.cpp's GGUF, F32, Q8_0", "1024 tokens");
  }

  /** In a process of its own, which is started in a folder of its own. */
  @Test
  void modelAndInputOfTheCurrentFolderAreFound() throws Exception {
    run("create-model", "-m", TINY, "-o", temp.resolve("model.gguf").toString());
    run("encode", "-m", TINY, TURING, "-o", temp.resolve("input.dat").toString());
    Path stdout = temp.resolve("stdout");
    Path stderr = temp.resolve("stderr");
    List<String> command =
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--add-modules=jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            absolute(System.getProperty("java.class.path")),
            Main.class.getName());
    Process process =
        new ProcessBuilder(command)
            .directory(temp.toFile())
            .redirectOutput(stdout.toFile())
            .redirectError(stderr.toFile())
            .start();
    assertThat(process.waitFor(5, TimeUnit.MINUTES)).isTrue();
    assertThat(Files.readString(stderr))
        .contains(
            "Running model.gguf of the current folder.",
            "Running input.dat of the current folder.");
    assertThat(Files.readString(stdout)).isEqualTo(TINY_TEXT);
    assertThat(process.exitValue()).isZero();
  }

  private static String absolute(String classPath) {
    String separator = System.getProperty("path.separator");
    return String.join(
        separator,
        List.of(classPath.split(separator)).stream()
            .map(entry -> Path.of(entry).toAbsolutePath().toString())
            .toList());
  }

  private int run(String... args) {
    return Main.run(args, terminal(out, err));
  }

  private static Terminal terminal(ByteArrayOutputStream first, ByteArrayOutputStream second) {
    return new Terminal(
        InputStream.nullInputStream(),
        new PrintStream(first, false, StandardCharsets.UTF_8),
        new PrintStream(second, false, StandardCharsets.UTF_8),
        false);
  }

  private String out() {
    return out.toString(StandardCharsets.UTF_8).replace("\r\n", "\n");
  }

  private String err() {
    return err.toString(StandardCharsets.UTF_8).replace("\r\n", "\n");
  }
}
