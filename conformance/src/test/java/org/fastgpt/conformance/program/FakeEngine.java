package org.fastgpt.conformance.program;

import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * A program that speaks the protocol without a model of its own, and misbehaves on demand. Its
 * arguments: what it does at the first forward, n_vocab, n_ctx, what it can. Its ids are those of
 * ASCII; the logit of the id after the last one is 1, all others 0.
 */
final class FakeEngine {
  private FakeEngine() {}

  public static void main(String[] args) {
    String mode = args[0];
    int nVocab = Integer.parseInt(args[1]);
    int sessions = 0;
    System.err.println("ready \u001b[31mto\tgo");
    if (mode.equals("banner")) {
      System.out.println("Loading the model...");
    }
    String line;
    while ((line = IO.readln()) != null) {
      int[] ids = integers(line, "ids");
      String op = string(line, "op");
      System.out.println(
          switch (op) {
            case "open" ->
                "{\"name\": \"fake\", \"n_vocab\": %d, \"n_ctx\": %s, \"promises\": [], \"can\": [%s]}"
                    .formatted(
                        nVocab,
                        args[2],
                        Arrays.stream(args[3].split(","))
                            .map(word -> '"' + word + '"')
                            .collect(Collectors.joining(",")));
            case "new" -> "{\"session\": " + ++sessions + "}";
            case "forward" -> {
              int rows = line.contains("\"all\":true") ? ids.length : 1;
              yield IntStream.range(ids.length - rows, ids.length)
                  .mapToObj(t -> logits(mode, nVocab, ids[t]))
                  .collect(Collectors.joining("\n"));
            }
            case "encode" ->
                "{\"ids\": "
                    + Arrays.toString(string(line, "text").chars().map(c -> c - 32).toArray())
                    + "}";
            case "decode" -> {
              byte[] bytes = new byte[ids.length];
              for (int i = 0; i < ids.length; i++) {
                bytes[i] = (byte) (ids[i] + 32);
              }
              yield "{\"bytes\": \"" + Base64.getEncoder().encodeToString(bytes) + "\"}";
            }
            case "generate" -> "{\"ids\": [[1, 2], [3, 4]]}";
            default -> "{}";
          });
      System.out.flush();
      if (mode.equals("deaf")) {
        sleep();
      }
    }
    if (mode.equals("stays")) {
      sleep();
    }
  }

  private static String logits(String mode, int nVocab, int id) {
    switch (mode) {
      case "dies" -> {
        System.err.println("no memory left");
        System.exit(3);
      }
      case "hangs" -> sleep();
      case "closes" -> {
        System.out.close();
        sleep();
      }
      default -> {}
    }
    List<String> row =
        IntStream.range(0, nVocab)
            .mapToObj(i -> i == id + 1 ? "1" : "0.0")
            .collect(Collectors.toList());
    return switch (mode) {
      case "garbage" -> "Segmentation fault";
      case "array" -> row.toString();
      case "two" -> "{\"logits\": " + row + "} {}";
      case "short" -> "{\"logits\": " + row.subList(1, nVocab) + "}";
      case "nan" -> "{\"logits\": " + row.toString().replaceFirst("0.0", "NaN") + "}";
      case "null" -> "{\"logits\": " + row.toString().replaceFirst("0.0", "null") + "}";
      case "infinite" -> "{\"logits\": " + row.toString().replaceFirst("0.0", "1e99") + "}";
      case "packed-nan" -> "{\"logits_f32\": \"" + packed(new byte[4 * nVocab]) + "\"}";
      case "packed-short" -> "{\"logits_f32\": \"AAAA\"}";
      case "not-base64" -> "{\"logits_f32\": \"&\"}";
      case "endless" -> "\"" + "x".repeat(1 << 20) + "\"";
      case "argument", "state", "model", "internal", "other" ->
          "{\"error\": \"no\\n%s\", \"kind\": \"%s\"}".formatted(mode, mode);
      case "activation", "shape" ->
          "{\"activation\": \"embd\", \"position\": 0, \"shape\": [%d], \"values\": [1]}"
              .formatted(mode.equals("shape") ? -1 : 1);
      case "late-error" ->
          "{\"logits\": " + row + "}\n{\"error\": \"late\", \"kind\": \"internal\"}";
      default -> "{\"logits\": " + row + "}";
    };
  }

  private static String packed(byte[] zeros) {
    zeros[7] = 0x7f; // the second number is 0x7fc00000, NaN
    zeros[6] = (byte) 0xc0;
    return Base64.getEncoder().encodeToString(zeros);
  }

  private static void sleep() {
    try {
      Thread.sleep(600_000);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static int[] integers(String request, String key) {
    Matcher m = Pattern.compile("\"" + key + "\":\\[([0-9, -]+)]").matcher(request);
    return m.find()
        ? Arrays.stream(m.group(1).split(",")).mapToInt(Integer::parseInt).toArray()
        : new int[0];
  }

  private static String string(String request, String key) {
    Matcher m = Pattern.compile("\"" + key + "\":\"([^\"]*)\"").matcher(request);
    return m.find() ? m.group(1) : "";
  }
}
