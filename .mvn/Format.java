import com.google.googlejavaformat.java.Formatter;
import java.nio.file.Files;
import java.nio.file.Path;

/** Checks ("check") or rewrites ("write") every Java file of the project by google-java-format. */
final class Format {
  public static void main(String[] args) throws Exception {
    boolean write = args[0].equals("write");
    Path root = Path.of(args[1]);
    var formatter = new Formatter();
    int wrong = 0;
    try (var files = Files.walk(root)) {
      for (Path file : files.filter(f -> isSource(root.relativize(f).toString())).toList()) {
        String source = Files.readString(file);
        String formatted = formatter.formatSourceAndFixImports(source);
        if (source.equals(formatted)) {
          continue;
        }
        System.err.println((write ? "formatted: " : "not formatted: ") + root.relativize(file));
        wrong++;
        if (write) {
          Files.writeString(file, formatted);
        }
      }
    }
    if (wrong > 0 && !write) {
      System.err.println("To format: mvn -N process-sources -Dformat=write");
      System.exit(1);
    }
  }

  private static boolean isSource(String path) {
    return path.endsWith(".java") && !path.matches("(.*[/\\\\])?target[/\\\\].*");
  }
}
