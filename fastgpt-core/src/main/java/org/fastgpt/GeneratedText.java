package org.fastgpt;

import java.util.OptionalLong;
import org.fastgpt.Generator.Stop;

/**
 * A text that a prompt was continued by.
 *
 * @param text what is new, without any stop string. Of a text that was cancelled it is all that was
 *     given out by then
 * @param ids the new tokens; those of a stop string, and of what comes with it in one token, are
 *     among them
 * @param stop why there is no more
 * @param seed what the tokens were drawn by; empty if nothing was drawn
 */
public record GeneratedText(String text, int[] ids, Stop stop, OptionalLong seed) {}
