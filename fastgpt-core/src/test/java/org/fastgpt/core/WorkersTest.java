package org.fastgpt.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WorkersTest {

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 8})
  void runEveryChunkOnceInManySections(int threads) {
    try (var workers = new Workers(threads)) {
      for (int section = 0; section < 2_000; section++) {
        int chunks = 1 + section % 17;
        var done = new AtomicIntegerArray(chunks);
        workers.run((chunk, worker) -> done.incrementAndGet(chunk), chunks);
        for (int c = 0; c < chunks; c++) {
          assertThat(done.get(c)).isEqualTo(1);
        }
      }
    }
  }

  @Test
  void giveEachWorkerItsOwnIndex() {
    try (var workers = new Workers(4)) {
      var inside = new AtomicIntegerArray(4);
      for (int section = 0; section < 200; section++) {
        workers.run(
            (chunk, worker) -> {
              assertThat(inside.incrementAndGet(worker)).isEqualTo(1);
              inside.decrementAndGet(worker);
            },
            64);
      }
    }
  }

  @Test
  void serveTwoCallersAtOnce() throws InterruptedException {
    try (var workers = new Workers(2)) {
      var counts = new AtomicIntegerArray(2);
      var callers = new Thread[2];
      for (int i = 0; i < 2; i++) {
        int caller = i;
        callers[i] =
            Thread.ofPlatform()
                .start(
                    () -> {
                      for (int section = 0; section < 1_000; section++) {
                        workers.run((chunk, worker) -> counts.incrementAndGet(caller), 5);
                      }
                    });
      }
      for (Thread caller : callers) {
        caller.join();
      }
      assertThat(counts.get(0)).isEqualTo(5_000);
      assertThat(counts.get(1)).isEqualTo(5_000);
    }
  }

  @Test
  void handTheFailureOfAChunkToTheCallerAndGoOn() {
    try (var workers = new Workers(2)) {
      assertThatThrownBy(
              () ->
                  workers.run(
                      (chunk, worker) -> {
                        if (chunk == 7) {
                          throw new IllegalStateException("chunk 7");
                        }
                      },
                      16))
          .hasMessage("chunk 7");
      var done = new AtomicIntegerArray(1);
      workers.run((chunk, worker) -> done.incrementAndGet(0), 16);
      assertThat(done.get(0)).isEqualTo(16);
    }
  }

  @Test
  void workInTheCallerAloneAfterClose() {
    var workers = new Workers(3);
    workers.close();
    var done = new AtomicIntegerArray(1);
    workers.run((chunk, worker) -> done.incrementAndGet(0), 16);
    assertThat(done.get(0)).isEqualTo(16);
  }
}
