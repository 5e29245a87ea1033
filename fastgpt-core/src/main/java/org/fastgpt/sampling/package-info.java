/**
 * How the next token is chosen where it is not simply the likeliest: sampling, penalties, beam
 * search, contrastive search. By HuggingFace's rules, in HuggingFace's order, over any engine; all
 * sums in double and in a defined order, so that a seed gives the same text on every machine.
 */
package org.fastgpt.sampling;
