package org.fastgpt.conformance;

import java.util.Locale;

/**
 * Where an engine first leaves the exact computation by more than rounding explains.
 *
 * @param activation its name, such as {@code h.3.attn.softmax}
 * @param position the first position at which it is off
 * @param errorIn the relative error of the activation before it
 * @param error its own relative error, of which {@code error - errorIn} was added here
 * @param bound what rounding explains
 */
public record Divergence(
    String activation, int position, double errorIn, double error, double bound) {

  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "first divergence: %s at position %d, error %.2g where rounding explains %.2g (%.2g came"
            + " in)",
        activation,
        position,
        error,
        bound,
        errorIn);
  }
}
