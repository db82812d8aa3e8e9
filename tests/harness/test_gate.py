"""The gate: verdicts and exit codes, waivers, coverage, units, blessing, and harmless reports."""

from __future__ import annotations

import datetime
import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from harness.baseline import bless, open_baseline
from harness.errors import NotComparableError, RecordError, RunIncompleteError, SpecError, UserError
from harness.gate import judge
from harness.gate_reports import gate_json, gate_junit, gate_lines, gate_markdown
from harness.policy import GatePolicy
from harness.records import Fingerprint
from harness.store import RunFolder
from harness.verdicts import Finding, GateReport, exit_code
from metrics.base import FloatArray
from tests.harness.synthetic_runs import Unit, create, write_run

TODAY = datetime.date(2026, 6, 1)
RNG = np.random.default_rng
LANGUAGES = [f"eng_Latn-{code}_Latn" for code in ("yor", "hau", "ibo", "zul", "xho")]


def policy(*rules: dict[str, object], **sections: object) -> GatePolicy:
    return GatePolicy.model_validate({"rules": list(rules) or [{"margin": 0.5}], **sections})


class Gate:
    """Writes a baseline and a candidate and judges them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0

    def run(self, units: list[Unit], **options: object) -> RunFolder:
        self.count += 1
        return write_run(self.folder / f"run{self.count}", units, **options)  # type: ignore[arg-type]

    def __call__(self, old: list[Unit], new: list[Unit], rules: GatePolicy, draws: int = 2000) -> GateReport:
        return judge(self.run(new), self.run(old), rules, today=TODAY, draws=draws, create=create)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


def quality(seed: int, n: int = 300) -> FloatArray:
    return RNG(seed).uniform(40, 60, size=n)


def noisy(values: FloatArray, seed: int, shift: float = 0.0, spread: float = 3.0) -> FloatArray:
    return values + RNG(seed).normal(shift, spread, size=len(values))


def verdicts(report: GateReport) -> list[str]:
    return [finding.verdict for finding in report.findings]


class TestVerdicts:
    @pytest.mark.parametrize("metric", ["quality", "acc", "ratio", "errors"])
    @pytest.mark.parametrize("margin", [0.0, 0.01])
    def test_identical_runs_pass_even_strictly(self, gate: Gate, metric: str, margin: float) -> None:
        values = RNG(0).integers(2, size=300).astype(float)
        rows = np.column_stack([values, np.ones(300)]) if metric == "ratio" else values
        units = [Unit(metric=metric, values=rows, language=language) for language in LANGUAGES]
        rules = policy(
            {"margin": margin, "min_n": 10_000},
            {"margin": margin, "scope": "macro"},
            {"margin": margin, "cluster": "none"},
        )
        report = gate(units, units, rules)
        assert set(verdicts(report)) == {"passed"}
        assert len(report.findings) == 11
        assert exit_code(report, strict=True) == 0
        assert all(finding.delta == 0 for finding in report.findings)

    def test_same_scores_in_another_order_pass(self, gate: Gate) -> None:
        values = quality(1)
        names = tuple(f"s{index}" for index in range(300))
        report = gate(
            [Unit(values=values, segments=names)],
            [Unit(values=values[::-1], segments=names[::-1])],
            policy({"margin": 0.0}),
        )
        assert exit_code(report, strict=True) == 0

    def test_a_real_loss_is_a_regression_with_texts(self, gate: Gate) -> None:
        values = quality(2)
        report = gate([Unit(values=values)], [Unit(values=noisy(values, 3, -3))], policy({"margin": 1.0}))
        (finding,) = report.findings
        assert finding.verdict == "regressed"
        assert finding.delta == pytest.approx(-3, abs=0.6)
        assert finding.high is not None
        assert finding.high < -1
        assert finding.n == 300
        assert finding.minimum_detectable_effect == pytest.approx(1 + 2.486 * 3 / np.sqrt(300), rel=0.1)
        assert finding.worst[0].hypothesis is not None
        assert exit_code(report) == 1

    def test_a_loss_within_the_margin_passes(self, gate: Gate) -> None:
        values = quality(4)
        report = gate([Unit(values=values)], [Unit(values=noisy(values, 5, -0.3, 1))], policy({"margin": 1.0}))
        assert verdicts(report) == ["passed"]
        assert "loss is at most" in report.findings[0].reason

    def test_lower_is_better_turns_the_delta(self, gate: Gate) -> None:
        values = quality(6)
        old, new = Unit(metric="errors", values=values), Unit(metric="errors", values=noisy(values, 7, 3))
        report = gate([old], [new], policy({"margin": 1.0}))
        (finding,) = report.findings
        assert finding.verdict == "regressed"
        assert finding.delta is not None
        assert finding.delta < -2
        assert finding.value is not None
        assert finding.baseline is not None
        assert finding.value > finding.baseline
        assert verdicts(gate([new], [old], policy({"margin": 1.0}))) == ["passed"]

    @pytest.mark.parametrize(("action", "plain", "strict"), [("warn", 0, 3), ("fail", 3, 3), ("pass", 0, 0)])
    def test_inconclusive(self, gate: Gate, action: str, plain: int, strict: int) -> None:
        values = quality(8, 30)
        report = gate(
            [Unit(values=values)],
            [Unit(values=noisy(values, 9, -0.3))],
            policy({"margin": 0.5, "on_inconclusive": action}),
        )
        assert verdicts(report) == ["inconclusive"]
        assert (exit_code(report), exit_code(report, strict=True)) == (plain, strict)

    def test_min_n_is_inconclusive_but_hard_drop_still_fails(self, gate: Gate) -> None:
        values = quality(10, 20)
        small = gate([Unit(values=values)], [Unit(values=values - 5)], policy({"margin": 1.0, "min_n": 200}))
        assert verdicts(small) == ["inconclusive"]
        assert "20 paired segments, the rule wants 200" in small.findings[0].reason
        hard = policy({"margin": 1.0, "min_n": 200, "hard_drop": 4.0})
        assert verdicts(gate([Unit(values=values)], [Unit(values=values - 5)], hard)) == ["regressed"]

    def test_one_cluster_is_inconclusive(self, gate: Gate) -> None:
        unit = Unit(values=quality(11, 20), clusters=("one",) * 20)
        report = gate([unit], [unit.changed(values=unit.values - 1)], policy({"margin": 0.5}))
        assert verdicts(report) == ["inconclusive"]
        assert verdicts(
            gate([unit], [unit.changed(values=unit.values - 1)], policy({"margin": 0.5, "cluster": "none"}))
        ) == ["regressed"]

    def test_churn_in_many_languages_does_not_fire(self, gate: Gate) -> None:
        """The design document's example with 80 languages: n = 204, 4 % of the items change, nothing is worse."""
        rng = RNG(12)
        old, new = [], []
        for index in range(80):
            before = rng.binomial(1, 0.6, size=204).astype(float)
            churn = rng.random(204)
            after = np.where(churn < 0.02, 1.0, np.where(churn > 0.98, 0.0, before))
            old.append(Unit(metric="acc", language=f"l{index}", values=before))
            new.append(Unit(metric="acc", language=f"l{index}", values=after))
        rules = policy({"margin": 0.02, "scope": "macro"}, {"margin": 0.0})
        report = gate(old, new, rules, draws=1000)
        assert verdicts(report)[0] == "passed"
        assert "regressed" not in verdicts(report)
        assert exit_code(report) == 0

    def test_macro_finds_what_single_languages_cannot(self, gate: Gate) -> None:
        old = [Unit(language=f"l{index}", values=quality(index, 100)) for index in range(30)]
        new = [unit.changed(values=noisy(unit.values, 100 + i, -0.8, 8)) for i, unit in enumerate(old)]
        report = gate(old, new, policy({"margin": 0.0, "scope": "macro"}, {"margin": 0.0}))
        macro, *languages = report.findings
        assert macro.language == "macro"
        assert macro.verdict == "regressed"
        assert "mean over 30 languages" in macro.reason
        assert sum(finding.verdict == "regressed" for finding in languages) < 6

    def test_the_order_of_rules_changes_nothing(self, gate: Gate) -> None:
        values = [np.column_stack([RNG(seed).integers(4, 9, size=80), np.full(80, 10.0)]) for seed in (1, 2)]
        old, new = (self.many("ratio", one) for one in values)
        first: dict[str, object] = {"margin": 1.0, "scope": "macro"}
        second: dict[str, object] = {"margin": 2.0}
        ahead, behind = gate(old, new, policy(first, second)), gate(old, new, policy(second, first))
        deltas = [{(f.language, f.low, f.p) for f in report.findings} for report in (ahead, behind)]
        assert deltas[0] == deltas[1]

    @staticmethod
    def many(metric: str, values: FloatArray) -> list[Unit]:
        return [Unit(metric=metric, language=language, values=values) for language in LANGUAGES]


class TestMatching:
    def test_single_models_match_whatever_their_names(self, gate: Gate) -> None:
        unit = Unit(values=quality(0))
        report = gate([unit.changed(model="v1")], [unit.changed(model="v2")], policy())
        assert verdicts(report) == ["passed"]
        assert report.notes == ("v2 is compared with the baseline's v1, as each run holds one model",)

    def test_many_models_match_by_name(self, gate: Gate) -> None:
        unit = Unit(values=quality(0))
        old = [unit.changed(model="a"), unit.changed(model="b")]
        new = [unit.changed(model="a"), unit.changed(model="c")]
        report = gate(old, new, policy())
        assert [(f.model, f.verdict) for f in report.findings] == [("a", "passed"), ("b", "missing")]
        assert "c is not in the baseline and is not judged" in report.notes

    @pytest.mark.parametrize(
        ("select", "count"),
        [
            ({}, 4),
            ({"metric": "QUALITY"}, 2),
            ({"metric": "Quality", "language": "yor_Latn"}, 1),
            ({"language": "eng_Latn-yor_Latn"}, 2),
            ({"language": "eng_Latn"}, 4),
            ({"task": "flores", "variant": "", "prompt": ""}, 4),
            ({"model": "model"}, 4),
        ],
    )
    def test_selectors(self, gate: Gate, select: dict[str, str], count: int) -> None:
        units = [
            Unit(values=quality(0), language=language, metric=metric)
            for language in LANGUAGES[:2]
            for metric in ("quality", "errors")
        ]
        assert len(gate(units, units, policy({"select": select})).findings) == count

    def test_a_rule_that_selects_nothing_does_not_pass_silently(self, gate: Gate) -> None:
        unit = Unit(values=quality(0))
        report = gate([unit], [unit], policy({"select": {"task": "flores2000"}}))
        assert verdicts(report) == ["not comparable"]
        assert exit_code(report) == 4
        fresh = gate([unit], [unit, unit.changed(metric="errors")], policy({"select": {"metric": "errors"}}))
        assert exit_code(fresh) == 4

    @pytest.mark.parametrize("facet", ["dataset", "prompt", "metric", "decoding"])
    def test_a_changed_fingerprint_is_not_comparable(self, gate: Gate, facet: str) -> None:
        unit = Unit(values=quality(0))
        changed = unit.changed(fingerprint=replace(unit.fingerprint, **{facet: "changed"}))
        report = gate([unit], [changed], policy({"margin": 0.5}, {"margin": 0.5, "scope": "macro"}))
        assert set(verdicts(report)) == {"not comparable"}
        assert f"{facet}" in report.findings[0].reason
        assert exit_code(report) == 4
        name = "metric_signature" if facet == "metric" else facet
        others = [one for one in ("dataset", "prompt", "metric_signature", "decoding") if one != name]
        assert exit_code(gate([unit], [changed], policy(baseline={"require_same": others}))) == 0

    def test_regression_outweighs_not_comparable(self, gate: Gate) -> None:
        first, second = (Unit(values=quality(0), language=language) for language in LANGUAGES[:2])
        new = [first.changed(values=first.values - 5), second.changed(fingerprint=Fingerprint(dataset="x"))]
        assert exit_code(gate([first, second], new, policy())) == 1


class TestCoverage:
    @pytest.mark.parametrize(("action", "found", "code"), [("fail", 1, 1), ("warn", 1, 0), ("ignore", 0, 0)])
    def test_missing_language(self, gate: Gate, action: str, found: int, code: int) -> None:
        old = [Unit(values=quality(0), language=language) for language in LANGUAGES]
        rules = policy({"margin": 0.5}, {"margin": 0.5, "scope": "macro"}, coverage={"missing_language": action})
        report = gate(old, old[1:], rules)
        missing = [finding for finding in report.findings if finding.verdict == "missing"]
        assert len(missing) == found
        assert exit_code(report, strict=True) == code
        macro = next(finding for finding in report.findings if finding.language == "macro")
        assert "mean over 4 languages of 5" in macro.reason

    def test_nothing_left_is_no_pass(self, gate: Gate) -> None:
        old, new = Unit(values=quality(0)), Unit(values=quality(0), language="other")
        assert exit_code(gate([old], [new], policy(coverage={"missing_language": "ignore"}))) == 4

    def test_no_score_is_missing(self, gate: Gate) -> None:
        unit = Unit(values=quality(0))
        gone = unit.changed(values=np.empty(0), failed=300)
        report = gate([unit, unit.changed(language="x")], [gone, unit.changed(language="x")], policy())
        assert verdicts(report) == ["passed", "missing"]
        assert "no segment could be scored" in report.findings[1].reason
        back = gate([gone, unit.changed(language="x")], [unit, unit.changed(language="x")], policy())
        assert sorted(verdicts(back)) == ["inconclusive", "passed"]

    def test_error_rate(self, gate: Gate) -> None:
        unit = Unit(values=quality(0, 99))
        assert exit_code(gate([unit], [unit.changed(failed=1)], policy())) == 0
        report = gate([unit], [unit.changed(failed=2)], policy())
        assert exit_code(report) == 1
        assert "2 of 101 segments failed; at most 1.00% may" in report.findings[-1].reason


class TestWaivers:
    def worse(self) -> tuple[list[Unit], list[Unit]]:
        old = [Unit(values=quality(index), language=language) for index, language in enumerate(LANGUAGES)]
        return old, [old[0].changed(values=old[0].values - 9), *old[1:]]

    def test_a_waiver_holds_until_its_day(self, gate: Gate) -> None:
        waiver = {"language": "yor_Latn", "reason": "reference fixed upstream", "expires": TODAY}
        rules = policy({"margin": 0.5}, {"margin": 0.5, "scope": "macro"}, waivers=[waiver])
        report = gate(*self.worse(), rules)
        waived = next(finding for finding in report.findings if finding.verdict == "waived")
        assert waived.excused == "regressed"
        assert "reference fixed upstream" in waived.reason
        assert exit_code(report, strict=True) == 0
        assert "mean over 4 languages of 5" in report.findings[-1].reason

    def test_an_expired_waiver_is_named_and_does_nothing(self, gate: Gate) -> None:
        waiver = {"language": "yor_Latn", "reason": "old", "expires": TODAY - datetime.timedelta(days=1)}
        report = gate(*self.worse(), policy(waivers=[waiver]))
        assert exit_code(report) == 1
        assert any("expired on 2026-05-31" in note for note in report.notes)

    def test_a_waiver_of_another_language_does_nothing(self, gate: Gate) -> None:
        waiver = {"language": "hau_Latn", "reason": "x", "expires": TODAY}
        assert exit_code(gate(*self.worse(), policy(waivers=[waiver]))) == 1

    def test_missing_languages_can_be_waived(self, gate: Gate) -> None:
        old, _ = self.worse()
        waiver = {"language": "yor_Latn", "task": "flores", "reason": "x", "expires": TODAY}
        assert exit_code(gate(old, old[1:], policy(waivers=[waiver]))) == 0


class TestFloorsAndUnits:
    def test_floor_is_the_candidates_own(self, gate: Gate) -> None:
        units = [Unit(metric="acc", values=np.array([1.0, 0, 0, 0] * 50), chance=0.25)]
        better = [Unit(metric="acc", values=np.array([1.0, 1, 0, 0] * 50), chance=0.25)]
        below = gate(units, units, policy({"floor": "chance+0.05"}))
        assert verdicts(below) == ["regressed"]
        assert below.findings[0].reason == "0.250, floor 0.3: below it"
        assert exit_code(gate(units, better, policy({"floor": "chance+0.05"}))) == 0
        assert exit_code(gate(units, better, policy({"floor": 0.6}))) == 1
        assert exit_code(gate(units, better, policy({"floor": 0.4, "scope": "macro"}))) == 0

    def test_floor_of_an_error_rate_is_a_ceiling(self, gate: Gate) -> None:
        units = [Unit(metric="errors", values=quality(0))]
        assert exit_code(gate(units, units, policy({"floor": 70.0}))) == 0
        assert exit_code(gate(units, units, policy({"floor": 30.0}))) == 1

    def test_floor_and_margin_are_two_findings(self, gate: Gate) -> None:
        units = [Unit(values=quality(0))]
        report = gate(units, units, policy({"floor": 10.0, "margin": 0.5}))
        assert verdicts(report) == ["passed", "passed"]

    def test_numbers_that_cannot_fit_the_unit_are_mistakes(self, gate: Gate) -> None:
        units = [Unit(metric="acc", values=np.array([1.0, 0.0] * 50), chance=0.25)]
        rules = policy({"margin": 2.0, "hard_drop": 10.0}, {"floor": "chance+5"}, {"floor": 60.0})
        with pytest.raises(SpecError) as caught:
            gate(units, units, rules)
        assert len(caught.value.problems) == 4
        assert "rules[0].margin: 2 is half the scale or more of acc, which runs from 0 to 1" in str(caught.value)
        assert "write for example 0.01" in str(caught.value)
        assert "chance+0.05" in str(caught.value)

    def test_floor_above_guessing_needs_a_chance_level(self, gate: Gate) -> None:
        units = [Unit(values=quality(0))]
        with pytest.raises(SpecError, match="names no score of guessing"):
            gate(units, units, policy({"floor": "chance+5"}))


class TestBaseline:
    def test_bless_copies_the_run_and_its_reason(self, gate: Gate, tmp_path: Path) -> None:
        run = gate.run([Unit(values=quality(0))])
        (run.path / "scratch.log").write_text("not part of the record")
        place = tmp_path / "baselines" / "main"
        bless(run, place, reason=" first release ", today=TODAY)
        assert open_baseline(place).record == run.record
        assert list(open_baseline(place).problems()) == []
        assert {path.name for path in place.iterdir()} == {
            "run.json", "run.json.sha256", "segments.parquet", "statistics.parquet", "blessed.json"
        }  # fmt: skip
        bless(gate.run([Unit(values=quality(1))]), place, reason="ߒߞߏ", today=TODAY)
        said = json.loads((place / "blessed.json").read_text(encoding="utf-8"))
        assert said == {"run_id": "run2", "reason": "ߒߞߏ", "date": "2026-06-01", "previous_run_id": "run1"}
        assert [path.name for path in place.parent.iterdir()] == ["main"]

    def test_bless_refuses(self, gate: Gate, tmp_path: Path) -> None:
        run, place = gate.run([Unit(values=quality(0))]), tmp_path / "main"
        with pytest.raises(UserError, match="no reason given"):
            bless(run, place, reason=" \n", today=TODAY)
        with pytest.raises(RunIncompleteError):
            bless(gate.run([Unit(values=quality(0))], complete=False), place, reason="x", today=TODAY)
        with pytest.raises(UserError, match="this is the baseline already"):
            bless(run, run.path, reason="x", today=TODAY)
        place.mkdir()
        (place / "thesis.tex").write_text("precious")
        with pytest.raises(UserError, match="no baseline"):
            bless(run, place, reason="x", today=TODAY)
        assert (place / "thesis.tex").read_text() == "precious"
        (run.path / "statistics.parquet").write_bytes(b"")
        with pytest.raises(RecordError, match="damaged"):
            bless(run, tmp_path / "other", reason="x", today=TODAY)
        assert not (tmp_path / "other").exists()

    def test_no_baseline(self, tmp_path: Path) -> None:
        with pytest.raises(NotComparableError, match="gate bless") as caught:
            open_baseline(tmp_path)
        assert caught.value.exit_code == 4

    def test_damaged_runs_are_not_judged(self, gate: Gate) -> None:
        run, other = gate.run([Unit(values=quality(0))]), gate.run([Unit(values=quality(0))])
        (other.path / "statistics.parquet").write_bytes(b"x")
        with pytest.raises(RecordError, match="damaged"):
            judge(run, other, policy(), today=TODAY, create=create)


class TestReports:
    @pytest.fixture
    def report(self, gate: Gate) -> GateReport:
        old = [Unit(values=quality(index), language=language) for index, language in enumerate(LANGUAGES)]
        new = [
            old[0].changed(values=old[0].values - 9),
            old[1].changed(fingerprint=Fingerprint(dataset="x|y<z>")),
            old[2].changed(values=noisy(old[2].values, 9, -0.4)),
            old[3],
        ]
        return gate(old, new, policy({"margin": 0.5}))

    def test_junit_is_well_formed_and_counts(self, report: GateReport) -> None:
        root = ElementTree.fromstring(gate_junit(report))
        cases = root.findall(".//testcase")
        assert len(cases) == int(root.attrib["tests"]) == 5
        assert (root.attrib["failures"], root.attrib["errors"], root.attrib["skipped"]) == ("2", "1", "1")
        strict = ElementTree.fromstring(gate_junit(report, strict=True))
        assert strict.attrib["failures"] == "3"
        failure = root.find(".//failure")
        assert failure is not None
        assert failure.text is not None
        assert "segment s" in failure.text

    def test_json(self, report: GateReport) -> None:
        body = json.loads(gate_json(report))
        assert (body["outcome"], body["exit_code"], body["date"]) == ("failed", 1, "2026-06-01")
        assert next(one for one in body["findings"] if one["verdict"] == "regressed")["worst"][0]["hypothesis"]

    def test_markdown(self, report: GateReport) -> None:
        text = gate_markdown(report, command="glotbench gate RUN --baseline baselines/main --policy gate.yaml")
        table = [line for line in text.splitlines() if line.startswith("|")]
        assert {line.replace("\\|", "").count("|") for line in table} == {11}
        assert "# Quality gate: failed" in text
        assert "    glotbench gate RUN" in text
        assert table[2].startswith("| **[regressed](#worst-segments-1)** | flores | eng_Latn-yor_Latn")
        assert not {"\x1b", "\x00", "\x07", "\u202e"} & set(text)

    def test_only_the_worst_twenty_are_shown(self, gate: Gate) -> None:
        units = [Unit(values=quality(0, 20), language=f"l{index}") for index in range(30)]
        text = gate_markdown(gate(units, units, policy()))
        assert sum(line.startswith("| passed") for line in text.splitlines()) == 20
        assert "10 more findings are not shown" in text

    def test_terminal_lines(self, report: GateReport) -> None:
        lines = gate_lines(report)
        assert lines[1].startswith("REGRESSED")
        assert lines[-1] == "1 regressed, 1 not comparable, 1 missing, 1 inconclusive, 1 passed; gate failed"
        assert not any(character < " " for line in lines for character in line)

    def test_hostile_names_stay_harmless(self) -> None:
        name = "\x1b[2J|`<b>\u202e\ud800@x\ufffe"
        finding = Finding(rule=name, model=name, task=name, language=name, verdict="regressed", reason=name, fails=True)
        report = GateReport(
            candidate=name, baseline=name, candidate_path="", baseline_path="", seed=0, date=TODAY, findings=(finding,)
        )
        ElementTree.fromstring(gate_junit(report))
        assert json.loads(gate_json(report))["exit_code"] == 1
        for text in (gate_markdown(report), gate_json(report), gate_junit(report), *gate_lines(report)):
            text.encode("utf-8")
        assert "<b>" not in gate_markdown(report).replace("`<b>", "").replace("``<b>", "")
