/**
 * The reference that anyone can read: GPT-2 as picoGPT writes it, in ND4J's {@code INDArray}
 * operations, found as engine {@code nd4j}. Start with {@link org.fastgpt.nd4j.Gpt2}.
 */
package org.fastgpt.nd4j;
