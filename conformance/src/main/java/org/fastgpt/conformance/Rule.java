package org.fastgpt.conformance;

import java.util.Optional;
import org.fastgpt.Promise;

/** What every engine is held to, by number. */
public enum Rule {
  C01("tokenizer ids are exact"),
  C02("bytes survive encoding and decoding"),
  C03("every parameter is there, with its shape and bits"),
  C04("the embedding is wte[id] + wpe[position]"),
  C05("every activation, by name"),
  C06("logits at all positions"),
  C07("one prefill of n tokens equals n decode steps"),
  C08("any chunks equal the whole"),
  C09("sessions do not disturb each other, interleaved or concurrent"),
  C10("the same input twice gives the same bits"),
  C11("a later token never changes earlier logits"),
  C12("greedy ids are exact"),
  C13("with cache equals without"),
  C14("rewound equals fresh"),
  C15("bad input gets the promised exception and message"),
  C16("the bits do not depend on threads or kernels", Promise.SAME_BITS_HOWEVER_RUN),
  C17("the whole context: n_ctx tokens"),
  C18("perplexity of a text"),
  C19("a row of a padded batch equals the prompt alone");

  private final String title;
  private final Optional<Promise> promise;

  Rule(String title) {
    this.title = title;
    this.promise = Optional.empty();
  }

  Rule(String title, Promise promise) {
    this.title = title;
    this.promise = Optional.of(promise);
  }

  /** What is demanded, in a few words. */
  public String title() {
    return title;
  }

  /** The promise without which the rule does not bind. */
  public Optional<Promise> promise() {
    return promise;
  }
}
