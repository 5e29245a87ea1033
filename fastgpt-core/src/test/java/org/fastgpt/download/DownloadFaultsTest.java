package org.fastgpt.download;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What networks and servers do to a download, and what it makes of it. */
class DownloadFaultsTest extends DownloadFixture {

  /** Nothing of a download that failed can be taken for a model. */
  @AfterEach
  void eitherAllIsThereOrNothing() throws IOException {
    if (Files.exists(target())) {
      assertInstalled();
    } else {
      assertNothingInstalled();
    }
  }

  @Test
  void aCutConnectionIsTakenUpWhereItWasCut() throws IOException {
    hub.next(WEIGHTS, hub.cutAt(100_000, partOfWeights()));
    hub.next(WEIGHTS, hub.cutAt(170_000, partOfWeights()));
    download();
    assertInstalled();
    assertThat(hub.ranges(WEIGHTS)).containsExactly("", "bytes=100000-", "bytes=170000-");
    assertThat(waits).hasSize(2);
    assertThat(notes).allMatch(note -> note.startsWith("localhost: model.safetensors was cut off"));
  }

  /** The ETag is that of the server that has the bytes, not the one of the redirect. */
  @Test
  void theRestIsAskedForOnlyIfItIsOfTheSameFile() throws IOException {
    hub.next(WEIGHTS, hub.cutAt(100_000, partOfWeights()));
    download();
    assertThat(hub.requests())
        .filteredOn(r -> r.range() != null && r.path().startsWith("/cdn/"))
        .extracting(FakeHub.Request::ifRange)
        .containsExactly("\"cdn-" + FakeHub.sha256(weights).substring(0, 8) + "\"");
  }

  @Test
  void theNextRunGoesOnWhereTheLastOneGaveUp() throws IOException {
    hub.next(WEIGHTS, hub.cutAt(100_000, partOfWeights()));
    for (int i = 1; i < Retries.LIMIT; i++) {
      hub.next(WEIGHTS, FakeHub.status(503));
    }
    assertThatThrownBy(this::download)
        .isInstanceOf(IOException.class)
        .hasMessage("localhost: busy (503) (tried 6 times; the same command goes on later)");
    assertThat(partOfWeights()).hasBinaryContent(Arrays.copyOf(weights, 100_000));
    int before = hub.requests().size();
    download();
    assertInstalled();
    assertThat(hub.requests().subList(before, hub.requests().size()))
        .filteredOn(r -> r.method().equals("GET") && r.path().startsWith("/cdn/"))
        .extracting(FakeHub.Request::range)
        .containsExactly("bytes=100000-");
    assertThat(hub.ranges("vocab.json")).hasSize(1); // had come whole
  }

  @Test
  void aServerThatKnowsNoRangesSendsItAllAgain() throws IOException {
    hub.next(WEIGHTS, hub.cutAt(100_000, partOfWeights()));
    hub.next(WEIGHTS, FakeHub.whole());
    download();
    assertInstalled();
  }

  /** The bytes that come again are no progress: else it would never end. */
  @Test
  void aServerThatAlwaysCutsAtTheSamePlaceIsGivenUp() {
    for (int i = 0; i < 100; i++) {
      hub.next(
          WEIGHTS,
          (exchange, content) -> {
            exchange.sendResponseHeaders(200, content.length);
            exchange.getResponseBody().write(content, 0, 50_000);
          });
    }
    assertThatThrownBy(this::download).hasMessageContaining("times; the same command goes on");
    assertThat(hub.ranges(WEIGHTS).size()).isBetween(Retries.LIMIT, 4 * Retries.LIMIT);
  }

  @Test
  void progressForgivesEarlierFailures() throws IOException {
    for (int i = 1; i <= 3 * Retries.LIMIT; i++) {
      hub.next(WEIGHTS, hub.cutAt(10_000 * i, partOfWeights()));
    }
    download();
    assertInstalled();
    assertThat(waits).hasSize(3 * Retries.LIMIT);
  }

  @Test
  void aWrongRangeIsNotAppended() throws IOException {
    hub.next(WEIGHTS, hub.cutAt(100_000, partOfWeights()));
    hub.next(
        WEIGHTS,
        (exchange, content) -> {
          exchange.getResponseHeaders().set("Content-Range", "bytes 5-9/" + content.length);
          FakeHub.send(exchange, 206, new byte[5]);
        });
    download();
    assertInstalled();
    assertThat(hub.ranges(WEIGHTS)).containsExactly("", "bytes=100000-", "");
  }

  @Test
  void aRangeOfAnotherFileIsNotAppended() throws IOException {
    hub.next(WEIGHTS, hub.cutAt(100_000, partOfWeights()));
    hub.next(
        WEIGHTS,
        (exchange, content) -> { // a server that does not know If-Range
          int n = content.length;
          exchange.getResponseHeaders().set("ETag", "\"another\"");
          exchange.getResponseHeaders().set("Content-Range", "bytes 100000-" + (n - 1) + "/" + n);
          FakeHub.send(exchange, 206, new byte[n - 100_000]);
        });
    download();
    assertInstalled();
    assertThat(hub.ranges(WEIGHTS)).containsExactly("", "bytes=100000-", "");
  }

  @Test
  void aFileThatIsAnotherNowIsFetchedFromItsStart() throws IOException {
    hub.next(WEIGHTS, hub.cutAt(100_000, partOfWeights()));
    hub.next(WEIGHTS, FakeHub.status(403));
    assertThatThrownBy(this::download).hasMessageContaining("(403)");
    weights[weights.length - 1] ^= 1;
    hub.publish(REPOSITORY, WEIGHTS, weights);
    download();
    assertInstalled();
    assertThat(hub.ranges(WEIGHTS)).containsExactly("", "bytes=100000-", "");
  }

  /** The plan is of the old file, and so is its checksum. */
  @Test
  void aFileThatChangesInBetweenIsNotInstalled() {
    byte[] other = weights.clone();
    other[other.length - 1] ^= 1;
    hub.next(
        WEIGHTS,
        (exchange, content) -> {
          hub.cutAt(100_000, partOfWeights()).to(exchange, content);
          hub.publish(REPOSITORY, WEIGHTS, other);
        });
    assertThatThrownBy(this::download)
        .isInstanceOf(IOException.class)
        .hasMessage(
            "model.safetensors: SHA-256 "
                + FakeHub.sha256(weights)
                + " expected, "
                + FakeHub.sha256(other)
                + " found, twice; removed");
    assertThat(hub.ranges(WEIGHTS)).containsExactly("", "bytes=100000-", "");
    assertThat(partOfWeights()).doesNotExist();
  }

  @Test
  void aPartThatIsTooLongIsDropped() throws IOException {
    hub.next(WEIGHTS, hub.cutAt(100_000, partOfWeights()));
    hub.next(WEIGHTS, FakeHub.status(403));
    assertThatThrownBy(this::download).hasMessageContaining("(403)");
    Files.write(partOfWeights(), new byte[weights.length + 1]);
    download();
    assertInstalled();
    assertThat(hub.ranges(WEIGHTS)).containsExactly("", "bytes=100000-", "");
  }

  @Test
  void aRefusedRangeStartsOver() throws IOException {
    hub.next(WEIGHTS, hub.cutAt(100_000, partOfWeights()));
    hub.next(WEIGHTS, FakeHub.status(416, "Content-Range", "bytes */50000"));
    download();
    assertInstalled();
    assertThat(hub.ranges(WEIGHTS)).containsExactly("", "bytes=100000-", "");
  }

  @ParameterizedTest
  @ValueSource(strings = {WEIGHTS, "config.json", "vocab.json"})
  void aDamagedFileIsFetchedOnceMore(String name) throws IOException {
    hub.next(name, FakeHub.damaged());
    download();
    assertInstalled();
    assertThat(hub.ranges(name)).containsExactly("", "");
    assertThat(notes).hasSize(1).first().asString().matches(name + ": .*once more from the start");
  }

  @Test
  void aFileThatIsDamagedTwiceIsAnError() {
    hub.next(WEIGHTS, FakeHub.damaged());
    hub.next(WEIGHTS, FakeHub.damaged());
    assertThatThrownBy(this::download)
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("model.safetensors: SHA-256 " + FakeHub.sha256(weights))
        .hasMessageEndingWith("found, twice; removed");
    assertThat(part().resolve(WEIGHTS)).doesNotExist();
    assertThat(partOfWeights()).doesNotExist();
  }

  @Test
  void aFileOfAnotherLengthIsAnError() {
    FakeHub.Answer shorter =
        (exchange, content) -> FakeHub.send(exchange, 200, Arrays.copyOf(content, 1000));
    hub.next(WEIGHTS, shorter);
    hub.next(WEIGHTS, shorter);
    assertThatThrownBy(this::download)
        .hasMessage(
            "model.safetensors: " + weights.length + " bytes expected, 1000 found, twice; removed");
  }

  /** Without a Content-Length it may never end. */
  @Test
  void moreThanWasPromisedIsNotTaken() {
    FakeHub.Answer endless =
        (exchange, content) -> {
          exchange.sendResponseHeaders(200, 0);
          exchange.getResponseBody().write(Arrays.copyOf(content, content.length + 1));
          exchange.getResponseBody().close();
        };
    hub.next(WEIGHTS, endless);
    hub.next(WEIGHTS, endless);
    assertThatThrownBy(this::download)
        .hasMessage(
            "model.safetensors: at most "
                + weights.length
                + " bytes expected, more found, twice; removed");
  }

  @Test
  void aServerThatFallsSilentIsAskedAgain() throws IOException {
    variables.put("FASTGPT_STALL_SECONDS", "1");
    hub.next("HEAD config.json", hub.silence());
    hub.next(WEIGHTS, hub.stallAt(100_000));
    download();
    assertInstalled();
    assertThat(notes)
        .anyMatch(note -> note.startsWith("localhost: no answer within 1 s"))
        .anyMatch(note -> note.startsWith("localhost: no bytes for 1 s"));
    assertThat(hub.ranges(WEIGHTS)).contains("bytes=100000-");
  }

  @ParameterizedTest
  @ValueSource(ints = {408, 429, 500, 502, 503, 504})
  void aBusyServerIsAskedAgain(int status) throws IOException {
    hub.next("HEAD " + WEIGHTS, FakeHub.status(status));
    hub.next("hub " + WEIGHTS, FakeHub.status(status));
    hub.next(WEIGHTS, FakeHub.status(status));
    download();
    assertInstalled();
    assertThat(waits).hasSize(3);
  }

  @Test
  void theServersOwnWaitIsKept() throws IOException {
    hub.next("vocab.json", FakeHub.status(429, "Retry-After", "17"));
    hub.next("vocab.json", FakeHub.status(503, "Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT"));
    hub.next("vocab.json", FakeHub.status(503, "Retry-After", "soon"));
    download();
    assertInstalled();
    assertThat(waits.getFirst()).isEqualTo(Duration.ofSeconds(17));
    assertThat(waits.get(1)).isZero(); // that is past
    assertThat(waits.get(2)).isBetween(Duration.ofSeconds(2), Duration.ofSeconds(4));
    assertThat(notes.getFirst())
        .isEqualTo("localhost: too many requests (429); trying again in 17 s");
  }

  @Test
  void nobodyWaitsForAnHour() {
    hub.next("HEAD config.json", FakeHub.status(429, "Retry-After", "3600"));
    assertThatThrownBy(this::download)
        .isInstanceOf(IOException.class)
        .hasMessage("localhost: too many requests (429); try again in 60 minutes");
    assertThat(waits).isEmpty();
  }

  /** Each wait is drawn between half and all of a bound that doubles up to a minute. */
  @Test
  void waitsDouble() throws IOException {
    var retries = new Retries(waits::add, new Random(1), _ -> {});
    Retries.Patience patience = retries.new Patience();
    for (int i = 1; i < Retries.LIMIT; i++) {
      patience.failed(new TransientException("cut"));
      Duration most = Duration.ofSeconds(1L << (i - 1));
      assertThat(waits.getLast()).isBetween(most.dividedBy(2), most);
    }
    assertThatThrownBy(() -> patience.failed(new TransientException("cut")))
        .hasMessageContaining("tried 6 times");
    assertThat(List.copyOf(waits)).isNotEqualTo(Collections.nCopies(waits.size(), waits.get(0)));
  }

  /** Not tried again: the network would have to be asked for what the disk does not take. */
  @Test
  void aDiskThatCannotBeWrittenIsSaidAsSuch() throws IOException {
    Path inTheWay = part().resolve("vocab.json.part");
    hub.next(
        "generation_config.json",
        (exchange, content) -> {
          Files.createDirectories(inTheWay.resolve("something"));
          FakeHub.serve(exchange, content, FakeHub.gitSha1(content));
        });
    assertThatThrownBy(this::download)
        .isInstanceOf(IOException.class)
        .hasMessage(inTheWay + ": DirectoryNotEmptyException");
    assertThat(waits).isEmpty();
  }
}
