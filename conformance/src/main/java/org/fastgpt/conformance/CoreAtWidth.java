package org.fastgpt.conformance;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import org.fastgpt.Engine;
import org.fastgpt.EngineOptions;
import org.fastgpt.EngineProvider;
import org.fastgpt.core.CoreProvider;
import org.fastgpt.model.Model;

/**
 * The core engine with vectors of a width of its own choice. The width is fixed when the engine's
 * classes are loaded; so these are loaded once more, by a class loader of their own, which lets
 * several widths live side by side in one JVM.
 */
final class CoreAtWidth implements EngineProvider {

  private static final String PROPERTY = "fastgpt.vectorBits";

  private final int bits;
  private final EngineProvider provider;

  CoreAtWidth(int bits) {
    this.bits = bits;
    this.provider = load(bits);
  }

  private static synchronized EngineProvider load(int bits) {
    String before = System.getProperty(PROPERTY);
    System.setProperty(PROPERTY, String.valueOf(bits));
    try {
      var loader = new Loader();
      String core = CoreProvider.class.getPackageName();
      Class.forName(core + ".VectorKernels", true, loader); // reads the property
      return Class.forName(CoreProvider.class.getName(), true, loader)
          .asSubclass(EngineProvider.class)
          .getConstructor()
          .newInstance();
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("the core engine cannot be loaded again", e);
    } finally {
      if (before == null) {
        System.clearProperty(PROPERTY);
      } else {
        System.setProperty(PROPERTY, before);
      }
    }
  }

  @Override
  public String name() {
    return "core-vector-" + bits;
  }

  @Override
  public Engine open(Model model, EngineOptions options) {
    return provider.open(model, options);
  }

  /** Defines the classes of the engine's package itself; all others are shared. */
  private static final class Loader extends ClassLoader {
    private static final String OWN = CoreProvider.class.getPackageName() + ".";

    Loader() {
      super(CoreProvider.class.getClassLoader());
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
      if (!name.startsWith(OWN)) {
        return super.loadClass(name, resolve);
      }
      synchronized (getClassLoadingLock(name)) {
        Class<?> loaded = findLoadedClass(name);
        return loaded == null ? define(name) : loaded;
      }
    }

    private Class<?> define(String name) throws ClassNotFoundException {
      String file = name.replace('.', '/') + ".class";
      try (InputStream in = getParent().getResourceAsStream(file)) {
        if (in == null) {
          throw new ClassNotFoundException(name);
        }
        byte[] bytes = in.readAllBytes();
        return defineClass(name, bytes, 0, bytes.length);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
