package org.fastgpt.download;

import java.nio.file.Path;

/**
 * Looks at what was downloaded before it becomes a model. Length and checksum of each file, as far
 * as the server told them, are right already.
 */
public interface Verifier {

  /**
   * A file has come, the others of the folder may not yet: what is no GPT-2 need not be downloaded
   * to its end.
   *
   * @throws org.fastgpt.model.ModelException it is not as it should be
   */
  void file(Path file);

  /**
   * All files have come, and are about to be installed.
   *
   * @throws org.fastgpt.model.ModelException they are not as they should be
   */
  void folder(Path folder);
}
