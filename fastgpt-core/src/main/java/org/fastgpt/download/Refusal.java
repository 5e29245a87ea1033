package org.fastgpt.download;

import java.io.IOException;
import java.net.URI;
import org.fastgpt.model.ModelException;

/** What a server's refusal means for the user, in one line. */
final class Refusal {
  private Refusal() {}

  /**
   * Throws what the user has to mend as {@link ModelException}; returns what else it is.
   *
   * @param asked the address that was asked for; the one that answered may carry a signature
   */
  static IOException of(Http.Answer answer, URI asked) {
    String code = answer.headerOnTheWay("X-Error-Code").orElse("");
    String why =
        switch (code) {
          case "RepoNotFound" -> "no such repository, or one that needs a token: then set HF_TOKEN";
          case "GatedRepo" ->
              "the repository is gated: accept its terms on its page, and set HF_TOKEN to a token"
                  + " of yours";
          case "RevisionNotFound" -> "no such revision";
          default -> null;
        };
    if (why == null) {
      why =
          switch (answer.status()) {
            case 401 -> "no such repository, or one that needs a token: then set HF_TOKEN";
            case 403 -> "access refused; a token of yours in HF_TOKEN may help";
            case 404 -> "not found";
            case 407 ->
                "the proxy wants user and password: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT";
            default -> null;
          };
    }
    if (why != null) {
      throw new ModelException(asked + ": " + why + " (" + answer.status() + ")");
    }
    return new DownloadException(asked + ": unexpected answer " + answer.status());
  }
}
