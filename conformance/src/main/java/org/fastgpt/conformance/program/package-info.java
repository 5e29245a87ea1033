/**
 * Engines that are programs: in any language, spoken to in JSON lines. The protocol is in
 * conformance/ENGINE-PROTOCOL.md.
 */
package org.fastgpt.conformance.program;
