package org.fastgpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.fastgpt.Generator.Stop;
import org.fastgpt.model.Model;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** How texts end before their time, and what then becomes of their sessions. */
class FastGptEndTest {

  private static final String ROMEO = "ROMEO:";
  private static final GenerationOptions LONG =
      GenerationOptions.DEFAULT.maxNewTokens(200).ignoreEos(true);

  private final Model model = Model.open(Fixtures.TINY_SHAKESPEARE);
  private final CountingEngine engine = new CountingEngine(new FakeEngine(1024, 256, 3));
  private final FastGpt gpt = new FastGpt(model, engine);

  @AfterEach
  void close() {
    engine.gate.countDown(); // else a test that fails may leave a pass waiting, and this too
    gpt.close();
  }

  @Test
  void makesPiecesOnlyWhenTheyAreAskedFor() {
    Stream<String> stream = gpt.generate(ROMEO, LONG);
    assertThat(engine.opened.get()).isZero();
    Iterator<String> pieces = stream.iterator();
    pieces.next();
    int first = engine.passes.get();
    pieces.next();
    pieces.next();
    assertThat(engine.passes.get()).isBetween(first + 1, 20);
    stream.close();
  }

  @Test
  void freesTheSessionAtTheEnd() {
    assertThat(gpt.generate(ROMEO, LONG)).isNotEmpty();
    assertThat(engine.opened.get()).isEqualTo(1);
    assertThat(engine.closed.get()).isEqualTo(1);
  }

  @Test
  void closingTheStreamFreesTheSessionAndEndsIt() {
    Stream<String> stream = gpt.generate(ROMEO, LONG);
    Iterator<String> pieces = stream.iterator();
    pieces.next();
    stream.close();
    assertThat(engine.closed.get()).isEqualTo(1);
    stream.close();
    assertThat(engine.closed.get()).isEqualTo(1);
    int passes = engine.passes.get();
    pieces.forEachRemaining(_ -> {});
    assertThat(engine.passes.get()).isEqualTo(passes);
  }

  @Test
  void aStreamThatIsNeverReadHasNoSession() {
    gpt.generate(ROMEO, LONG).close();
    assertThat(engine.opened.get()).isZero();
  }

  @Test
  void aPredicateEndsTheText() {
    var pieces = new AtomicInteger();
    GeneratedText text = gpt.generateText(ROMEO, LONG, _ -> pieces.incrementAndGet() < 3);
    assertThat(pieces.get()).isEqualTo(3);
    assertThat(text.stop()).isEqualTo(Stop.CANCELLED);
    assertThat(gpt.generateText(ROMEO, LONG).text()).startsWith(text.text());
    assertThat(engine.closed.get()).isEqualTo(2);
  }

  @Test
  void anInterruptEndsTheTextAndStays() {
    GeneratedText text =
        gpt.generateText(
            ROMEO,
            LONG,
            _ -> {
              Thread.currentThread().interrupt();
              return true;
            });
    assertThat(Thread.interrupted()).isTrue();
    assertThat(text.stop()).isEqualTo(Stop.CANCELLED);
    assertThat(text.ids().length).isBetween(1, 199);
    assertThat(engine.closed.get()).isEqualTo(1);
  }

  @Test
  void freesTheSessionOfATextThatFails() {
    engine.fails = true;
    assertThatThrownBy(() -> gpt.generateText(ROMEO, LONG)).hasMessage("no current");
    assertThat(engine.closed.get()).isEqualTo(1);
  }

  @Test
  void closingFailsTextsThatAreNotAtTheirEnd() {
    Iterator<String> pieces = gpt.generate(ROMEO, LONG).iterator();
    pieces.next();
    gpt.close();
    assertThatThrownBy(() -> pieces.forEachRemaining(_ -> {}))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the model " + Fixtures.TINY_SHAKESPEARE + " is closed");
    assertThat(engine.closed.get()).isEqualTo(1);
  }

  @Test
  void whoReadsMayClose() {
    assertThatThrownBy(
            () ->
                gpt.generateText(
                    ROMEO,
                    LONG,
                    _ -> {
                      gpt.close();
                      return true;
                    }))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageEndingWith("is closed");
  }

  @Test
  void isOfNoUseWhenClosed() {
    gpt.close();
    gpt.close();
    assertThat(engine.closes.get()).isEqualTo(1);
    for (Runnable use : List.<Runnable>of(() -> gpt.generate(ROMEO), () -> gpt.score(ROMEO))) {
      assertThatThrownBy(use::run)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageEndingWith("is closed");
    }
  }

  /** A pass is held up while another thread closes: the engine goes after it, not before. */
  @Test
  void closingWaitsForThePassThatIsRunning() throws Exception {
    engine.gate = new CountDownLatch(1);
    var failure =
        CompletableFuture.supplyAsync(() -> gpt.generateText(ROMEO, LONG))
            .handle((_, e) -> e.getCause());
    engine.inPass.await();
    Thread closing = Thread.ofPlatform().start(gpt::close);
    while (closing.isAlive() && closing.getState() != Thread.State.WAITING) {
      Thread.onSpinWait();
    }
    assertThat(engine.closes.get()).isZero();
    engine.gate.countDown();
    closing.join();
    assertThat(engine.closes.get()).isEqualTo(1);
    assertThat(engine.closedInPass).isFalse();
    assertThat(failure.get()).isInstanceOf(IllegalStateException.class);
  }

  /** The same for a stream that another thread closes. */
  @Test
  void closingAStreamFromAnotherThreadWaitsForItsPass() throws Exception {
    engine.gate = new CountDownLatch(1);
    Stream<String> stream = gpt.generate(ROMEO, LONG);
    Iterator<String> pieces = stream.iterator();
    CompletableFuture<Void> reading =
        CompletableFuture.runAsync(() -> pieces.forEachRemaining(_ -> {}));
    engine.inPass.await();
    Thread closing = Thread.ofPlatform().start(stream::close);
    while (closing.isAlive() && closing.getState() != Thread.State.BLOCKED) {
      Thread.onSpinWait();
    }
    assertThat(engine.closed.get()).isZero();
    engine.gate.countDown();
    closing.join();
    reading.get();
    assertThat(engine.closed.get()).isEqualTo(1);
    assertThat(engine.closedInPass).isFalse();
  }

  /** Counts what becomes of its sessions; a pass waits for the gate, if there is one. */
  private static final class CountingEngine implements Engine {
    final AtomicInteger opened = new AtomicInteger();
    final AtomicInteger closed = new AtomicInteger();
    final AtomicInteger closes = new AtomicInteger();
    final AtomicInteger passes = new AtomicInteger();
    final CountDownLatch inPass = new CountDownLatch(1);
    volatile CountDownLatch gate = new CountDownLatch(0);
    volatile boolean fails;
    volatile boolean closedInPass;
    private final AtomicInteger running = new AtomicInteger();
    private final FakeEngine engine;

    CountingEngine(FakeEngine engine) {
      this.engine = engine;
    }

    @Override
    public String name() {
      return "counting";
    }

    @Override
    public GptConfig config() {
      return engine.config();
    }

    @Override
    public Session newSession() {
      opened.incrementAndGet();
      return new CountingSession(engine.newSession());
    }

    @Override
    public void close() {
      closedInPass |= running.get() > 0;
      closes.incrementAndGet();
    }

    private void pass() {
      running.incrementAndGet();
      passes.incrementAndGet();
      inPass.countDown();
      try {
        gate.await();
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      } finally {
        running.decrementAndGet();
      }
      if (fails) {
        throw new IllegalStateException("no current");
      }
    }

    private final class CountingSession implements Session {
      private final Session session;

      CountingSession(Session session) {
        this.session = session;
      }

      @Override
      public int position() {
        return session.position();
      }

      @Override
      public float[] forward(int... ids) {
        pass();
        return session.forward(ids);
      }

      @Override
      public void forward(int[] ids, LogitsSink each) {
        pass();
        session.forward(ids, each);
      }

      @Override
      public void rewind(int position) {
        session.rewind(position);
      }

      @Override
      public void close() {
        closedInPass |= running.get() > 0;
        closed.incrementAndGet();
      }
    }
  }
}
