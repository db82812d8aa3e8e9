"""The demo as a whole: its gate passes, and fails on the language that is broken on purpose."""

from __future__ import annotations

from harness.doctor import examine
from harness.gate_reports import gate_lines
from harness.verdicts import exit_code
from tests.demo_run import FinishedDemo, run_demo


def test_the_gate_passes_against_the_committed_baseline(finished_demo: FinishedDemo) -> None:
    assert exit_code(finished_demo.result.report) == 0, gate_lines(finished_demo.result.report)
    assert len(finished_demo.result.report.findings) > 100


def test_the_record_is_well(finished_demo: FinishedDemo) -> None:
    assert list(examine(finished_demo.folder)) == []


def test_breaking_a_language_fails_the_gate_on_that_language(finished_demo: FinishedDemo) -> None:
    broken = run_demo(finished_demo.out, finished_demo.cache, broken_language="fra_Latn", vectors=finished_demo.vectors)
    assert exit_code(broken.result.report) == 1
    fallen = [finding for finding in broken.result.report.findings if finding.verdict == "regressed"]
    by_language = {finding.language for finding in fallen if finding.language != "macro"}
    assert by_language == {"fra_Latn", "fra_Latn-eng_Latn", "eng_Latn-fra_Latn"}
