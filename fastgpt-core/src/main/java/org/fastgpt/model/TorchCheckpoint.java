package org.fastgpt.model;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Recognises checkpoints of minGPT and nanoGPT: a file of PyTorch's {@code torch.save}, or a folder
 * that has one under the name by which minGPT (model.pt) or nanoGPT (ckpt.pt) saves it.
 */
final class TorchCheckpoint implements Format {
  private static final List<String> NAMES = List.of("ckpt.pt", "model.pt");

  @Override
  public boolean matches(Path path) {
    return Files.isDirectory(path)
        ? !HuggingFace.hasWeights(path) && inside(path).isPresent()
        : Files.isRegularFile(path) && (hasName(path) || begins(path));
  }

  @Override
  public Checkpoint read(Path path, Arena arena) {
    Path file = inside(path).orElse(path);
    return new TorchGpt(file, TorchFile.read(file, arena)).checkpoint();
  }

  /** The checkpoint of the folder, if it has exactly one. */
  private static Optional<Path> inside(Path folder) {
    List<Path> files = NAMES.stream().map(folder::resolve).filter(HuggingFace::isThere).toList();
    return files.size() == 1 ? Optional.of(files.getFirst()) : Optional.empty();
  }

  /** Damaged or not, whoever gives a file of such a name means a checkpoint. */
  private static boolean hasName(Path file) {
    return file.toString().endsWith(".pt") || file.toString().endsWith(".pth");
  }

  private static boolean begins(Path file) {
    try (InputStream in = Files.newInputStream(file)) {
      return TorchFile.begins(MemorySegment.ofArray(in.readNBytes(16)));
    } catch (IOException e) {
      return false; // the one who opens it hears why
    }
  }
}
