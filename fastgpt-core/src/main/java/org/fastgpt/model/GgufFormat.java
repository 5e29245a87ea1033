package org.fastgpt.model;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Reads a GGUF file, or the one in a folder: fastGPT's, or llama.cpp's for architecture gpt2. */
final class GgufFormat implements Format {
  static final String EXTENSION = ".gguf";
  private static final byte[] MAGIC = {'G', 'G', 'U', 'F'};

  @Override
  public boolean matches(Path path) {
    return Files.isDirectory(path)
        ? !files(path).isEmpty()
        : Files.isRegularFile(path) && (path.toString().endsWith(EXTENSION) || hasMagic(path));
  }

  @Override
  public Checkpoint read(Path path, Arena arena) {
    Gguf gguf = Gguf.open(Files.isDirectory(path) ? only(path) : path, arena);
    Object architecture = gguf.values().get(LlamaGguf.ARCHITECTURE);
    if (LlamaGguf.GPT2.equals(architecture)) {
      return new LlamaGguf(gguf).read(arena);
    }
    if (architecture == null && gguf.tensors().containsKey(FastGptGguf.HEADER)) {
      return FastGptGguf.read(gguf);
    }
    throw gguf.wrong(
        LlamaGguf.ARCHITECTURE,
        "'gpt2', or none and fastGPT's tensor '" + FastGptGguf.HEADER + "',",
        architecture);
  }

  private static boolean hasMagic(Path file) {
    try (InputStream in = Files.newInputStream(file)) {
      return Arrays.equals(in.readNBytes(MAGIC.length), MAGIC);
    } catch (IOException e) {
      return false; // who reads it will say what is wrong
    }
  }

  private static Path only(Path folder) {
    List<Path> files = files(folder);
    if (files.size() == 1) {
      return files.getFirst();
    }
    List<String> names = files.stream().map(f -> f.getFileName().toString()).sorted().toList();
    throw new ModelException(
        folder + ": one *.gguf expected, found: " + String.join(", ", names) + "; name one");
  }

  private static List<Path> files(Path folder) {
    var files = new ArrayList<Path>();
    try (DirectoryStream<Path> all = Files.newDirectoryStream(folder, "*" + EXTENSION)) {
      all.forEach(files::add);
    } catch (IOException e) {
      throw ModelFile.unreadable(folder, e);
    }
    return files;
  }
}
