package org.fastgpt;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** Who may know whom. Between the Maven modules, Maven itself sees to it. */
class ArchitectureTest {

  private static final JavaClasses CORE =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("org.fastgpt");

  /** Blas and OpenBlas stand for the native library that BlasKernels calls. */
  @Test
  void kernelsKnowNoModel() {
    classes()
        .that()
        .haveNameMatching(".*Kernels")
        .should()
        .onlyDependOnClassesThat()
        .haveNameMatching(
            "java\\..*|jdk\\.incubator\\.vector\\..*|.*Kernels|.*Blas|.*\\.Vector[A-Z].*|.*\\.Simd"
                + "|.*\\.Matrix|.*\\.Scratch|\\[F")
        .check(CORE);
  }

  @Test
  void onlyTheVectorClassesKnowTheVectorApi() {
    noClasses()
        .that()
        .haveNameNotMatching(".*\\.(Vector[A-Z][A-Za-z]*|Simd[A-Za-z]*)")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("jdk.incubator.vector")
        .check(CORE);
  }

  /** CoreEngine hands text on to the model's tokenizer; what computes knows ids only. */
  @Test
  void theForwardPassKnowsNeitherTextNorCommandLine() {
    noClasses()
        .that()
        .resideInAPackage("org.fastgpt.core")
        .and()
        .doNotHaveSimpleName("CoreEngine")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("org.fastgpt.cli", "org.fastgpt.tokenizer", "picocli..")
        .check(CORE);
  }

  @Test
  void modelFilesAndTokenizerKnowNoEngine() {
    noClasses()
        .that()
        .resideInAnyPackage("org.fastgpt.model", "org.fastgpt.tokenizer")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("org.fastgpt.core", "org.fastgpt.cli")
        .check(CORE);
  }

  @Test
  void nobodyKnowsTheCommandLine() {
    noClasses()
        .that()
        .resideOutsideOfPackage("org.fastgpt.cli")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("org.fastgpt.cli")
        .check(CORE);
  }
}
