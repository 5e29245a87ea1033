package org.fastgpt.download;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.fastgpt.model.ModelException;
import org.fastgpt.model.Models;

/**
 * The repositories of HuggingFace, or of another server that speaks as it does. It says of a file,
 * in the headers of {@code HEAD /REPOSITORY/resolve/REVISION/FILE}: X-Repo-Commit, the commit that
 * the revision is; X-Linked-Size and X-Linked-Etag, the SHA-256, of a large file; ETag, git's own
 * SHA-1, of a small one.
 */
final class Hub {
  static final String MAIN = "main";

  private static final String CONFIG = "config.json";
  private static final String SINGLE = "model.safetensors";
  private static final String INDEX = ".index.json";
  private static final String PYTORCH = "pytorch_model.bin";
  private static final List<String> OPTIONAL =
      List.of("generation_config.json", "vocab.json", "merges.txt", "tokenizer.json");
  private static final int MAX_INDEX_BYTES = 16 << 20;
  private static final int MAX_SHARDS = 1000;

  private final URI server;
  private final Http http;
  private final Retries retries;

  Hub(URI server, Http http, Retries retries) {
    this.server = server;
    this.http = http;
    this.retries = retries;
  }

  /**
   * A file that is there.
   *
   * @param commit what its revision is, by which the others are to be asked for
   */
  record Found(RemoteFile file, String commit) {}

  /** The files of a model: config.json, the vocabulary, then the weights. */
  List<RemoteFile> model(String repository, String revision) throws IOException {
    Found config = require(repository, revision, CONFIG);
    String commit = config.commit();
    var files = new ArrayList<>(List.of(config.file()));
    for (String name : OPTIONAL) {
      find(repository, commit, name).map(Found::file).ifPresent(files::add);
    }
    files.addAll(weights(repository, commit));
    return files;
  }

  private List<RemoteFile> weights(String repository, String commit) throws IOException {
    for (String name : List.of(SINGLE, PYTORCH)) {
      Optional<Found> single = find(repository, commit, name);
      if (single.isPresent()) {
        return List.of(single.get().file());
      }
      Optional<Found> index = find(repository, commit, name + INDEX);
      if (index.isPresent()) {
        return sharded(repository, commit, index.get().file());
      }
    }
    throw new ModelException(
        repository
            + ": "
            + String.join(" or ", SINGLE, SINGLE + INDEX, PYTORCH, PYTORCH + INDEX)
            + " expected, none found");
  }

  private List<RemoteFile> sharded(String repository, String commit, RemoteFile index)
      throws IOException {
    var files = new ArrayList<>(List.of(index));
    List<String> shards = Models.shards(text(index), Path.of(index.name()));
    if (shards.size() > MAX_SHARDS) {
      throw new ModelException(
          index.name() + ": at most " + MAX_SHARDS + " files expected, " + shards.size());
    }
    for (String shard : shards) {
      files.add(require(repository, commit, shard).file());
    }
    return files;
  }

  /** The contents of a small file. */
  private String text(RemoteFile file) throws IOException {
    return retries.run(
        () -> {
          try (Http.Answer answer = http.get(file.address(), Map.of())) {
            if (answer.status() != 200) {
              throw Refusal.of(answer, file.address());
            }
            return text(answer.body(), file.name());
          }
        });
  }

  private static String text(InputStream body, String name) throws IOException {
    byte[] bytes;
    try {
      bytes = body.readNBytes(MAX_INDEX_BYTES + 1);
    } catch (IOException e) {
      throw new TransientException(name + ": " + Http.message(e), e);
    }
    if (bytes.length > MAX_INDEX_BYTES) {
      throw new ModelException(
          name + ": at most " + MAX_INDEX_BYTES + " bytes expected, more found");
    }
    return new String(bytes, StandardCharsets.UTF_8);
  }

  /**
   * The file.
   *
   * @throws ModelException there is none
   */
  Found require(String repository, String revision, String name) throws IOException {
    return find(repository, revision, name)
        .orElseThrow(
            () ->
                new ModelException(
                    address(repository, revision, name)
                        + ": no such repository, revision or file (404)"));
  }

  /** The file, if the repository has it. */
  private Optional<Found> find(String repository, String revision, String name) throws IOException {
    URI address = address(repository, revision, name);
    try (Http.Answer answer = retries.run(() -> http.head(address))) {
      String code = answer.headerOnTheWay("X-Error-Code").orElse("EntryNotFound");
      if (answer.status() == 404 && code.equals("EntryNotFound")) {
        return Optional.empty();
      }
      if (answer.status() >= 400) {
        throw Refusal.of(answer, address);
      }
      String commit = answer.headerOnTheWay("X-Repo-Commit").orElse(revision);
      return Optional.of(new Found(file(answer, address(repository, commit, name), name), commit));
    }
  }

  private static RemoteFile file(Http.Answer answer, URI address, String name) {
    Optional<String> linked = answer.headerOnTheWay("X-Linked-Etag");
    Optional<String> etag = linked.or(() -> answer.header("ETag"));
    long linkedSize = Http.Answer.number(answer.headerOnTheWay("X-Linked-Size"));
    boolean ofHuggingFace = answer.headerOnTheWay("X-Repo-Commit").isPresent();
    return new RemoteFile(
        name,
        address,
        linked.isPresent() ? linkedSize : answer.length(),
        etag.orElse(""),
        etag.filter(_ -> ofHuggingFace).flatMap(Hub::checksum));
  }

  /** What an ETag of HuggingFace's is: SHA-256 or git's SHA-1, by its length. */
  private static Optional<Checksum> checksum(String etag) {
    String hex = etag.replaceFirst("^W/", "").replace("\"", "").toLowerCase(Locale.ROOT);
    if (hex.matches("[0-9a-f]{64}")) {
      return Optional.of(new Checksum(Checksum.Kind.SHA256, hex));
    }
    return hex.matches("[0-9a-f]{40}")
        ? Optional.of(new Checksum(Checksum.Kind.GIT_SHA1, hex))
        : Optional.empty();
  }

  private URI address(String repository, String revision, String name) {
    String escaped = revision.replace("/", "%2F"); // refs/pr/1 is one name
    return URI.create(server + "/" + repository + "/resolve/" + escaped + "/" + name);
  }
}
