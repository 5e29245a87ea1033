package org.fastgpt.download;

import java.net.ProxySelector;
import java.net.URI;
import java.net.URISyntaxException;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;

/**
 * What the user's environment says about downloads.
 *
 * @param huggingFace {@code HF_ENDPOINT}: another server that speaks as huggingface.co does
 * @param token {@code HF_TOKEN}, sent to {@code huggingFace} only
 * @param openAi {@code FASTGPT_OPENAI_ENDPOINT}: another server with the files of OpenAI's
 * @param offline {@code HF_HUB_OFFLINE}: nothing is to be downloaded
 * @param stallLimit {@code FASTGPT_STALL_SECONDS}: after that long without a byte a connection is
 *     given up and made anew
 */
public record Settings(
    URI huggingFace,
    Optional<String> token,
    URI openAi,
    boolean offline,
    Duration stallLimit,
    ProxySelector proxies) {

  private static final Set<String> TRUE = Set.of("1", "ON", "YES", "TRUE"); // as huggingface_hub

  /** Java's system properties, and where there is none of that name, the environment. */
  public static Settings ofEnvironment() {
    return of(name -> System.getProperty(name, System.getenv(name)));
  }

  /**
   * From the values of variables.
   *
   * @param variables gives the value of a name, or null
   * @throws IllegalArgumentException one of them cannot be used
   */
  static Settings of(UnaryOperator<String> variables) {
    return new Settings(
        address(variables, "HF_ENDPOINT", "https://huggingface.co"),
        value(variables, "HF_TOKEN").map(Settings::checkedToken),
        address(
            variables,
            "FASTGPT_OPENAI_ENDPOINT",
            "https://openaipublic.blob.core.windows.net/gpt-2"),
        value(variables, "HF_HUB_OFFLINE")
            .map(v -> TRUE.contains(v.toUpperCase(Locale.ROOT)))
            .orElse(false),
        value(variables, "FASTGPT_STALL_SECONDS")
            .map(Settings::seconds)
            .orElse(Duration.ofSeconds(30)),
        Proxies.of(variables));
  }

  /** The same, with nothing to be downloaded. */
  public Settings withoutNetwork() {
    return new Settings(huggingFace, token, openAi, true, stallLimit, proxies);
  }

  private static Optional<String> value(UnaryOperator<String> variables, String name) {
    return Optional.ofNullable(variables.apply(name)).map(String::strip).filter(v -> !v.isEmpty());
  }

  private static URI address(UnaryOperator<String> variables, String name, String otherwise) {
    String text = value(variables, name).orElse(otherwise).replaceFirst("(?<=[^/:])/+$", "");
    try {
      URI address = new URI(text);
      if (address.getHost() != null && text.matches("(?i)https?://[^?#]+")) {
        return address;
      }
    } catch (URISyntaxException e) {
      throw badAddress(name, text, e);
    }
    throw badAddress(name, text, null);
  }

  private static IllegalArgumentException badAddress(String name, String text, Throwable cause) {
    return new IllegalArgumentException(
        name + " '" + text + "': an address such as https://huggingface.co expected", cause);
  }

  /** Without the value: it is a secret. */
  private static String checkedToken(String token) {
    if (!token.matches("[\\x21-\\x7e]+")) {
      throw new IllegalArgumentException("HF_TOKEN: letters and digits expected, others found");
    }
    return token;
  }

  private static Duration seconds(String text) {
    if (!text.matches("[1-9][0-9]{0,5}")) {
      throw new IllegalArgumentException(
          "FASTGPT_STALL_SECONDS '" + text + "': a number of seconds expected");
    }
    return Duration.ofSeconds(Long.parseLong(text));
  }
}
