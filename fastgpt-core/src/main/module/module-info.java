/**
 * GPT-2 on the JVM. Begin at {@link org.fastgpt.FastGpt}.
 *
 * <p>Not compiled with the rest, and only put into the jar: what is built and tested here runs on
 * the class path, where modules play no part.
 */
module org.fastgpt.core {
  requires com.fasterxml.jackson.core;
  requires com.fasterxml.jackson.jr.ob;
  requires info.picocli;
  requires java.net.http;
  requires jdk.incubator.vector;
  requires me.tongfei.progressbar;
  requires org.jline.reader;
  requires org.jline.terminal;

  exports org.fastgpt;
  exports org.fastgpt.chat;
  exports org.fastgpt.cli;
  exports org.fastgpt.core;
  exports org.fastgpt.download;
  exports org.fastgpt.inspect;
  exports org.fastgpt.model;
  exports org.fastgpt.sampling;
  exports org.fastgpt.tokenizer;

  opens org.fastgpt.cli to
      info.picocli;

  uses org.fastgpt.EngineProvider;
  uses org.fastgpt.cli.ExtraCommand;
  uses org.fastgpt.model.ModelWriter;

  provides org.fastgpt.EngineProvider with
      org.fastgpt.core.CoreProvider;
}
