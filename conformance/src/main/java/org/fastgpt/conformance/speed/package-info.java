/**
 * How fast the engines are, side by side: fresh processes, one after the other in turn, ids checked
 * before any time is shown.
 */
package org.fastgpt.conformance.speed;
