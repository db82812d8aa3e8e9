from __future__ import annotations

from pathlib import Path

import pytest

from harness.compare import compare
from harness.loader import load_policy
from harness.pairing import MACRO
from harness.policy import GatePolicy
from harness.resources import default_policy
from harness.steps import PairPlan, PairReport, mean_interval, pair_report
from harness.store import RunFolder
from tests.trend_runs import FINE, FRENCH_BROKEN, write_night

FAMILY = ("choice", "", "", "acc")
PLAN = PairPlan(tracks=(("nightly", FAMILY),), judged=True)


@pytest.fixture(scope="module")
def policy() -> GatePolicy:
    return load_policy(default_policy())


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, RunFolder]:
    root = tmp_path_factory.mktemp("nights")
    return (
        RunFolder(write_night(root / "one", FINE)),
        RunFolder(write_night(root / "two", FRENCH_BROKEN, night=2, weights="second")),
    )


@pytest.fixture(scope="module")
def report(nights: tuple[RunFolder, RunFolder], policy: GatePolicy) -> PairReport:
    return pair_report(nights[1], nights[0], PLAN, policy)


def test_a_drop_in_one_language_is_found(report: PairReport) -> None:
    (track,) = report.tracks
    found = {change.language: change for change in track.changes}
    assert found["fra_Latn"].delta == pytest.approx(-60 / 200)
    assert {language: change.verdict for language, change in found.items()} == {
        MACRO: "worse",
        "amh_Ethi": "no difference shown",
        "fra_Latn": "worse",
        "jpn_Jpan": "no difference shown",
    }
    assert {change.basis for change in track.changes} == {"segments"}


def test_what_is_found_is_what_compare_finds(report: PairReport, nights: tuple[RunFolder, RunFolder]) -> None:
    expected = {row.language: (row.delta, row.low, row.high, row.p_corrected) for row in compare(nights).contrasts}
    assert {one.language: (one.delta, one.low, one.high, one.p) for one in report.tracks[0].changes} == expected


def test_the_gate_names_the_language_and_the_rule(report: PairReport) -> None:
    (verdict,) = report.gate
    assert (verdict.model, verdict.outcome, verdict.exit_code) == ("nightly", "regressed", 1)
    worst = [finding for finding in verdict.findings if finding.verdict == "regressed"]
    assert {finding.language for finding in worst} == {MACRO, "fra_Latn"}
    assert all(finding.rule.startswith("rule ") for finding in worst)


def test_a_run_that_answers_the_same_passes(
    nights: tuple[RunFolder, RunFolder], policy: GatePolicy, tmp_path: Path
) -> None:
    again = RunFolder(write_night(tmp_path / "again", FINE, night=3, weights="third"))
    found = pair_report(again, nights[0], PLAN, policy)
    assert [verdict.outcome for verdict in found.gate] == ["passed"]
    assert {change.verdict for change in found.tracks[0].changes} == {"no difference shown"}


def test_other_data_are_not_compared(nights: tuple[RunFolder, RunFolder], policy: GatePolicy, tmp_path: Path) -> None:
    other = RunFolder(write_night(tmp_path / "other", FINE, night=3, dataset="d2"))
    found = pair_report(other, nights[0], PLAN, policy)
    assert found.tracks == ()
    assert [verdict.outcome for verdict in found.gate] == ["not comparable"]


def test_a_language_that_is_missing_is_said(
    nights: tuple[RunFolder, RunFolder], policy: GatePolicy, tmp_path: Path
) -> None:
    fewer = {language: hits for language, hits in FINE.items() if language != "amh_Ethi"}
    found = pair_report(RunFolder(write_night(tmp_path / "fewer", fewer, night=3)), nights[0], PLAN, policy)
    assert [verdict.outcome for verdict in found.gate] == ["missing scores"]


def test_a_damaged_run_says_why_it_is_not_judged_and_falls_back_on_intervals(
    nights: tuple[RunFolder, RunFolder], policy: GatePolicy, tmp_path: Path
) -> None:
    folder = write_night(tmp_path / "damaged", FRENCH_BROKEN, night=3)
    (folder / "statistics.parquet").write_bytes(b"no parquet")
    found = pair_report(RunFolder(folder), nights[0], PLAN, policy)
    (verdict,) = found.gate
    assert verdict.outcome == "not judged"
    assert "statistics.parquet" in verdict.reason
    assert "\n" not in verdict.reason
    assert {change.basis for change in found.tracks[0].changes} == {"intervals"}


def test_runs_without_segments_are_compared_by_intervals(policy: GatePolicy, tmp_path: Path) -> None:
    one, two = (
        RunFolder(write_night(tmp_path / f"{night}", hits, night=night, kept=False))
        for night, hits in ((1, FINE), (2, FRENCH_BROKEN))
    )
    (track,) = pair_report(two, one, PLAN, policy).tracks
    found = {change.language: change for change in track.changes}
    assert (found["fra_Latn"].verdict, found["fra_Latn"].basis) == ("worse", "intervals")
    assert found["amh_Ethi"].verdict == "no difference shown"


def test_the_interval_of_a_mean_comes_from_segments_where_there_are_any(
    nights: tuple[RunFolder, RunFolder], tmp_path: Path
) -> None:
    run = nights[0]
    found = mean_interval(run, "nightly", FAMILY, run.record.scores)
    mean = sum(FINE.values()) / 3 / 200
    assert found.basis == "segments"
    assert found.low is not None
    assert found.high is not None
    assert found.low < mean < found.high
    assert found.high - found.low < 0.12
    bare = RunFolder(write_night(tmp_path / "bare", FINE, kept=False))
    without = mean_interval(bare, "nightly", FAMILY, bare.record.scores)
    assert (without.basis, without.low) == ("intervals", pytest.approx(mean - 0.06))
