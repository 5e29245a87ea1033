package org.fastgpt.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.fastgpt.EngineOptions;
import org.fastgpt.Session;
import org.fastgpt.model.Model;
import org.fastgpt.model.ModelException;
import org.fastgpt.model.Models;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The archive that stands in for a trace: what is in it, when it is written, what it obeys. */
class ScriptArchiveTest {
  // Between two models that are one function but for the sign. Measured: 3.8e-6.
  private static final float SAME_BOUND = 4e-5f;

  private static final int[] IDS = {858, 25, 198, 1000, 7, 7};

  @TempDir private Path folder;

  @BeforeEach
  void copyModel() throws IOException {
    Golden.copyWithoutTrace(Golden.TINY, folder);
  }

  private Path archive() {
    return folder.resolve("torchscript.pt");
  }

  private float[] logits() {
    try (Model model = Model.open(folder);
        DjlEngine engine = Golden.open(model, "java");
        Session session = engine.newSession()) {
      return session.forward(IDS).clone();
    }
  }

  @Test
  void isWrittenOnceAndWithNothingLeftBeside() throws IOException {
    logits();
    byte[] first = Files.readAllBytes(archive());
    var past = FileTime.fromMillis(0);
    Files.setLastModifiedTime(archive(), past);
    logits();
    assertThat(Files.getLastModifiedTime(archive())).isEqualTo(past);
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files.map(f -> f.getFileName().toString()))
          .containsExactlyInAnyOrder("config.json", "model.safetensors", "torchscript.pt");
    }
    Files.delete(archive());
    logits();
    assertThat(archive()).hasBinaryContent(first);
  }

  @Test
  void isWrittenAgainWhenAWeightHasChanged() throws IOException {
    float[] before = logits();
    var edited = new EditedModel(folder);
    edited.get("ln_f.bias")[0] += 1;
    edited.write(folder);
    assertThat(logits()).isNotEqualTo(before);
  }

  @Test
  void isWrittenAgainWhenItIsCutShort() throws IOException {
    float[] before = logits();
    try (var file = new RandomAccessFile(archive().toFile(), "rw")) {
      file.setLength(file.length() / 2);
    }
    assertThat(logits()).isEqualTo(before);
  }

  @Test
  void keepsTheDataOfEveryTensorAtAMultipleOf64() throws IOException {
    logits();
    ByteBuffer zip = ByteBuffer.wrap(Files.readAllBytes(archive())).order(ByteOrder.LITTLE_ENDIAN);
    int entries = 0;
    for (int at = 0; zip.getInt(at) == 0x04034b50; entries++) { // local headers, one after another
      assertThat(zip.getShort(at + 8)).as("method: stored").isZero();
      int data = at + 30 + zip.getShort(at + 26) + zip.getShort(at + 28);
      assertThat(data % 64).isZero();
      at = data + zip.getInt(at + 18);
    }
    try (Model model = Model.open(folder)) {
      assertThat(entries).isEqualTo(5 + model.tensors().size());
    }
  }

  @Test
  void goesHomeWhereTheModelsFolderCannotBeWritten(@TempDir Path home) throws IOException {
    Files.createDirectory(archive()); // a folder is in the way
    assertThat(writtenAtHome(home, folder)).hasSize(1).allMatch(name -> name.endsWith(".pt"));
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).hasSize(3);
    }
  }

  @Test
  void goesHomeForTheEmbeddedModel(@TempDir Path home) throws IOException {
    assertThat(writtenAtHome(home, Models.embedded()))
        .singleElement()
        .asString()
        .startsWith("tiny-shakespeare-");
  }

  private static List<String> writtenAtHome(Path home, Path path) throws IOException {
    String before = System.getProperty("fastgpt.home", "");
    System.setProperty("fastgpt.home", home.toString());
    try (Model model = Model.open(path);
        DjlEngine engine = Golden.open(model, "java");
        Stream<Path> files = Files.list(home.resolve("torchscript"))) {
      assertThat(engine.name()).isEqualTo("djl-archive");
      return files.map(f -> f.getFileName().toString()).toList();
    } finally {
      if (before.isEmpty()) {
        System.clearProperty("fastgpt.home");
      } else {
        System.setProperty("fastgpt.home", before);
      }
    }
  }

  /**
   * A model with every setting changed, and its weights so that it must say the negative of what
   * the old one says: queries carry the old scaling, hidden units of the MLP are added that nothing
   * reads, the residual stream and with it the root of epsilon is 32 times as large, and the head
   * is another tensor, -wte.
   */
  @Test
  void obeysEverySettingOfTheConfiguration() throws IOException {
    float[] before = logits();
    var edited = new EditedModel(folder);
    int nEmbd = 128;
    int nInner = 4 * nEmbd + 5;
    edited.set("scale_attn_weights", false);
    edited.set("scale_attn_by_inverse_layer_idx", true);
    edited.set("n_inner", nInner);
    edited.set("layer_norm_epsilon", 1e-5 * 32 * 32);
    edited.set("tie_word_embeddings", false);
    edited.put("lm_head.weight", List.of(1024, nEmbd), edited.get("wte.weight").clone());
    edited.scale("lm_head.weight", -1);
    edited.scale("wte.weight", 32);
    edited.scale("wpe.weight", 32);
    for (int l = 0; l < 4; l++) {
      String block = "h." + l;
      for (String part : List.of(".weight", ".bias")) {
        edited.scaleColumns(block + ".attn.c_attn" + part, nEmbd, (l + 1) / (float) Math.sqrt(32));
        edited.scale(block + ".attn.c_proj" + part, 32);
        edited.scale(block + ".mlp.c_proj" + part, 32);
      }
      edited.enlarge(block + ".mlp.c_fc.weight", List.of(nEmbd, nInner), 1);
      edited.enlarge(block + ".mlp.c_fc.bias", List.of(nInner), 1);
      edited.enlarge(block + ".mlp.c_proj.weight", List.of(nInner, nEmbd), 0);
    }
    edited.write(folder);
    float[] after = logits();
    for (int v = 0; v < after.length; v++) {
      after[v] = -after[v];
    }
    assertThat(after).containsExactly(before, within(SAME_BOUND));
  }

  @Test
  void damagedTraceIsOneClearLine() throws IOException {
    Files.writeString(folder.resolve("traced.pt"), "not a zip file");
    try (Model model = Model.open(folder)) {
      assertThatExceptionOfType(ModelException.class)
          .isThrownBy(() -> Golden.open(model, "auto"))
          .withMessageStartingWith(folder.resolve("traced.pt") + ": PyTorch cannot run it: ")
          .withMessageNotContaining("\n");
    }
  }

  @Test
  void traceOfOtherWeightsIsRefused() throws IOException {
    Files.copy(Golden.TINY.resolve("traced.pt"), folder.resolve("traced.pt"));
    var edited = new EditedModel(folder);
    edited.get("h.2.ln_1.bias")[4] = 0.5f;
    edited.write(folder);
    try (Model model = Model.open(folder)) {
      assertThatExceptionOfType(ModelException.class)
          .isThrownBy(() -> Golden.open(model, "trace"))
          .withMessageContaining("h.2.ln_1.bias is not that of the model");
    }
  }

  @Test
  void traceOfAnotherModelIsRefused() throws IOException {
    Files.copy(Golden.DATA.resolve("formats/traced.pt"), folder.resolve("traced.pt"));
    try (Model model = Model.open(folder)) {
      assertThatExceptionOfType(ModelException.class)
          .isThrownBy(() -> Golden.open(model, "trace"))
          .withMessageContaining("is not that of the model");
    }
  }

  @Test
  void missingTraceSaysHowToMakeOne() {
    try (Model model = Model.open(folder)) {
      assertThatExceptionOfType(ModelException.class)
          .isThrownBy(() -> Golden.open(model, "trace"))
          .withMessageContaining("is missing. To make it: python data/scripts/trace.py");
    }
  }

  @Test
  void unknownKindOfArchiveIsRefused() {
    try (Model model = Model.open(folder)) {
      assertThatIllegalArgumentException()
          .isThrownBy(
              () -> new DjlProvider().open(model, new EngineOptions(0, Map.of("archive", "onnx"))))
          .withMessage("archive 'onnx' is unknown; there are: trace, java, auto");
    }
  }
}
