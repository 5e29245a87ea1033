package org.fastgpt.download;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashSet;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import org.fastgpt.model.ModelException;
import org.fastgpt.model.Models;
import org.fastgpt.model.Progress;
import org.fastgpt.model.Synthetic;

/**
 * Downloads a model into {@link Models#folder()}. Its files come into a hidden folder .NAME.part
 * beside the place where they are to be; the folder gets its name when all of them are there and
 * right. What an end in between leaves, the next run takes up.
 */
public final class Download implements AutoCloseable {
  private static final long SPARE_BYTES = 16 << 20; // for what the file system adds
  private static final Duration LOCK_WAIT = Duration.ofMillis(500);
  private static final String NAME = "[A-Za-z0-9_][A-Za-z0-9._-]{0,95}";

  private final Settings settings;
  private final Verifier verifier;
  private final Retries retries;
  private final Space space;
  private final Http http;

  /** How many bytes are free where {@code folder} is. */
  @FunctionalInterface
  interface Space {
    long free(Path folder) throws IOException;
  }

  /**
   * For any number of models.
   *
   * @param notes hears, as lines for the user, of what takes longer than expected, and why
   * @throws IllegalArgumentException nothing is to be downloaded, by {@code settings}
   */
  public Download(Settings settings, Verifier verifier, Consumer<String> notes) {
    this(
        settings,
        verifier,
        new Retries(Thread::sleep, RandomGenerator.getDefault(), notes),
        folder -> Files.getFileStore(folder).getUsableSpace());
  }

  Download(Settings settings, Verifier verifier, Retries retries, Space space) {
    if (settings.offline()) {
      throw new IllegalArgumentException(
          "offline (--offline, or HF_HUB_OFFLINE is set): nothing is downloaded");
    }
    this.settings = settings;
    this.verifier = verifier;
    this.retries = retries;
    this.space = space;
    this.http = new Http(settings);
  }

  /**
   * Asks the server what there is.
   *
   * @param name of GPT-2's sizes any of its names, else OWNER/NAME
   * @param revision of HuggingFace's repositories: a branch, tag or commit
   * @throws ModelException there is no such model, or it is not for everyone
   * @throws IllegalArgumentException what is asked for cannot be
   * @throws IOException the network fails
   */
  public Plan plan(String name, Source source, String revision) throws IOException {
    if (!isName(name)) {
      throw new IllegalArgumentException(
          "'" + name + "': the name of a model expected, such as 124M, gpt2 or OWNER/NAME");
    }
    if (name.startsWith(Synthetic.PREFIX) || name.equals(Models.EMBEDDED)) {
      throw new IllegalArgumentException(name + " needs no download: it is always there");
    }
    if (!revision.matches("[A-Za-z0-9._/-]{1,200}")) {
      throw new IllegalArgumentException(
          "revision '" + revision + "': a branch, tag or commit expected");
    }
    String ours = Models.names(name).getFirst();
    return new Plan(
        ours, source.place(ours, settings), source.files(ours, revision, settings, http, retries));
  }

  /** Whether a model could be called that: NAME or OWNER/NAME. */
  public static boolean isName(String name) {
    return name.matches("(" + NAME + "/)?" + NAME) && !name.contains("..");
  }

  /**
   * Downloads and installs.
   *
   * @param again even if it is installed; what was installed is replaced at the end
   * @param cancelled asked now and then whether to stop, with an exception
   * @return where the model is
   * @throws ModelException what came is no model
   * @throws IOException the network or the disk fails
   */
  public Path install(Plan plan, boolean again, Progress progress, BooleanSupplier cancelled)
      throws IOException {
    Path target = Models.folder().resolve(plan.name()).toAbsolutePath().normalize();
    Files.createDirectories(target.getParent());
    Path lock = sibling(target, ".lock"); // stays: who deletes it lets two in
    try (var channel = FileChannel.open(lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        var _ = lock(channel, plan, cancelled)) {
      restore(target);
      Optional<Path> installed = Models.find(plan.name());
      if (installed.isPresent() && !again) {
        return installed.get(); // another was first
      }
      refuseWhatIsInTheWay(target, installed);
      Path part = sibling(target, ".part");
      fetch(plan, part, progress, cancelled);
      putInPlace(plan, part, target);
      return target;
    } catch (FileSystemException e) {
      throw DownloadException.ofDisk(Path.of(e.getFile()), e);
    }
  }

  private static Path sibling(Path target, String ending) {
    return target.resolveSibling("." + target.getFileName() + ending);
  }

  private FileLock lock(FileChannel channel, Plan plan, BooleanSupplier cancelled)
      throws IOException {
    for (boolean first = true; ; first = false) {
      FileLock lock = tryLock(channel);
      if (lock != null) {
        return lock;
      }
      if (first) {
        retries.notes().accept(plan.name() + " is being downloaded by another process: waiting");
      }
      if (cancelled.getAsBoolean()) {
        throw new DownloadException("interrupted");
      }
      retries.sleeper().sleepOrFail(LOCK_WAIT);
    }
  }

  /** Null if another process, or another thread of this one, has it. */
  private static FileLock tryLock(FileChannel channel) throws IOException {
    try {
      return channel.tryLock();
    } catch (OverlappingFileLockException e) {
      return null;
    }
  }

  private static void refuseWhatIsInTheWay(Path target, Optional<Path> installed) {
    if (Files.exists(target) && !installed.equals(Optional.of(target))) {
      throw new ModelException(target + ": is in the way, and not a model; move it elsewhere");
    }
  }

  private void fetch(Plan plan, Path part, Progress progress, BooleanSupplier cancelled)
      throws IOException {
    Files.createDirectories(part);
    deleteOthers(plan, part);
    checkSpace(plan, part);
    long total = plan.size();
    long before = 0;
    for (RemoteFile file : plan.files()) {
      long start = before;
      new Fetch(
              http,
              retries,
              settings.stallLimit(),
              file,
              part,
              bytes -> progress.update(Math.min(start + bytes, total), total),
              cancelled)
          .run();
      verify(plan, part, () -> verifier.file(part.resolve(file.name())));
      before += Math.max(0, file.size());
    }
    verify(plan, part, () -> verifier.folder(part));
  }

  /** What is no model will be none the next time: it is not kept. */
  private static void verify(Plan plan, Path part, Runnable check) throws IOException {
    try {
      check.run();
    } catch (ModelException e) {
      delete(part);
      throw new ModelException(
          plan.name() + " from " + plan.place() + " cannot be used: " + e.getMessage(), e);
    }
  }

  /** Deletes what an earlier run left of another plan. */
  private static void deleteOthers(Plan plan, Path part) throws IOException {
    Set<Path> ours = new HashSet<>();
    for (RemoteFile file : plan.files()) {
      ours.add(part.resolve(file.name()));
      ours.add(Fetch.part(part, file));
      ours.add(Fetch.etag(part, file));
      Fetch.discardIfOfAnotherVersion(part, file);
    }
    try (DirectoryStream<Path> children = Files.newDirectoryStream(part)) {
      for (Path child : children) {
        if (!ours.contains(child)) {
          Files.delete(child);
        }
      }
    }
  }

  private void checkSpace(Plan plan, Path part) throws IOException {
    long missing = SPARE_BYTES;
    for (RemoteFile file : plan.files()) {
      missing += Math.max(0, file.size() - present(part, file));
    }
    long free = space.free(part);
    if (free < missing) {
      throw new DownloadException(
          String.format(
              Locale.ROOT,
              "%s takes %.1f MB more of disk space, %.1f MB are free in %s",
              plan.name(),
              missing / 1e6,
              free / 1e6,
              part.getParent()));
    }
  }

  private static long present(Path part, RemoteFile file) throws IOException {
    Path whole = part.resolve(file.name());
    Path begun = Fetch.part(part, file);
    return Files.exists(whole) ? Files.size(whole) : Files.exists(begun) ? Files.size(begun) : 0;
  }

  private static void putInPlace(Plan plan, Path part, Path target) throws IOException {
    for (RemoteFile file : plan.files()) {
      Files.deleteIfExists(Fetch.etag(part, file));
    }
    Path old = sibling(target, ".old");
    if (Files.exists(target)) {
      Files.move(target, old, StandardCopyOption.ATOMIC_MOVE);
    }
    Files.move(part, target, StandardCopyOption.ATOMIC_MOVE);
    delete(old);
  }

  /** Undoes a replacement that did not come to its end, or finishes it. */
  private static void restore(Path target) throws IOException {
    Path old = sibling(target, ".old");
    if (Files.exists(old) && !Files.exists(target)) {
      Files.move(old, target, StandardCopyOption.ATOMIC_MOVE);
    }
    delete(old);
  }

  /** Deletes a folder with all that is in it; of links only the link. */
  private static void delete(Path folder) throws IOException {
    if (Files.exists(folder, LinkOption.NOFOLLOW_LINKS)) {
      try (Stream<Path> all = Files.walk(folder)) {
        for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(path);
        }
      }
    }
  }

  @Override
  public void close() {
    http.close();
  }
}
