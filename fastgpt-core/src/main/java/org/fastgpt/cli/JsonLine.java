package org.fastgpt.cli;

import java.math.BigInteger;
import java.util.List;
import java.util.Map;

/**
 * The JSON object of a line, its values by name. A value that is not there, or null, is {@code
 * otherwise}; one of another kind is an {@link IllegalArgumentException} that says so.
 */
record JsonLine(Map<String, Object> values) {

  private static final int LONGEST_SHOWN = 60;

  boolean has(String name) {
    return values.get(name) != null;
  }

  Double number(String name, Double otherwise) {
    return switch (values.get(name)) {
      case null -> otherwise;
      case Number number -> number.doubleValue();
      case Object other -> throw wrong(name, other, "a number");
    };
  }

  Integer integer(String name, Integer otherwise) {
    return switch (values.get(name)) {
      case null -> otherwise;
      case Object value -> integer(name, value);
    };
  }

  Long whole(String name, Long otherwise) {
    return switch (values.get(name)) {
      case null -> otherwise;
      case Integer i -> i.longValue();
      case Long l -> l;
      case BigInteger tooLarge -> throw wrong(name, tooLarge, "a number below 2^63");
      case Object other -> throw wrong(name, other, "a whole number");
    };
  }

  Boolean flag(String name, Boolean otherwise) {
    return switch (values.get(name)) {
      case null -> otherwise;
      case Boolean flag -> flag;
      case Object other -> throw wrong(name, other, "true or false");
    };
  }

  String text(String name) {
    return switch (values.get(name)) {
      case String text -> text;
      case null -> throw new IllegalArgumentException("'" + name + "': a text expected");
      case Object other -> throw wrong(name, other, "a text");
    };
  }

  /** One text, or a list of them. */
  List<String> texts(String name, List<String> otherwise) {
    return switch (values.get(name)) {
      case null -> otherwise;
      case String text -> List.of(text);
      case List<?> list when list.stream().allMatch(String.class::isInstance) ->
          list.stream().map(String.class::cast).toList();
      case Object other -> throw wrong(name, other, "a text, or a list of texts,");
    };
  }

  int[] ids(String name) {
    if (values.get(name) instanceof List<?> list) {
      return list.stream().mapToInt(id -> integer(name, id)).toArray();
    }
    throw wrong(name, values.get(name), "a list of token ids");
  }

  private static int integer(String name, Object value) {
    if (value instanceof Integer i) {
      return i;
    }
    throw wrong(name, value, "a whole number");
  }

  private static IllegalArgumentException wrong(String name, Object found, String expected) {
    String shown = String.valueOf(found).replaceAll("\\p{Cntrl}+", " ");
    String start =
        shown.length() <= LONGEST_SHOWN ? shown : shown.substring(0, LONGEST_SHOWN) + "...";
    return new IllegalArgumentException(
        "'" + name + "': " + expected + " expected, " + start + " found");
  }
}
