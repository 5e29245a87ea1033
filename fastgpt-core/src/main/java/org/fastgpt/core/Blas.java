package org.fastgpt.core;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import org.fastgpt.model.ModelException;

/**
 * Two functions of a BLAS, called in its own library: {@code cblas_sgemm} and {@code cblas_sgemv}.
 * OpenBLAS and Apple's Accelerate have them, and so have others. Matrices are row-major.
 *
 * <p>The calls are <i>critical</i>: arrays of the Java heap are used where they lie, without
 * copies, and the JVM's garbage collector waits until a call is over. So a call should be one chunk
 * of one layer, which takes milliseconds. Nothing is checked here: a segment must reach as far as
 * its sizes say.
 */
final class Blas {

  /** Where macOS has Accelerate; no file is there to be seen, the name alone is known. */
  private static final String ACCELERATE =
      "/System/Library/Frameworks/Accelerate.framework/Accelerate";

  // Of cblas.h.
  private static final int ROW_MAJOR = 101;
  private static final int NO_TRANS = 111;
  private static final int TRANS = 112;

  private static final Linker.Option ON_THE_HEAP = Linker.Option.critical(true);

  private final String library;
  private final MethodHandle sgemm;
  private final MethodHandle sgemv;
  private final Optional<MethodHandle> setThreads;

  private Blas(String library, SymbolLookup symbols) {
    this.library = library;
    sgemm =
        function(symbols, "cblas_sgemm", "iiiiii f pi pi f pi") // m n k alpha a b beta c
            .orElseThrow(() -> without("cblas_sgemm"));
    sgemv =
        function(symbols, "cblas_sgemv", "iiii f pi pi f pi") // m n alpha a x beta y
            .orElseThrow(() -> without("cblas_sgemv"));
    setThreads = function(symbols, "openblas_set_num_threads", "i");
  }

  /**
   * The BLAS of that library, which stays loaded as long as the program runs.
   *
   * @param library an absolute path, or a name that the system's linker finds
   * @throws ModelException it cannot be loaded, or has not the two functions
   */
  @SuppressWarnings("restricted") // native code is what this is for
  static Blas load(String library) {
    Path file = Path.of(library);
    boolean isThere = file.isAbsolute() && Files.exists(file);
    try {
      if (isThere && !mayBeLibrary(file)) {
        throw new IllegalArgumentException("not an ELF file");
      }
      return new Blas(library, SymbolLookup.libraryLookup(library, Arena.global()));
    } catch (IllegalArgumentException e) {
      String why = isThere ? "not a library that this machine can load" : "no such library";
      throw new ModelException("BLAS " + library + ": " + why, e);
    }
  }

  /**
   * False for what is no ELF file on Linux, where the JVM would warn of its stack before it says
   * that it cannot load it.
   */
  private static boolean mayBeLibrary(Path file) {
    if (!System.getProperty("os.name").equals("Linux")) {
      return true;
    }
    try (InputStream in = Files.newInputStream(file)) {
      return Arrays.equals(in.readNBytes(4), new byte[] {0x7f, 'E', 'L', 'F'});
    } catch (IOException e) {
      return false; // a folder, or not readable
    }
  }

  /**
   * Apple's.
   *
   * @throws ModelException this is not macOS
   */
  static Blas accelerate() {
    String system = System.getProperty("os.name");
    if (!system.startsWith("Mac")) {
      throw new ModelException(
          "kernels 'accelerate' are a part of macOS; on " + system + " use --kernels openblas");
    }
    return load(ACCELERATE);
  }

  private ModelException without(String function) {
    return new ModelException(
        "BLAS "
            + library
            + ": no function "
            + function
            + "; a BLAS with the C interface expected, such as OpenBLAS");
  }

  /** A function without result; its parameters by a letter each: int, float or pointer. */
  @SuppressWarnings("restricted")
  private static Optional<MethodHandle> function(SymbolLookup symbols, String name, String types) {
    MemoryLayout[] parameters =
        types
            .replace(" ", "")
            .chars()
            .mapToObj(type -> type == 'i' ? JAVA_INT : type == 'f' ? JAVA_FLOAT : ADDRESS)
            .toArray(MemoryLayout[]::new);
    return symbols
        .find(name)
        .map(
            address ->
                Linker.nativeLinker()
                    .downcallHandle(address, FunctionDescriptor.ofVoid(parameters), ON_THE_HEAP));
  }

  /** What {@link #load} was given. */
  String library() {
    return library;
  }

  /**
   * Makes OpenBLAS compute in the calling thread alone, for the whole process. Another BLAS is left
   * as it is.
   */
  void useOneThread() {
    if (setThreads.isPresent()) {
      try {
        setThreads.get().invokeExact(1);
      } catch (Throwable e) {
        throw unexpected(e);
      }
    }
  }

  /**
   * c = a b + beta c, or a bᵀ + beta c. {@code a [m, k]; b [k, n], or [n, k] if transposed; c [m,
   * n]}; their rows lie lda, ldb and ldc elements apart.
   */
  void gemm(
      boolean transposed,
      int m,
      int n,
      int k,
      MemorySegment a,
      int lda,
      MemorySegment b,
      int ldb,
      float beta,
      MemorySegment c,
      int ldc) {
    int form = transposed ? TRANS : NO_TRANS;
    try {
      sgemm.invokeExact(ROW_MAJOR, NO_TRANS, form, m, n, k, 1f, a, lda, b, ldb, beta, c, ldc);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /**
   * y = a x + beta y, or aᵀ x + beta y. {@code a [m, n], its rows lda elements apart; x [n], y [m];
   * or x [m], y [n] if transposed}.
   */
  void gemv(
      boolean transposed,
      int m,
      int n,
      MemorySegment a,
      int lda,
      MemorySegment x,
      float beta,
      MemorySegment y) {
    int form = transposed ? TRANS : NO_TRANS;
    try {
      sgemv.invokeExact(ROW_MAJOR, form, m, n, 1f, a, lda, x, 1, beta, y, 1);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /** A BLAS throws nothing; what comes is of the JVM, such as a segment that is closed. */
  private static RuntimeException unexpected(Throwable e) {
    if (e instanceof RuntimeException r) {
      return r;
    }
    if (e instanceof Error r) {
      throw r;
    }
    return new IllegalStateException(e);
  }
}
