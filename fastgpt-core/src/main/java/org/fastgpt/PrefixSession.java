package org.fastgpt;

import java.util.Arrays;

/**
 * A session that takes in no token twice. A rewind only says where the next ids belong; of these,
 * those that the session still holds at their places are not processed again. So a text that begins
 * as the one before, as each turn of a chat does, costs its new ids alone; the last one is always
 * processed, for its logits. For one thread.
 */
public final class PrefixSession implements Session {

  private final Session session;
  private final GptConfig config;
  private final int[] ids; // those of [0, session.position()) are what the session holds
  private int position; // of this text: at most the session's

  /** Of a session that holds nothing yet; closing this closes it. */
  public PrefixSession(Session session, GptConfig config) {
    this.session = session;
    this.config = config;
    ids = new int[config.nCtx()];
  }

  @Override
  public int position() {
    return position;
  }

  @Override
  public float[] forward(int... more) {
    config.checkInput(more, position);
    int held = held(more);
    int[] fresh = Arrays.copyOfRange(more, held, more.length);
    session.rewind(position + held);
    System.arraycopy(more, 0, ids, position, more.length);
    float[] logits = session.forward(fresh);
    position += more.length;
    return logits;
  }

  /** Processes all ids, since the logits of all are asked for. */
  @Override
  public void forward(int[] more, LogitsSink each) {
    config.checkInput(more, position);
    session.rewind(position);
    System.arraycopy(more, 0, ids, position, more.length);
    session.forward(more, each);
    position += more.length;
  }

  /** How many ids, of all but the last, the session holds at their places. */
  private int held(int[] more) {
    int limit = Math.min(more.length - 1, session.position() - position);
    int difference = Arrays.mismatch(ids, position, position + limit, more, 0, limit);
    return difference < 0 ? limit : difference;
  }

  @Override
  public void rewind(int to) {
    GptConfig.checkRewind(to, position);
    position = to;
  }

  @Override
  public void close() {
    session.close();
  }
}
