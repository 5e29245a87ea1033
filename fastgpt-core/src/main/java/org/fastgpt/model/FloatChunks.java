package org.fastgpt.model;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.function.Consumer;
import java.util.function.ObjIntConsumer;
import java.util.zip.CRC32C;
import org.fastgpt.model.StoredTensor.DType;

/**
 * The values of tensors as little-endian float32, piece by piece: however they are stored, no copy
 * of all of them is made. A piece is valid during the call only.
 */
final class FloatChunks {
  private static final int FLOATS = 1 << 18; // a piece of 1 MiB stays in the cache

  private FloatChunks() {}

  /** The pieces of a tensor, in order. */
  static void forEach(StoredTensor tensor, Consumer<ByteBuffer> each) {
    int bytes = tensor.dtype().bytes();
    long n = tensor.data().byteSize() / bytes;
    boolean inPlace = tensor.dtype() == DType.F32;
    var widened = MemorySegment.ofArray(new byte[inPlace ? 0 : 4 * (int) Math.min(n, FLOATS)]);
    for (long from = 0; from < n; from += FLOATS) {
      long length = Math.min(FLOATS, n - from);
      MemorySegment piece = tensor.data().asSlice(from * bytes, length * bytes);
      if (!inPlace) {
        Model.widen(tensor.dtype(), piece, widened.asSlice(0, 4 * length));
        piece = widened.asSlice(0, 4 * length);
      }
      each.accept(piece.asByteBuffer());
    }
  }

  /** The pieces of several tensors, one tensor after the other. */
  static void forEach(
      Collection<StoredTensor> tensors, Progress progress, Consumer<ByteBuffer> each) {
    inTurn(tensors, progress, tensor -> forEach(tensor, each));
  }

  /** The CRC32C of each tensor's values, by its name. */
  static void crc32c(
      Collection<StoredTensor> tensors, Progress progress, ObjIntConsumer<String> each) {
    inTurn(tensors, progress, tensor -> each.accept(tensor.name(), crc32c(tensor)));
  }

  private static void inTurn(
      Collection<StoredTensor> tensors, Progress progress, Consumer<StoredTensor> each) {
    long total = tensors.stream().mapToLong(tensor -> tensor.data().byteSize()).sum();
    long done = 0;
    for (StoredTensor tensor : tensors) {
      each.accept(tensor);
      done += tensor.data().byteSize();
      progress.update(done, total);
    }
  }

  /** The CRC32C of a tensor's values. */
  static int crc32c(StoredTensor tensor) {
    var crc = new CRC32C();
    forEach(tensor, crc::update);
    return (int) crc.getValue();
  }
}
