/** Talk with a model that only continues texts: the text is a dialogue. */
package org.fastgpt.chat;
