/** The core engine: forward pass, KV cache, kernels, threads. */
package org.fastgpt.core;
