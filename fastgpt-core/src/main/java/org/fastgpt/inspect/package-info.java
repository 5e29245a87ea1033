/**
 * Looks inside a model while it reads a text, over any engine that shows its activations: what it
 * expected, what each block would say, where each head looks. See {@link
 * org.fastgpt.inspect.Inspector}.
 */
package org.fastgpt.inspect;
