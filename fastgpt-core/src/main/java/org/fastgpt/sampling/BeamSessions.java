package org.fastgpt.sampling;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.fastgpt.Engine;
import org.fastgpt.Forkable;
import org.fastgpt.Session;

/**
 * The sessions of a beam search, one per beam. When beams change places, a beam goes on in its
 * parent's session; if several have the same parent, the others fork it where the engine can, or
 * take a session that is free and process again what that does not hold.
 */
final class BeamSessions implements AutoCloseable {

  /** A session and the ids that it holds. */
  private static final class Slot {
    private final Session session;
    private int[] ids;

    Slot(Session session, int[] ids) {
      this.session = session;
      this.ids = ids;
    }

    /** Number of the first ids that need not be processed again. */
    int common(int[] wanted) {
      int differ = Arrays.mismatch(ids, wanted);
      return Math.min(differ < 0 ? ids.length : differ, wanted.length - 1);
    }

    float[] logits(int[] wanted) {
      int common = common(wanted);
      session.rewind(common);
      ids = wanted;
      return session.forward(Arrays.copyOfRange(wanted, common, wanted.length));
    }
  }

  private final Engine engine;
  private List<Slot> slots = new ArrayList<>();
  private final List<Slot> free = new ArrayList<>();

  BeamSessions(Engine engine) {
    this.engine = engine;
    slots.add(new Slot(engine.newSession(), new int[0]));
  }

  /** The logits that follow {@code ids}, the whole text of that beam. */
  float[] logits(int beam, int[] ids) {
    return slots.get(beam).logits(ids);
  }

  /** New beam i is to go on from old beam {@code parents[i]}, with the text {@code ids[i]}. */
  void reorder(int[] parents, int[][] ids) {
    var next = new Slot[parents.length];
    var taken = new boolean[slots.size()];
    for (int i = 0; i < next.length; i++) {
      if (!taken[parents[i]]) {
        taken[parents[i]] = true;
        next[i] = slots.get(parents[i]);
      }
    }
    for (int p = 0; p < taken.length; p++) {
      if (!taken[p]) {
        free.add(slots.get(p));
      }
    }
    for (int i = 0; i < next.length; i++) {
      if (next[i] == null) {
        next[i] = another(slots.get(parents[i]), ids[i]);
      }
    }
    slots = List.of(next);
  }

  /** A session for {@code ids} beside the one of its parent. */
  private Slot another(Slot parent, int[] ids) {
    if (parent.session instanceof Forkable forkable) {
      free.forEach(slot -> slot.session.close());
      free.clear();
      return new Slot(forkable.fork(), parent.ids);
    }
    if (free.isEmpty()) {
      return new Slot(engine.newSession(), new int[0]);
    }
    Slot best = free.getFirst();
    for (Slot slot : free) {
      best = slot.common(ids) > best.common(ids) ? slot : best;
    }
    free.remove(best);
    return best;
  }

  @Override
  public void close() {
    slots.forEach(slot -> slot.session.close());
    free.forEach(slot -> slot.session.close());
  }
}
