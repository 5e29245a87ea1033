package org.fastgpt.download;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.LongConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Fetches one file. Its bytes are first in NAME.part, beside NAME.etag, which says what they are
 * the beginning of; NAME itself appears when length and checksum are right. What an earlier run
 * left is taken up again.
 */
final class Fetch {
  private static final Pattern CONTENT_RANGE =
      Pattern.compile("bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\\*)");

  private final Http http;
  private final Retries retries;
  private final Duration stallLimit;
  private final RemoteFile file;
  private final Path target;
  private final Path part;
  private final Path etag;
  private final LongConsumer progress;
  private final BooleanSupplier cancelled;
  private long furthest; // the most bytes there have been: those again are no progress

  /**
   * For {@code file} in {@code folder}.
   *
   * @param progress hears how many bytes of the file there are
   * @param cancelled asked now and then whether to stop
   */
  Fetch(
      Http http,
      Retries retries,
      Duration stallLimit,
      RemoteFile file,
      Path folder,
      LongConsumer progress,
      BooleanSupplier cancelled) {
    this.http = http;
    this.retries = retries;
    this.stallLimit = stallLimit;
    this.file = file;
    this.target = folder.resolve(file.name());
    this.part = part(folder, file);
    this.etag = etag(folder, file);
    this.progress = progress;
    this.cancelled = cancelled;
  }

  static Path part(Path folder, RemoteFile file) {
    return folder.resolve(file.name() + ".part");
  }

  static Path etag(Path folder, RemoteFile file) {
    return folder.resolve(file.name() + ".etag");
  }

  /** A file that came whole and is not the one that was published. */
  private static final class WrongFile extends IOException {
    private static final long serialVersionUID = 1L;

    WrongFile(String message) {
      super(message);
    }
  }

  /** Returns when the file is there. */
  void run() throws IOException {
    discardIfOfAnotherVersion(target.getParent(), file);
    if (!Files.exists(target)) {
      try {
        receiveAndCheck();
      } catch (WrongFile e) {
        retries.notes().accept(e.getMessage() + "; once more from the start");
        receiveAndCheckAgain();
      }
      try (FileChannel channel = FileChannel.open(part, StandardOpenOption.WRITE)) {
        channel.force(true); // else a power failure may leave a name without its bytes
      }
      Files.move(part, target, StandardCopyOption.ATOMIC_MOVE);
    }
    progress.accept(Files.size(target));
  }

  private void receiveAndCheckAgain() throws IOException {
    try {
      receiveAndCheck();
    } catch (WrongFile e) {
      throw new DownloadException(e.getMessage() + ", twice; removed", e);
    }
  }

  /** Deletes what is there of the file if it is not of this version, or nobody knows. */
  static void discardIfOfAnotherVersion(Path folder, RemoteFile file) throws IOException {
    List<String> written = lines(etag(folder, file));
    if (written.isEmpty()
        || !written.getFirst().equals(file.version())
        || file.version().isEmpty()) {
      Files.deleteIfExists(folder.resolve(file.name()));
      discard(folder, file);
    }
  }

  private static void discard(Path folder, RemoteFile file) throws IOException {
    Files.deleteIfExists(part(folder, file));
    Files.deleteIfExists(etag(folder, file));
  }

  private void discard() throws IOException {
    discard(target.getParent(), file);
  }

  private static List<String> lines(Path file) throws IOException {
    return Files.isRegularFile(file) ? Files.readAllLines(file) : List.of();
  }

  private void receiveAndCheck() throws IOException {
    Retries.Patience patience = retries.new Patience();
    boolean done = false;
    while (!done) {
      try {
        receive(patience);
        done = true;
      } catch (TransientException e) {
        patience.failed(e);
      }
    }
    if (file.checksum().isPresent()) {
      check(file.checksum().get());
    }
  }

  private void check(Checksum expected) throws IOException {
    Checksum found = Checksum.of(expected.kind(), part);
    if (!found.equals(expected)) {
      throw wrong(expected + " expected, " + found.hex() + " found");
    }
  }

  private WrongFile wrong(String how) throws IOException {
    discard();
    return new WrongFile(file.name() + ": " + how);
  }

  /** Asks for what is still missing, and takes it. */
  private void receive(Retries.Patience patience) throws IOException {
    long have = Files.exists(part) ? Files.size(part) : 0;
    if (file.hasSize() && have > file.size()) {
      discard();
      have = 0;
    }
    if (file.hasSize() && have == file.size() && Files.exists(part)) {
      return;
    }
    furthest = Math.max(furthest, have);
    try (Http.Answer answer = http.get(file.address(), have > 0 ? rest(have) : Map.of())) {
      switch (answer.status()) {
        case 200 -> {
          begin(answer);
          write(answer, 0, answer.length(), patience);
        }
        case 206 -> write(answer, have, total(answer, have), patience);
        case 416 -> {
          discard(); // there is less of the file than there was
          throw new TransientException(file.name() + ": the rest is refused (416)");
        }
        default -> throw Refusal.of(answer, file.address());
      }
    }
  }

  /** The headers that ask for all from {@code have} on, if it is still the same file. */
  private Map<String, String> rest(long have) throws IOException {
    var headers = new HashMap<>(Map.of("Range", "bytes=" + have + "-"));
    servedEtag().filter(tag -> tag.startsWith("\"")).ifPresent(tag -> headers.put("If-Range", tag));
    return headers;
  }

  /** The ETag of whoever served the part: not the version, if that was said by a redirect. */
  private Optional<String> servedEtag() throws IOException {
    return lines(etag).stream().skip(1).findFirst();
  }

  /** Says what the part is going to be the beginning of, before its first byte. */
  private void begin(Http.Answer answer) throws IOException {
    var lines = new ArrayList<>(List.of(file.version()));
    answer.header("ETag").ifPresent(lines::add);
    Files.deleteIfExists(part);
    Files.write(etag, lines);
  }

  /** The size of the whole file, of which the answer is all from {@code have} on. */
  private long total(Http.Answer answer, long have) throws IOException {
    Matcher range = CONTENT_RANGE.matcher(answer.header("Content-Range").orElse(""));
    boolean sameFile =
        servedEtag().isEmpty()
            || answer.header("ETag").isEmpty()
            || servedEtag().equals(answer.header("ETag"));
    if (!range.matches() || Long.parseLong(range.group(1)) != have || !sameFile) {
      discard();
      throw new TransientException(file.name() + ": changed while it was downloaded");
    }
    return Http.Answer.number(Optional.of(range.group(2)));
  }

  /**
   * Writes the body.
   *
   * @param at where in the file it belongs
   * @param told how long the server says the file is, or -1
   */
  private void write(Http.Answer answer, long at, long told, Retries.Patience patience)
      throws IOException {
    if (file.hasSize() && told >= 0 && told != file.size()) {
      throw wrong(file.size() + " bytes expected, " + told + " found");
    }
    long size = Math.max(told, file.size());
    long end;
    try (FileChannel out =
            FileChannel.open(part, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        var watchdog = new Watchdog(answer.body(), stallLimit)) {
      out.position(at);
      end = copy(answer, out, size < 0 ? Long.MAX_VALUE : size, watchdog, patience);
    }
    if (end < size) {
      throw cut(answer, end + " of " + size + " bytes");
    }
  }

  /** Returns where the file ends now. */
  private long copy(
      Http.Answer answer, FileChannel out, long size, Watchdog watchdog, Retries.Patience patience)
      throws IOException {
    var buffer = new byte[1 << 16];
    long at = out.position();
    while (true) {
      if (cancelled.getAsBoolean()) {
        throw new DownloadException("interrupted: the same command goes on from here");
      }
      int n = read(answer, buffer, watchdog);
      if (n < 0) {
        return at;
      }
      if (n > size - at) {
        out.truncate(0);
        throw wrong("at most " + size + " bytes expected, more found");
      }
      write(out, ByteBuffer.wrap(buffer, 0, n));
      at += n;
      progress.accept(at);
      if (at > furthest) {
        furthest = at;
        patience.progressed();
      }
    }
  }

  private int read(Http.Answer answer, byte[] buffer, Watchdog watchdog) throws IOException {
    InputStream body = answer.body();
    try {
      int n = body.read(buffer);
      watchdog.alive();
      return n;
    } catch (IOException e) {
      throw watchdog.bitten()
          ? new TransientException(
              answer.address().getHost() + ": no bytes for " + stallLimit.toSeconds() + " s", e)
          : cut(answer, Http.message(e));
    }
  }

  private TransientException cut(Http.Answer answer, String how) {
    return new TransientException(
        answer.address().getHost() + ": " + file.name() + " was cut off: " + how);
  }

  /** A failure to write is not the network's: trying again would not help. */
  private void write(FileChannel out, ByteBuffer bytes) throws DownloadException {
    try {
      while (bytes.hasRemaining()) {
        out.write(bytes);
      }
    } catch (IOException e) {
      throw DownloadException.ofDisk(part, e);
    }
  }
}
