package org.fastgpt.cli;

/**
 * Ctrl-C: the running generation is asked to stop, and the JVM waits until it has said its last
 * word, so that no output is cut in the middle.
 */
final class Interrupt implements AutoCloseable {

  private static final long PATIENCE_MILLIS = 3_000;

  private static volatile boolean happened;

  private final Thread working = Thread.currentThread();
  private final Thread hook =
      Thread.ofPlatform()
          .unstarted(
              () -> {
                happened = true;
                try {
                  working.join(PATIENCE_MILLIS);
                } catch (InterruptedException e) {
                  Thread.currentThread().interrupt();
                }
              });

  Interrupt() {
    Runtime.getRuntime().addShutdownHook(hook);
  }

  /** Whether the user wants no more. */
  static boolean happened() {
    return happened;
  }

  @Override
  public void close() {
    if (!happened) {
      Runtime.getRuntime().removeShutdownHook(hook);
    }
  }
}
