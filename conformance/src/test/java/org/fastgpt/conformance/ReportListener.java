package org.fastgpt.conformance;

import java.nio.file.Path;
import org.fastgpt.conformance.report.Report;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestPlan;

/** Makes the report when all tests have run: target/conformance, and the matrix on the console. */
public final class ReportListener implements TestExecutionListener {

  @Override
  public void testPlanExecutionFinished(TestPlan plan) {
    Findings findings = Suite.findings();
    if (!findings.verdicts().isEmpty()) {
      Path folder = Path.of("target", "conformance");
      Report.write(findings, folder);
      System.out.println(Report.console(findings));
      System.out.println("Report: " + folder.resolve("index.html").toAbsolutePath());
    }
  }
}
