package org.fastgpt.download;

import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.fastgpt.model.Models;

/** Who publishes models. */
public enum Source {
  /** Any repository of huggingface.co, in HuggingFace's layout. */
  HUGGINGFACE,
  /** The four sizes of GPT-2 as OpenAI published them. */
  OPENAI,
  /** fastGPT's own files, one for each model; so far of the two smaller sizes. */
  FASTGPT;

  private static final String FASTGPT_REPOSITORY = "certik/fastGPT";
  private static final List<String> FASTGPT_SIZES = List.of("124M", "355M");

  private static final List<String> OPENAI_FILES =
      List.of(
          "checkpoint",
          "hparams.json",
          "encoder.json",
          "vocab.bpe",
          "model.ckpt.index",
          "model.ckpt.meta",
          "model.ckpt.data-00000-of-00001");

  /** The vocabulary is the same for all sizes. */
  private static final Map<String, Checksum> OPENAI_CHECKSUMS =
      Map.of(
          "encoder.json",
          new Checksum(
              Checksum.Kind.SHA256,
              "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783"),
          "vocab.bpe",
          new Checksum(
              Checksum.Kind.SHA256,
              "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5"));

  /**
   * By its name in lower case.
   *
   * @throws IllegalArgumentException there is none of that name
   */
  public static Source named(String name) {
    return Arrays.stream(values())
        .filter(source -> source.toString().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "source '"
                        + name
                        + "' is unknown; there are: "
                        + Arrays.stream(values())
                            .map(Source::toString)
                            .collect(Collectors.joining(", "))));
  }

  /** The name that users give it. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Where a model's page is, without "https://". */
  String place(String name, Settings settings) {
    return switch (this) {
      case HUGGINGFACE -> place(settings.huggingFace(), repository(name));
      case OPENAI -> place(settings.openAi(), "models/" + name);
      case FASTGPT -> place(settings.huggingFace(), FASTGPT_REPOSITORY);
    };
  }

  private static String place(URI server, String path) {
    return server.toString().replaceFirst("^[a-zA-Z]+://", "") + "/" + path;
  }

  /** The files of a model, of one revision, those that are soon there and say much first. */
  List<RemoteFile> files(
      String name, String revision, Settings settings, Http http, Retries retries)
      throws IOException {
    var hub = new Hub(settings.huggingFace(), http, retries);
    return switch (this) {
      case HUGGINGFACE -> hub.model(repository(name), revision);
      case FASTGPT -> {
        refuseOthers(name, FASTGPT_SIZES);
        String file = "model_fastgpt_" + name + "_v2.gguf";
        yield List.of(hub.require(FASTGPT_REPOSITORY, revision, file).file());
      }
      case OPENAI -> {
        refuseOthers(name, Models.sizes());
        refuseRevision(revision);
        yield openAi(name, settings.openAi(), http, retries);
      }
    };
  }

  /** HuggingFace's name for it: that of GPT-2's sizes is openai-community/gpt2 and the like. */
  private static String repository(String name) {
    return Models.names(name).getLast();
  }

  private void refuseOthers(String name, List<String> names) {
    if (!names.contains(name)) {
      throw new IllegalArgumentException(
          this + " has no model '" + name + "', but " + String.join(", ", names));
    }
  }

  private void refuseRevision(String revision) {
    if (!revision.equals(Hub.MAIN)) {
      throw new IllegalArgumentException(this + " has no revisions, but one of each model");
    }
  }

  private static List<RemoteFile> openAi(String name, URI server, Http http, Retries retries)
      throws IOException {
    var files = new ArrayList<RemoteFile>();
    for (String file : OPENAI_FILES) {
      URI address = URI.create(server + "/models/" + name + "/" + file);
      try (Http.Answer answer = retries.run(() -> http.head(address))) {
        if (answer.status() != 200) {
          throw Refusal.of(answer, address);
        }
        files.add(
            new RemoteFile(
                file,
                address,
                answer.length(),
                answer.header("ETag").orElse(""),
                Optional.ofNullable(OPENAI_CHECKSUMS.get(file)).or(() -> md5(answer))));
      }
    }
    return files;
  }

  /** Azure's storage says it of every file that was uploaded in one piece. */
  private static Optional<Checksum> md5(Http.Answer answer) {
    return answer
        .header("Content-MD5")
        .filter(text -> text.matches("[A-Za-z0-9+/]{22}=="))
        .map(text -> HexFormat.of().formatHex(Base64.getDecoder().decode(text)))
        .map(hex -> new Checksum(Checksum.Kind.MD5, hex));
  }
}
