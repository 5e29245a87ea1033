package org.fastgpt.djl;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * Writes a tree of modules as PyTorch's {@code data.pkl}: Python's pickle, protocol 2. Opcodes as
 * in CPython's {@code Lib/pickle.py}; the shape of a module and of a tensor as in PyTorch's {@code
 * torch/csrc/jit/serialization/pickler.cpp}.
 */
final class ScriptPickle {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final Function<String, List<Integer>> shapes;
  private final List<String> weights = new ArrayList<>();

  /**
   * @param shapes the shape of each weight, by name
   */
  ScriptPickle(Gpt2Script.Node root, Function<String, List<Integer>> shapes) {
    this.shapes = shapes;
    out.write(0x80); // PROTO
    out.write(2);
    value(root);
    out.write('.'); // STOP
  }

  byte[] bytes() {
    return out.toByteArray();
  }

  /** The weights in the order of their storage keys: number n lies in {@code data/n}. */
  List<String> weights() {
    return weights;
  }

  private void value(Object value) {
    switch (value) {
      case Gpt2Script.Node node -> module(node);
      case Gpt2Script.Weight weight -> sharedTensor(weight.name());
      case Boolean b -> out.write(b ? 0x88 : 0x89); // NEWTRUE, NEWFALSE
      case Integer i -> integer(i);
      case Double d -> {
        out.write('G'); // BINFLOAT, the one big-endian number in a pickle
        out.writeBytes(ByteBuffer.allocate(8).putDouble(d).array());
      }
      case String s -> {
        byte[] utf8 = s.getBytes(StandardCharsets.UTF_8);
        out.write('X'); // BINUNICODE
        littleEndian(utf8.length);
        out.writeBytes(utf8);
      }
      default -> throw new IllegalArgumentException("cannot pickle " + value);
    }
  }

  /** An object of class {@code __torch__.type}, made without its constructor. */
  private void module(Gpt2Script.Node node) {
    global("__torch__", node.type());
    out.write(')'); // EMPTY_TUPLE
    out.write(0x81); // NEWOBJ
    out.write('}'); // EMPTY_DICT
    out.write('('); // MARK
    for (Map.Entry<String, Object> attribute : node.attributes().entrySet()) {
      value(attribute.getKey());
      value(attribute.getValue());
    }
    out.write('u'); // SETITEMS
    out.write('b'); // BUILD
  }

  /**
   * The tensor, or at its second occurrence the first one again: one object, through the pickle's
   * memo. PyTorch counts a tied head once only if it is the same object; the same storage is not
   * enough.
   */
  private void sharedTensor(String name) {
    int memo = weights.indexOf(name);
    if (memo >= 0) {
      out.write('j'); // LONG_BINGET
      littleEndian(memo);
      return;
    }
    tensor(name, weights.size());
    out.write('r'); // LONG_BINPUT
    littleEndian(weights.size());
    weights.add(name);
  }

  /** {@code _rebuild_tensor_v2(storage, offset 0, size, stride, requires_grad, hooks)}. */
  private void tensor(String name, int key) {
    List<Integer> shape = shapes.apply(name);
    int[] stride = new int[shape.size()];
    int elements = 1;
    for (int d = stride.length - 1; d >= 0; d--) {
      stride[d] = elements;
      elements = Math.multiplyExact(elements, shape.get(d));
    }
    global("torch._utils", "_rebuild_tensor_v2");
    out.write('(');
    storage(key, elements);
    integer(0);
    out.write('(');
    shape.forEach(this::integer);
    out.write('t'); // TUPLE
    out.write('(');
    for (int s : stride) {
      integer(s);
    }
    out.write('t');
    value(false);
    global("collections", "OrderedDict");
    out.write(')');
    out.write('R'); // REDUCE
    out.write('t');
    out.write('R');
  }

  private void storage(int key, int elements) {
    out.write('(');
    value("storage");
    global("torch", "FloatStorage");
    value(Integer.toString(key));
    value("cpu");
    integer(elements);
    out.write('t');
    out.write('Q'); // BINPERSID
  }

  private void global(String module, String name) {
    out.writeBytes(("c" + module + "\n" + name + "\n").getBytes(StandardCharsets.US_ASCII));
  }

  private void integer(int value) {
    out.write('J'); // BININT
    littleEndian(value);
  }

  private void littleEndian(int value) {
    out.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array());
  }
}
