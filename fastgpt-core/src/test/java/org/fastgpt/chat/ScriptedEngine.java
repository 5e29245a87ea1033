package org.fastgpt.chat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.fastgpt.Engine;
import org.fastgpt.GptConfig;
import org.fastgpt.Session;
import org.fastgpt.tokenizer.Tokenizer;

/** An engine that gives known answers, in known tokens, to the questions of a chat. */
public final class ScriptedEngine implements Engine {

  private final Tokenizer tokenizer;
  private final GptConfig config;
  private final Map<String, int[]> answers = new HashMap<>();
  private final List<String> seen = new ArrayList<>();
  private int processed;

  /** Its answers are empty until there are others. */
  public ScriptedEngine(Tokenizer tokenizer, int nCtx) {
    this.tokenizer = tokenizer;
    config = GptConfig.gpt2(tokenizer.size(), nCtx, 4, 1, 1);
  }

  /** Answers a question by these pieces, each encoded by itself, then by end-of-text. */
  public ScriptedEngine answer(String question, String... pieces) {
    answers.put(
        question,
        Arrays.stream(pieces).flatMapToInt(p -> Arrays.stream(tokenizer.encode(p))).toArray());
    return this;
  }

  /** How many ids were processed. */
  public int processed() {
    return processed;
  }

  /** The whole text of which the model saw the last token at that pass, the newest last. */
  public List<String> seen() {
    return seen;
  }

  @Override
  public String name() {
    return "scripted";
  }

  @Override
  public GptConfig config() {
    return config;
  }

  @Override
  public Session newSession() {
    return new Scripted();
  }

  @Override
  public void close() {}

  private final class Scripted implements Session {
    private final int[] ids = new int[config.nCtx()];
    private int position;

    @Override
    public int position() {
      return position;
    }

    @Override
    public float[] forward(int... more) {
      config.checkInput(more, position);
      System.arraycopy(more, 0, ids, position, more.length);
      position += more.length;
      processed += more.length;
      seen.add(text(position));
      var logits = new float[config.nVocab()];
      logits[next()] = 1;
      return logits;
    }

    private String text(int end) {
      return tokenizer.decode(Arrays.copyOf(ids, end));
    }

    /** The answer's token that follows those that are there since the bot was to speak. */
    private int next() {
      int begin = position;
      while (!text(begin).endsWith("\nfastGPT:")) {
        begin--;
      }
      String text = text(begin);
      String question = text.substring(text.lastIndexOf("User: ") + 6, text.lastIndexOf('\n'));
      int[] answer = answers.getOrDefault(question, new int[0]);
      return position - begin < answer.length ? answer[position - begin] : config.eosTokenId();
    }

    @Override
    public void forward(int[] more, LogitsSink each) {
      throw new UnsupportedOperationException("a chat asks for the last logits only");
    }

    @Override
    public void rewind(int to) {
      GptConfig.checkRewind(to, position);
      position = to;
    }

    @Override
    public void close() {}
  }
}
