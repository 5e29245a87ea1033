/**
 * GPT-2 on the JVM. Begin at {@link org.fastgpt.FastGpt}, which continues texts:
 *
 * {@snippet file="org/fastgpt/examples/ExamplesTest.java" region="generate"}
 *
 * <p>Below it, each usable by itself: a {@link org.fastgpt.model.Model} is opened by an {@link
 * org.fastgpt.EngineProvider}; its {@link org.fastgpt.Engine} has a {@link org.fastgpt.Session} for
 * each sequence, which turns ids into logits; {@link org.fastgpt.Generator} continues one sequence,
 * {@link org.fastgpt.BatchRunner} many at a time, {@link org.fastgpt.Scorer} reads given text; a
 * {@link org.fastgpt.Chooser} such as {@link org.fastgpt.sampling.Sampler} makes a token of logits.
 *
 * <p>The core engine is fast with the Vector API only: start java with {@code --add-modules
 * jdk.incubator.vector}, or have this module on the module path, which asks for it.
 */
package org.fastgpt;
