package org.fastgpt.download;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * A server on this machine that speaks as huggingface.co does: small files it serves itself, large
 * ones by a redirect to a second server, whose addresses are signed. It fails when told to.
 */
public final class FakeHub implements AutoCloseable {
  /** What every revision is. */
  public static final String COMMIT = "607a30d783dfa663caf39e06633721c8d4cfcd7e";

  private final HttpServer hub;
  private final HttpServer cdn;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final CountDownLatch closed = new CountDownLatch(1);
  private final Map<String, byte[]> files = new ConcurrentHashMap<>();
  private final Map<String, Queue<Answer>> planned = new ConcurrentHashMap<>();
  private final Queue<Request> requests = new ConcurrentLinkedQueue<>();

  /**
   * A request that came.
   *
   * @param path of the hub, or of the second server: that begins with "/cdn/"
   * @param range the header, or null
   */
  public record Request(
      String method, String path, String range, String ifRange, String authorization) {}

  /** An answer other than the right one. */
  @FunctionalInterface
  interface Answer {
    void to(HttpExchange exchange, byte[] content) throws IOException;
  }

  /** Starts it. */
  public FakeHub() throws IOException {
    hub = start(this::answer);
    cdn = start(this::answerOfCdn);
  }

  private HttpServer start(com.sun.net.httpserver.HttpHandler handler) throws IOException {
    var server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/", handler);
    server.setExecutor(threads);
    server.start();
    return server;
  }

  /** Its address, for HF_ENDPOINT. */
  public String address() {
    return address(hub);
  }

  String cdnAddress() {
    return address(cdn);
  }

  private static String address(HttpServer server) {
    return "http://localhost:" + server.getAddress().getPort();
  }

  /** Publishes the files of a folder, but not those of its folders. */
  public void publish(String repository, Path folder) throws IOException {
    try (var list = Files.list(folder)) {
      for (Path file : list.filter(Files::isRegularFile).toList()) {
        publish(repository, file.getFileName().toString(), Files.readAllBytes(file));
      }
    }
  }

  public void publish(String repository, String name, byte[] content) {
    files.put(repository + "/" + name, content);
  }

  void remove(String repository, String name) {
    files.remove(repository + "/" + name);
  }

  /**
   * The next request for the contents of a file is answered so; "HEAD NAME" means that of its
   * headers, "hub NAME" that of a large file before it is redirected.
   */
  void next(String name, Answer answer) {
    planned.computeIfAbsent(name, _ -> new ConcurrentLinkedQueue<>()).add(answer);
  }

  /** The requests so far, in their order. */
  public List<Request> requests() {
    return List.copyOf(requests);
  }

  /** The Range headers of the requests for the contents of a file; "" for the whole. */
  List<String> ranges(String name) {
    return requests.stream()
        .filter(r -> r.method.equals("GET") && r.path.endsWith("/" + name))
        .filter(r -> !isLarge(name) || r.path.startsWith("/cdn/"))
        .map(r -> r.range == null ? "" : r.range)
        .toList();
  }

  private static boolean isLarge(String name) {
    return name.matches(".*\\.(safetensors|bin|gguf)");
  }

  private void record(HttpExchange exchange) {
    var headers = exchange.getRequestHeaders();
    requests.add(
        new Request(
            exchange.getRequestMethod(),
            exchange.getRequestURI().getRawPath(),
            headers.getFirst("Range"),
            headers.getFirst("If-Range"),
            headers.getFirst("Authorization")));
  }

  /** /OWNER/NAME/resolve/REVISION/FILE, and anything else that was published by its path. */
  private void answer(HttpExchange exchange) throws IOException {
    record(exchange);
    String path = exchange.getRequestURI().getRawPath().substring(1);
    String key = path.replaceFirst("/resolve/[^/]+/", "/");
    String name = key.substring(key.lastIndexOf('/') + 1);
    byte[] content = files.get(key);
    boolean head = exchange.getRequestMethod().equals("HEAD");
    Optional<Answer> plan = planned(head ? "HEAD " + name : isLarge(name) ? "hub " + name : name);
    if (plan.isPresent()) {
      plan.get().to(exchange, content);
    } else if (content == null) {
      status(404, "X-Error-Code", "EntryNotFound").to(exchange, new byte[0]);
    } else {
      exchange.getResponseHeaders().set("X-Repo-Commit", COMMIT);
      if (isLarge(name)) {
        redirectToCdn(exchange, key, content);
      } else {
        serve(exchange, content, gitSha1(content));
      }
    }
    exchange.close();
  }

  private void redirectToCdn(HttpExchange exchange, String key, byte[] content) throws IOException {
    exchange.getResponseHeaders().set("X-Linked-Size", String.valueOf(content.length));
    exchange.getResponseHeaders().set("X-Linked-Etag", '"' + sha256(content) + '"');
    redirect(302, cdnAddress() + "/cdn/" + key + "?signature=secret").to(exchange, content);
  }

  private void answerOfCdn(HttpExchange exchange) throws IOException {
    record(exchange);
    String key = exchange.getRequestURI().getRawPath().replaceFirst("^/cdn/", "");
    byte[] content = files.get(key);
    Optional<Answer> plan = planned(key.substring(key.lastIndexOf('/') + 1));
    if (plan.isPresent()) {
      plan.get().to(exchange, content);
    } else {
      serve(exchange, content, "cdn-" + sha256(content).substring(0, 8));
    }
    exchange.close();
  }

  private Optional<Answer> planned(String name) {
    return Optional.ofNullable(planned.get(name)).map(Queue::poll);
  }

  /** The right answer: all of it, or the rest that was asked for. */
  static void serve(HttpExchange exchange, byte[] content, String etag) throws IOException {
    var request = exchange.getRequestHeaders();
    exchange.getResponseHeaders().set("ETag", '"' + etag + '"');
    String range = request.getFirst("Range");
    String ifRange = request.getFirst("If-Range");
    boolean another = ifRange != null && !ifRange.equals('"' + etag + '"');
    if (range == null || another) {
      send(exchange, 200, content);
      return;
    }
    int from = Integer.parseInt(range.replaceFirst("^bytes=([0-9]+)-$", "$1"));
    if (from >= content.length) {
      exchange.getResponseHeaders().set("Content-Range", "bytes */" + content.length);
      send(exchange, 416, new byte[0]);
      return;
    }
    exchange
        .getResponseHeaders()
        .set("Content-Range", "bytes " + from + "-" + (content.length - 1) + "/" + content.length);
    send(exchange, 206, Arrays.copyOfRange(content, from, content.length));
  }

  static void send(HttpExchange exchange, int status, byte[] body) throws IOException {
    if (exchange.getRequestMethod().equals("HEAD")) {
      exchange.getResponseHeaders().set("Content-Length", String.valueOf(body.length));
      exchange.sendResponseHeaders(status, -1);
      return;
    }
    exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
    try (OutputStream out = exchange.getResponseBody()) {
      out.write(body);
    }
  }

  static Answer status(int status, String... headers) {
    return (exchange, _) -> {
      for (int i = 0; i < headers.length; i += 2) {
        exchange.getResponseHeaders().set(headers[i], headers[i + 1]);
      }
      send(exchange, status, new byte[0]);
    };
  }

  static Answer redirect(int status, String location) {
    return status(status, "Location", location);
  }

  /** All of it, whatever part was asked for. */
  static Answer whole() {
    return (exchange, content) -> send(exchange, 200, content);
  }

  /** Other bytes, and as many. */
  static Answer damaged() {
    return (exchange, content) -> {
      byte[] other = content.clone();
      other[other.length / 2] ^= 1;
      send(exchange, 200, other);
    };
  }

  /**
   * Promises all from where it was asked, and cuts the connection when {@code part} has n bytes.
   */
  Answer cutAt(int n, Path part) {
    return (exchange, content) -> {
      begin(exchange, content, n);
      while (size(part) < n) {
        Thread.onSpinWait();
      }
    };
  }

  /** Promises all, gives the first n bytes, and then nothing more. */
  Answer stallAt(int n) {
    return (exchange, content) -> {
      begin(exchange, content, n);
      awaitClose();
    };
  }

  /** Never answers. */
  Answer silence() {
    return (_, _) -> awaitClose();
  }

  private void awaitClose() throws IOException {
    try {
      closed.await();
    } catch (InterruptedException e) {
      throw new IOException(e);
    }
  }

  private static void begin(HttpExchange exchange, byte[] content, int n) throws IOException {
    String range = exchange.getRequestHeaders().getFirst("Range");
    int from = range == null ? 0 : Integer.parseInt(range.replaceAll("[^0-9]", ""));
    exchange.getResponseHeaders().set("ETag", "\"cdn-" + sha256(content).substring(0, 8) + '"');
    if (from > 0) {
      exchange
          .getResponseHeaders()
          .set(
              "Content-Range", "bytes " + from + "-" + (content.length - 1) + "/" + content.length);
    }
    exchange.sendResponseHeaders(from > 0 ? 206 : 200, content.length - from);
    exchange.getResponseBody().write(content, from, n - from);
    exchange.getResponseBody().flush();
  }

  private static long size(Path file) throws IOException {
    return Files.exists(file) ? Files.size(file) : 0;
  }

  static String sha256(byte[] content) {
    return hash("SHA-256", new byte[0], content);
  }

  static String gitSha1(byte[] content) {
    byte[] head = ("blob " + content.length + "\0").getBytes(StandardCharsets.US_ASCII);
    return hash("SHA-1", head, content);
  }

  private static String hash(String algorithm, byte[] head, byte[] content) {
    try {
      var digest = MessageDigest.getInstance(algorithm);
      digest.update(head);
      return HexFormat.of().formatHex(digest.digest(content));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  @Override
  public void close() {
    closed.countDown();
    hub.stop(0);
    cdn.stop(0);
    threads.shutdownNow();
  }
}
