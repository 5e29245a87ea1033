/**
 * The core engine. Start at {@link org.fastgpt.core.Gpt2}, the forward pass; its arithmetic is in
 * {@link org.fastgpt.core.Kernels}, whose plain definition is {@link
 * org.fastgpt.core.ScalarKernels}.
 */
package org.fastgpt.core;
