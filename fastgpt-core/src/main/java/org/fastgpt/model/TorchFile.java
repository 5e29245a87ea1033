package org.fastgpt.model;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.fastgpt.model.Pickle.Name;
import org.fastgpt.model.Pickle.Tuple;
import org.fastgpt.model.StoredTensor.DType;
import org.fastgpt.model.TorchTensor.Storage;

/**
 * Reads what PyTorch's {@code torch.save} wrote: a {@link Pickle} that refers to storages, and
 * these. Since 1.6 that is a zip file of entries NAME/data.pkl and NAME/data/KEY, stored as they
 * are; before, of four pickles (a magic number, the version of the format, the system, the value),
 * a fifth with the keys, and the storages in their order, each after its number of elements. The
 * second is how the hub still has GPT-2. After {@code torch/serialization.py}.
 */
final class TorchFile implements Pickle.Names {
  private static final BigInteger MAGIC = new BigInteger("1950a86a20f9469cfc6c", 16);
  private static final Long LEGACY_VERSION = 1001L;

  /** So long that every message has room for it, and for the file's. */
  private static final int MAX_NAME = 200;

  /** The magic number, pickled by protocol 2. */
  private static final byte[] LEGACY_START = {
    (byte) 0x80,
    2,
    (byte) 0x8a,
    10,
    0x6c,
    (byte) 0xfc,
    (byte) 0x9c,
    0x46,
    (byte) 0xf9,
    0x20,
    0x6a,
    (byte) 0xa8,
    0x50,
    0x19,
    '.'
  };

  private static final String DICT = "collections.OrderedDict";
  private static final String TENSOR = "torch._utils._rebuild_tensor_v2";
  private static final String PARAMETER = "torch._utils._rebuild_parameter";
  private static final Set<String> FUNCTIONS = Set.of(DICT, TENSOR, PARAMETER);

  private static final Map<String, DType> STORAGES =
      Map.of(
          "torch.FloatStorage", DType.F32,
          "torch.HalfStorage", DType.F16,
          "torch.BFloat16Storage", DType.BF16,
          "torch.DoubleStorage", DType.F64,
          "torch.LongStorage", DType.I64,
          "torch.IntStorage", DType.I32,
          "torch.ShortStorage", DType.I16,
          "torch.CharStorage", DType.I8,
          "torch.ByteStorage", DType.U8,
          "torch.BoolStorage", DType.BOOL);

  private final Path file;
  private final Arena arena;
  private final MemorySegment all;
  private final Map<String, Storage> storages = new LinkedHashMap<>();
  private final Map<String, MemorySegment> bytes = new HashMap<>(); // of each storage
  private final Object root;
  private long copied;

  private TorchFile(Path file, Arena arena) {
    this.file = file;
    this.arena = arena;
    this.all = ModelFile.map(file, arena);
    if (StoredZip.begins(all)) {
      root = readZip();
    } else if (beginsAsLegacy(all)) {
      root = readLegacy();
    } else {
      throw bad("a file of PyTorch's torch.save expected, another or a damaged one found");
    }
  }

  /**
   * Reads the file; the storages stay where they are, mapped for as long as {@code arena} is open.
   *
   * @throws ModelException it is damaged, would run code, or is not for this machine's byte order
   */
  static TorchFile read(Path file, Arena arena) {
    return new TorchFile(file, arena);
  }

  /** Whether a file that begins so may be one. */
  static boolean begins(MemorySegment start) {
    return StoredZip.begins(start) || beginsAsLegacy(start);
  }

  private static boolean beginsAsLegacy(MemorySegment start) {
    int n = LEGACY_START.length;
    return start.byteSize() >= n
        && start.asSlice(0, n).mismatch(MemorySegment.ofArray(LEGACY_START)) < 0;
  }

  /** What was saved. Whatever is a tensor in it, is a {@link TorchTensor}. */
  Object root() {
    return root;
  }

  /**
   * The tensors of a state dict by name.
   *
   * @throws ModelException it is not a dict of tensors
   */
  Map<String, TorchTensor> tensors(Object stateDict) {
    if (!(stateDict instanceof Map<?, ?> map)) {
      throw bad("a dict of tensors expected, another value found");
    }
    var tensors = new LinkedHashMap<String, TorchTensor>();
    map.forEach(
        (name, value) -> {
          if (!(name instanceof String s) || !(value instanceof TorchTensor tensor)) {
            throw bad(name + ": a tensor expected, another value found");
          }
          if (s.length() > MAX_NAME) {
            throw bad("a tensor's name of " + s.length() + " characters");
          }
          tensors.put(s, tensor);
        });
    return tensors;
  }

  /**
   * The tensor's elements one after the other: in place if they are so in the file, else a copy.
   *
   * @throws ModelException all copies together would be larger than the file, as those of tensors
   *     that share a storage may be
   */
  StoredTensor stored(String name, TorchTensor tensor) {
    DType dtype = tensor.storage().dtype();
    MemorySegment from = bytes.get(tensor.storage().key());
    if (tensor.isContiguous()) {
      long start = tensor.bytes() == 0 ? 0 : tensor.offset() * dtype.bytes();
      return new StoredTensor(name, dtype, tensor.shape(), from.asSlice(start, tensor.bytes()));
    }
    reserve(name, tensor.bytes());
    TorchTensor turned = tensor.transposed();
    boolean fast = tensor.shape().size() == 2 && (dtype.bytes() == 2 || dtype.bytes() == 4);
    if (fast && turned.isContiguous()) {
      return Transposed.of(stored(name, turned), arena);
    }
    MemorySegment to = arena.allocate(tensor.bytes(), 64);
    tensor.copy(from, to);
    return new StoredTensor(name, dtype, tensor.shape(), to.asReadOnly());
  }

  /** Zeros in the place of a tensor that the file leaves out. */
  StoredTensor zeros(String name, int elements) {
    reserve(name, 4L * elements);
    MemorySegment zeros = arena.allocate(4L * elements, 64);
    return new StoredTensor(name, DType.F32, List.of(elements), zeros.asReadOnly());
  }

  private void reserve(String name, long bytes) {
    copied += bytes;
    if (copied > all.byteSize()) {
      throw bad(name + ": the tensors, each for itself, are larger than the file; refused");
    }
  }

  private Object readZip() {
    Map<String, MemorySegment> entries = StoredZip.entries(all, file.toString());
    String pickle =
        entries.keySet().stream()
            .filter(name -> name.matches("[^/]+/data\\.pkl"))
            .findFirst()
            .orElseThrow(() -> bad("no entry data.pkl: not a file of PyTorch's torch.save"));
    String folder = pickle.substring(0, pickle.length() - "data.pkl".length());
    if (entries.containsKey(folder + "constants.pkl")) {
      throw bad("a checkpoint of weights expected, a TorchScript program found");
    }
    MemorySegment order = entries.get(folder + "byteorder"); // absent before PyTorch 2.1
    if (order != null && order.mismatch(utf8("little")) >= 0) {
      throw bad("byteorder little expected, another found");
    }
    Object value = new Pickle(entries.get(pickle), file + ": " + pickle, this).read();
    for (Storage storage : storages.values()) {
      MemorySegment data = entries.get(folder + "data/" + storage.key());
      long found = data == null ? 0 : data.byteSize();
      if (data == null || found != storage.bytes()) {
        throw bad(
            "storage %s: %d bytes expected, %d found"
                .formatted(storage.key(), storage.bytes(), found));
      }
      bytes.put(storage.key(), data);
    }
    return value;
  }

  private static MemorySegment utf8(String text) {
    return MemorySegment.ofArray(text.getBytes(StandardCharsets.UTF_8));
  }

  private Object readLegacy() {
    var pickles = new Pickle(all, file.toString(), this);
    if (!MAGIC.equals(pickles.read()) || !LEGACY_VERSION.equals(pickles.read())) {
      throw bad("version 1001 of PyTorch's old format expected, another found");
    }
    if (!(pickles.read() instanceof Map<?, ?> system)
        || !Boolean.TRUE.equals(system.get("little_endian"))) {
      throw bad("little_endian True expected, another byte order found");
    }
    Object value = pickles.read();
    if (!(pickles.read() instanceof List<?> keys)) {
      throw bad("a list of the storages' keys expected, another value found");
    }
    long at = pickles.position();
    for (Object key : keys) {
      at = readLegacyStorage(key, at);
    }
    if (at != all.byteSize() || bytes.size() != storages.size()) {
      throw bad(
          "%d storages up to byte %d expected, %d of them up to byte %d found"
              .formatted(storages.size(), all.byteSize(), bytes.size(), at));
    }
    return value;
  }

  /** Returns where the storage ends. */
  private long readLegacyStorage(Object key, long at) {
    Storage storage = key instanceof String s ? storages.get(s) : null;
    if (storage == null || bytes.containsKey(storage.key())) {
      throw bad("the list of storages names one that no tensor has, or one twice");
    }
    if (all.byteSize() - at < 8 || all.get(Safetensors.LENGTH, at) != storage.elements()) {
      throw bad(
          "storage %s: its number of elements, %d, expected at byte %d, not found"
              .formatted(storage.key(), storage.elements(), at));
    }
    long data = at + 8;
    if (storage.bytes() > all.byteSize() - data) {
      throw bad("storage " + storage.key() + ": ends in the middle");
    }
    bytes.put(storage.key(), all.asSlice(data, storage.bytes()));
    return data + storage.bytes();
  }

  @Override
  public boolean knows(String name) {
    return FUNCTIONS.contains(name) || STORAGES.containsKey(name);
  }

  @Override
  public Object call(String name, List<Object> arguments) {
    if (name.equals(DICT) && arguments.isEmpty()) {
      return new LinkedHashMap<Object, Object>();
    }
    if (name.equals(TENSOR)) {
      return TorchTensor.rebuilt(arguments);
    }
    if (name.equals(PARAMETER) && !arguments.isEmpty()) {
      return arguments.getFirst(); // a tensor that was to be trained
    }
    throw new IllegalArgumentException("calls " + name + " in an unknown way");
  }

  /** A storage: ("storage", its class, key, device, number of elements). */
  @Override
  public Object persistent(Object id) {
    if (!(id instanceof Tuple(var parts))
        || parts.size() < 5
        || !"storage".equals(parts.get(0))
        || !(parts.get(1) instanceof Name(String type))
        || !STORAGES.containsKey(type)
        || !(parts.get(2) instanceof String key)
        || !(parts.get(4) instanceof Long elements)
        || elements < 0
        || elements > Long.MAX_VALUE / 8) {
      throw new IllegalArgumentException("refers to what is not a storage of a known type");
    }
    if (parts.size() > 5 && parts.get(5) != null) { // before PyTorch 0.4
      throw new IllegalArgumentException("storage " + key + " is a part of another; refused");
    }
    var storage = new Storage(key, STORAGES.get(type), elements);
    Storage before = storages.putIfAbsent(key, storage);
    if (before != null && !before.equals(storage)) {
      throw new IllegalArgumentException("storage " + key + " has two types or sizes");
    }
    return storage;
  }

  private ModelException bad(String what) {
    return new ModelException(file + ": " + what);
  }
}
