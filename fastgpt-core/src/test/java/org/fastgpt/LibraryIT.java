package org.fastgpt;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.spi.ToolProvider;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The built jar as others use it: a program of the example that the Javadoc begins with is compiled
 * and run against the jar and its libraries, nothing else.
 */
class LibraryIT {

  private static final Path TARGET = Path.of("target").toAbsolutePath();
  private static final Path JAR = TARGET.resolve("fastgpt-core.jar");
  private static final Path LIBRARIES = TARGET.resolve("lib");
  private static final Path EXAMPLES =
      Path.of("src", "test", "java", "org", "fastgpt", "examples", "ExamplesTest.java");
  private static final String TEXT = "\nthene, and the body of the gates of the\nsom";

  @TempDir private Path folder;
  private Path source;

  @BeforeEach
  void writeTheProgram() throws IOException {
    Path program = Files.createDirectories(folder.resolve("source").resolve("reader"));
    source =
        Files.writeString(
            program.resolve("Reader.java"),
            """
            package reader;

            import org.fastgpt.FastGpt;

            public class Reader {
              public static void main(String[] args) {
                %s
                try (var gpt = FastGpt.open("tiny-shakespeare")) {
                  System.out.print("|" + gpt.engine().name());
                }
              }
            }
            """
                .formatted(example()));
  }

  /** The five lines, as the Javadoc shows them. */
  private static String example() throws IOException {
    Matcher region =
        Pattern.compile("(?s)// @start region=\"generate\"(.*?)// @end")
            .matcher(Files.readString(EXAMPLES));
    assertThat(region.find()).isTrue();
    return region.group(1).strip();
  }

  @Test
  void theExampleRunsOnTheClassPath() throws Exception {
    String libraries = LIBRARIES + File.separator + "*";
    run("javac", "-d", folder.toString(), "-cp", path(JAR, libraries), source.toString());
    assertThat(java("-cp", path(folder, JAR, libraries), "reader.Reader"))
        .isEqualTo(TEXT + "|core-scalar");
    assertThat(
            java(
                "--add-modules=jdk.incubator.vector",
                "-cp",
                path(folder, JAR, libraries),
                "reader.Reader"))
        .startsWith(TEXT + "|core-vector");
  }

  /** There nobody has to ask for the Vector API: the module requires it. */
  @Test
  void theExampleRunsOnTheModulePath() throws Exception {
    Path module =
        Files.writeString(
            folder.resolve("source").resolve("module-info.java"),
            "module reader { requires org.fastgpt.core; }");
    String classes = folder.resolve("classes").toString();
    run(
        "javac",
        "-d",
        classes,
        "--module-path",
        path(JAR, LIBRARIES),
        source.toString(),
        module.toString());
    assertThat(java("-p", path(classes, JAR, LIBRARIES), "-m", "reader/reader.Reader"))
        .startsWith(TEXT + "|core-vector");
  }

  @Test
  void theCommandLineRunsOnTheModulePath() throws Exception {
    assertThat(
            java(
                "-p",
                path(JAR, LIBRARIES),
                "-m",
                "org.fastgpt.core/org.fastgpt.cli.Main",
                "-q",
                "-m",
                "tiny-shakespeare",
                "Alan Turing theorized that computers would one day become"))
        .isEqualTo(TEXT + System.lineSeparator());
  }

  @Test
  void theJavadocShowsTheExample() throws Exception {
    run(
        "javadoc",
        "-quiet",
        "-Xdoclint:all,-missing",
        "--add-modules=jdk.incubator.vector",
        "--snippet-path",
        Path.of("src", "test", "java").toString(),
        "-d",
        folder.toString(),
        "-cp",
        path(JAR, LIBRARIES + File.separator + "*"),
        "-sourcepath",
        Path.of("src", "main", "java").toString(),
        "org.fastgpt");
    assertThat(folder.resolve("org").resolve("fastgpt").resolve("FastGpt.html"))
        .content()
        .contains(".forEach(System.out::print);")
        .doesNotContain("@start");
  }

  @Test
  void theSourcesLieBesideTheJar() throws IOException {
    try (var sources = new ZipFile(TARGET.resolve("fastgpt-core-sources.jar").toFile())) {
      assertThat(sources.getEntry("org/fastgpt/FastGpt.java")).isNotNull();
    }
  }

  private static String path(Object... parts) {
    return String.join(File.pathSeparator, Arrays.stream(parts).map(Object::toString).toList());
  }

  private static void run(String tool, String... arguments) {
    var said = new StringWriter();
    var writer = new PrintWriter(said);
    int code = ToolProvider.findFirst(tool).orElseThrow().run(writer, writer, arguments);
    assertThat(code).as(said.toString()).isZero();
  }

  /** What a program prints, in a JVM of its own. */
  private String java(String... arguments) throws Exception {
    var command = new ArrayList<String>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of(arguments));
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    Process process =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).as(Files.readString(err)).isZero();
    return Files.readString(out);
  }
}
