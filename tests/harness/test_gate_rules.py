"""Gate rules beyond single languages: groups, shares as margins, reruns of sampled text, speed and cost."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.discrete_tests import discrete_benjamini_hochberg
from harness.errors import NotComparableError, SpecError
from harness.gate import judge
from harness.gate_reports import gate_lines, gate_markdown
from harness.loader import load_policy
from harness.policy import Amount, GatePolicy
from harness.records import DRAW_MARK, Fingerprint, ModelRecord, StageRecord
from harness.resources import default_policy
from harness.stats import benjamini_hochberg, mcnemar_worse
from harness.store import RunFolder
from harness.verdicts import Finding, GateReport, exit_code
from metrics.base import FloatArray
from tests.harness.synthetic_runs import Unit, create, write_run

TODAY = datetime.date(2026, 6, 1)
RNG = np.random.default_rng
CODES = ("amh_Ethi", "tir_Ethi", "arb_Arab", "yor_Latn", "fra_Latn", "eng_Latn")


class Gate:
    """Writes runs and judges the second against the first, with those after it as reruns."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0

    def run(self, units: list[Unit], **facts: object) -> RunFolder:
        self.count += 1
        return write_run(self.folder / f"run{self.count}", units, **facts)  # type: ignore[arg-type]

    def __call__(self, old: RunFolder, new: RunFolder, *reruns: RunFolder, **policy: object) -> GateReport:
        rules = GatePolicy.model_validate(policy)
        return judge(new, old, rules, reruns=reruns, today=TODAY, draws=1000, create=create)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


def values(seed: int, shift: float = 0.0, n: int = 200) -> FloatArray:
    return RNG(3).uniform(40, 60, size=n) + RNG(seed).normal(shift, 2, size=n)


def verdicts(report: GateReport) -> dict[str, str]:
    return {finding.language: finding.verdict for finding in report.findings}


class TestGroups:
    def units(self, worse: str = "") -> list[Unit]:
        return [
            Unit(language=code, values=values(seed, -3.0 if worse in code and worse else 0.0))
            for seed, code in enumerate(CODES, start=100 if worse else 0)
        ]

    @pytest.mark.parametrize(
        ("select", "languages"),
        [
            ({"script": "Ethi"}, {"amh_Ethi", "tir_Ethi"}),
            ({"script": ["ethi", "Arab"]}, {"amh_Ethi", "tir_Ethi", "arb_Arab"}),
            ({"region": "Africa", "script": "Latn"}, {"yor_Latn"}),
            ({"resource_class": "high", "script": "Latn"}, {"fra_Latn", "eng_Latn"}),
            ({"resource_class": [0, 1, 2], "family": "Atlantic-Congo"}, {"yor_Latn"}),
            ({"language": ["amh_Ethi", "eng_Latn"]}, {"amh_Ethi", "eng_Latn"}),
        ],
    )
    def test_a_rule_for_some_languages(self, gate: Gate, select: dict[str, object], languages: set[str]) -> None:
        run = gate.run(self.units())
        report = gate(run, run, rules=[{"select": select, "margin": 1}])
        assert set(verdicts(report)) == languages

    def test_a_mean_of_each_group(self, gate: Gate) -> None:
        old, new = gate.run(self.units()), gate.run(self.units("Ethi"))
        report = gate(old, new, rules=[{"scope": "group", "by": "script", "margin": 1}])
        found = verdicts(report)
        assert found == {
            "script Ethiopic (Ethi)": "regressed",
            "script Arabic (Arab)": "passed",
            "script Latin (Latn)": "passed",
        }
        ethiopic = next(finding for finding in report.findings if "Ethi" in finding.language)
        assert "mean over 2 languages" in ethiopic.reason
        assert ethiopic.delta == pytest.approx(-3, abs=0.5)
        assert ethiopic.n == 400

    def test_a_missing_language_shows_in_its_groups_mean(self, gate: Gate) -> None:
        units = self.units()
        old, new = gate.run(units), gate.run(units[1:])
        report = gate(old, new, rules=[{"scope": "group", "by": "script", "margin": 1}])
        reasons = {finding.language: finding.reason for finding in report.findings}
        assert "mean over 1 languages of 2" in reasons["script Ethiopic (Ethi)"]
        assert "of" not in reasons["script Arabic (Arab)"].partition("languages")[2]

    def test_directions_belong_where_their_other_side_does(self, gate: Gate) -> None:
        units = [Unit(language=f"eng_Latn-{code}", values=values(1)) for code in CODES[:4]]
        units += [Unit(language=f"{code}-eng_Latn", values=values(1)) for code in CODES[:4]]
        run = gate.run(units)
        report = gate(run, run, rules=[{"scope": "group", "by": "script", "select": {"script": "Ethi"}}])
        assert set(verdicts(report)) == {
            "script Ethiopic (Ethi), into English",
            "script Ethiopic (Ethi), out of English",
        }

    def test_floors_of_groups(self, gate: Gate) -> None:
        run = gate.run(self.units("Ethi"))
        report = gate(run, run, rules=[{"scope": "group", "by": "resource_class", "floor": 49.5}])
        assert all(name.startswith("resource class ") for name in verdicts(report))
        assert "regressed" in verdicts(report).values()


class TestShares:
    def test_a_share_is_of_the_scale_or_of_the_score(self) -> None:
        share = Amount(1, percent=True)
        assert (share.of((0.0, 100.0), 30), share.of((0.0, 1.0), 0.3), share.of((0.0, None), -30)) == (1.0, 0.01, 0.3)
        assert Amount(0.5).of((0.0, 1.0), 1) == 0.5

    def test_one_rule_for_points_and_fractions(self, gate: Gate) -> None:
        right = RNG(1).integers(0, 2, 400).astype(float)
        units = [Unit(values=values(1)), Unit(metric="acc", values=right)]
        worse = [Unit(values=values(1) - 0.8), Unit(metric="acc", values=right)]
        old, new = gate.run(units), gate.run(worse)
        loose, tight = (gate(old, new, rules=[{"margin": margin}]) for margin in ("1%", "0.5 %"))
        assert [finding.verdict for finding in loose.findings] == ["passed", "passed"]
        assert [finding.verdict for finding in tight.findings] == ["regressed", "passed"]
        assert "margin 0.5," in tight.findings[0].reason
        with pytest.raises(SpecError, match="margin: 60 % is half the scale or more of quality"):
            gate(old, new, rules=[{"margin": "60%"}])

    @pytest.mark.parametrize("margin", ["1 point", True, -1, float("nan"), None])
    def test_other_words_are_mistakes(self, margin: object) -> None:
        with pytest.raises(ValueError, match=r"margin"):
            GatePolicy.model_validate({"rules": [{"margin": margin}]})


SAMPLED = Fingerprint(dataset="d", prompt="p", metric="m", decoding="sampled|temperature:1")
RULES = [{"margin": 0.5}]


def sampled(seed: int, shift: float = 0.0) -> list[Unit]:
    """A run with draw ``seed`` of two languages, the first of which may be worse."""
    decoding = SAMPLED.decoding + (f"{DRAW_MARK}{seed}" if seed else "")
    facts = replace(SAMPLED, decoding=decoding)
    return [
        Unit(language="amh_Ethi", values=values(10 + seed, shift), fingerprint=facts),
        Unit(language="yor_Latn", values=values(20 + seed), fingerprint=facts),
    ]


class TestConfirmation:
    def test_a_loss_of_sampled_text_waits_for_reruns(self, gate: Gate) -> None:
        old, new = gate.run(sampled(0)), gate.run(sampled(1, -3), command="glotbench run t --model m --sampling-seed 1")
        report = gate(old, new, rules=RULES, confirm={})
        finding = report.findings[0]
        assert (finding.verdict, finding.unconfirmed) == ("inconclusive", True)
        assert "give 2 more runs with --rerun" in finding.reason
        assert finding.worst[0].hypothesis is not None
        assert exit_code(report) == 3
        assert "to confirm, run: glotbench run t --model m --sampling-seed 2" in report.notes
        assert "to confirm, run: glotbench run t --model m --sampling-seed 3" in report.notes
        assert any(note.startswith("then: glotbench gate") and "--rerun RERUN2" in note for note in report.notes)
        assert "INCONCLUSIVE" in gate_lines(report)[1]
        assert "### Worst segments 1" in gate_markdown(report)
        assert exit_code(gate(old, new, rules=[{"margin": 0.5, "on_inconclusive": "pass"}], confirm={})) == 3
        assert exit_code(gate(old, new, rules=RULES)) == 1

    def test_reruns_bear_a_loss_out(self, gate: Gate) -> None:
        old, new, *reruns = (gate.run(sampled(seed, -3.0 if seed else 0.0)) for seed in range(4))
        report = gate(old, new, *reruns, rules=RULES, confirm={"reruns": 2})
        assert verdicts(report)["amh_Ethi"] == "regressed"
        assert report.findings[0].value == pytest.approx(np.mean([values(10 + seed, -3) for seed in (1, 2, 3)]))
        assert "scores of sampled text are means over 3 runs of the candidate" in report.notes
        assert exit_code(report) == 1
        one = gate(old, new, reruns[0], rules=RULES, confirm={"reruns": 2})
        assert "give 1 more run with" in one.findings[0].reason

    def test_reruns_can_clear_a_loss(self, gate: Gate) -> None:
        old, bad, *good = gate.run(sampled(0)), gate.run(sampled(1, -1.6)), gate.run(sampled(2)), gate.run(sampled(3))
        assert exit_code(gate(old, bad, rules=RULES, confirm={})) == 3
        report = gate(old, bad, *good, rules=RULES, confirm={})
        assert verdicts(report)["amh_Ethi"] != "regressed"
        assert exit_code(report) == 0

    def test_greedy_text_needs_none_unless_told(self, gate: Gate) -> None:
        old, new = gate.run([Unit(values=values(1))]), gate.run([Unit(values=values(2, -3))])
        assert exit_code(gate(old, new, rules=RULES, confirm={})) == 1
        report = gate(old, new, rules=RULES, confirm={"only": "all"})
        assert exit_code(report) == 3
        assert any("with another --out" in note for note in report.notes)

    def test_a_record_brings_no_other_command(self, gate: Gate) -> None:
        old, new = gate.run(sampled(0)), gate.run(sampled(1, -3), command="glotbench run t ; rm -rf $HOME")
        report = gate(old, new, rules=RULES, confirm={"reruns": 1})
        assert "to confirm, run: glotbench run t ';' rm -rf '$HOME' --sampling-seed 1" in report.notes

    def test_floors_of_sampled_text_wait_too(self, gate: Gate) -> None:
        old, new, *reruns = (gate.run(sampled(seed)) for seed in range(4))
        rules = [{"floor": 70}]
        assert exit_code(gate(old, new, rules=rules, confirm={})) == 3
        assert exit_code(gate(old, new, *reruns, rules=rules, confirm={})) == 1

    def test_binary_scores_averaged_over_runs_are_no_longer_binary(self, gate: Gate) -> None:
        def run(seed: int, share: float) -> RunFolder:
            facts = replace(SAMPLED, decoding=f"{SAMPLED.decoding}{DRAW_MARK}{seed}")
            right = (RNG(seed).random(300) < share).astype(float)
            return gate.run([Unit(metric="acc", values=right, fingerprint=facts)])

        report = gate(run(1, 0.8), *(run(seed, 0.5) for seed in (2, 3, 4)), rules=[{"margin": 0.05}], confirm={})
        assert report.findings[0].verdict == "regressed"
        assert report.findings[0].value == pytest.approx(0.5, abs=0.06)

    def test_what_is_no_rerun_is_refused(self, gate: Gate) -> None:
        old, new = gate.run(sampled(0)), gate.run(sampled(1, -3))
        with pytest.raises(NotComparableError, match=r"draws the same random numbers as .* another --sampling-seed"):
            gate(old, new, gate.run(sampled(1)), rules=RULES)
        with pytest.raises(NotComparableError, match="given already"):
            gate(old, new, new, rules=RULES)
        other = ModelRecord(name="model", backend="hf", identity={"weights": "others"})
        with pytest.raises(NotComparableError, match="another model there"):
            gate(old, new, gate.run(sampled(2), models=(other,)), rules=RULES)
        changed = [unit.changed(fingerprint=replace(unit.fingerprint, prompt="q")) for unit in sampled(2)]
        report = gate(old, new, gate.run(changed), rules=RULES)
        assert set(verdicts(report).values()) == {"not comparable"}
        assert "prompt differs" in report.findings[0].reason


def stage(**changes: object) -> StageRecord:
    usual = StageRecord(
        model="model",
        task="flores",
        requests=100,
        computed=100,
        seconds=12.0,
        seconds_by_part={"preparing": 1.0, "model": 9.0},
        tokens_per_second=1000.0,
        peak_memory=2_000_000_000,
    )
    return usual.model_copy(update=changes)


class TestPerformance:
    def report(self, gate: Gate, rule: dict[str, object], *, old: object = None, **new: object) -> Finding:
        machine = {"machine": "x86_64", "cpus": "2"}
        units = [Unit(values=values(1))]
        first = gate.run(units, stages=(old or stage(),), hardware=machine)
        hardware = new.pop("hardware", machine)
        second = gate.run(units, stages=(stage(**new),), hardware=hardware)
        (finding,) = gate(first, second, rules=[{"select": {"task": "flores"}, "performance": rule}]).findings
        return finding

    @pytest.mark.parametrize(
        ("rule", "new", "verdict", "words"),
        [
            ({"measure": "tokens_per_second", "max_slowdown": 0.2}, {"tokens_per_second": 850.0}, "passed", "17.6%"),
            ({"measure": "tokens_per_second", "max_slowdown": 0.2}, {"tokens_per_second": 800.0}, "regressed", "25.0%"),
            ({"measure": "tokens_per_second", "limit": 1100}, {}, "regressed", "limit 1,100 tokens a second: beyond"),
            ({"measure": "seconds_per_request", "limit": 0.1}, {}, "passed", "0.1 s a request"),
            ({"measure": "seconds_per_request", "limit": 0.09}, {}, "regressed", "beyond it"),
            (
                {"measure": "seconds_per_request", "max_slowdown": 0.5},
                {"seconds_by_part": {"preparing": 1.0, "model": 20.0}},
                "regressed",
                "110.0% worse",
            ),
            ({"measure": "peak_memory", "max_slowdown": 0.1}, {"peak_memory": 2_100_000_000}, "passed", "2.10 GB"),
            ({"measure": "peak_memory", "limit": 1e9}, {}, "regressed", "2.00 GB of memory, limit 1.00 GB"),
            ({"measure": "cost_per_request", "price_per_hour": 36, "limit": 0.002}, {}, "passed", "0.001 a request"),
            ({"measure": "cost_per_request", "price_per_hour": 36, "max_slowdown": 0}, {}, "passed", "the same"),
        ],
    )
    def test_measures(
        self, gate: Gate, rule: dict[str, object], new: dict[str, object], verdict: str, words: str
    ) -> None:
        finding = self.report(gate, rule, **new)
        assert finding.verdict == verdict
        assert words in finding.reason
        assert finding.metric == rule["measure"]

    @pytest.mark.parametrize(
        ("new", "verdict", "words"),
        [
            (
                {"hardware": {"machine": "x86_64", "cpus": "64"}},
                "not comparable",
                "hardware (cpus: 64 and 2)",
            ),
            ({"computed": 3, "known": 97}, "inconclusive", "computed 3 of 100 requests (the others were known)"),
            ({"tokens_per_second": None}, "inconclusive", "does not say tokens per second"),
        ],
    )
    def test_what_says_nothing_of_speed(self, gate: Gate, new: dict[str, object], verdict: str, words: str) -> None:
        finding = self.report(gate, {"measure": "tokens_per_second", "max_slowdown": 0.2}, **new)
        assert finding.verdict == verdict
        assert words in finding.reason
        assert (finding.fails, finding.fails_strict) == (False, True)

    def test_the_baseline_may_say_nothing(self, gate: Gate) -> None:
        rule = {"measure": "tokens_per_second", "max_slowdown": 0.2}
        assert "the baseline computed 0 of 100" in self.report(gate, rule, old=stage(computed=0)).reason

    def test_a_rule_that_selects_nothing_does_not_pass_silently(self, gate: Gate) -> None:
        run = gate.run([Unit(values=values(1))])
        rule = {"select": {"task": "x"}, "performance": {"measure": "peak_memory", "limit": 1}}
        assert exit_code(gate(run, run, rules=[rule])) == 4

    def test_the_median_of_reruns_counts(self, gate: Gate) -> None:
        units = sampled(0)
        old = gate.run(units, stages=(stage(),))
        speeds = (500.0, 950.0, 990.0)
        new, *reruns = (
            gate.run(sampled(seed), stages=(stage(tokens_per_second=speed),)) for seed, speed in enumerate(speeds, 1)
        )
        rule = {"performance": {"measure": "tokens_per_second", "max_slowdown": 0.2}}
        assert exit_code(gate(old, new, rules=[rule])) == 1
        assert exit_code(gate(old, new, *reruns, rules=[rule])) == 0

    @pytest.mark.parametrize(
        ("rule", "words"),
        [
            ({"performance": {"measure": "peak_memory"}}, "give max_slowdown, limit or both"),
            ({"performance": {"measure": "cost_per_request", "limit": 1}}, "price_per_hour belong together"),
            ({"performance": {"measure": "peak_memory", "limit": 1}, "margin": 1}, "take out margin"),
            (
                {"performance": {"measure": "peak_memory", "limit": 1}, "select": {"language": "yor_Latn"}},
                "take out select.language",
            ),
            ({"scope": "group"}, "'scope: group' and 'by'"),
            ({"by": "script"}, "'scope: group' and 'by'"),
            ({"select": {"script": "Ethio"}}, "unknown script 'Ethio' .did you mean 'Ethi'"),
            ({"select": {"family": "Bantu"}}, "unknown family 'Bantu'"),
            ({"select": {"region": "Antarctica"}}, "known: Africa, Americas"),
            ({"hard_drop": 0}, "must be above 0"),
        ],
    )
    def test_mistakes(self, tmp_path: Path, rule: dict[str, object], words: str) -> None:
        import yaml

        path = tmp_path / "policy.yaml"
        path.write_text(yaml.safe_dump({"rules": [rule]}), encoding="utf-8")
        with pytest.raises(SpecError, match=words):
            load_policy(path)


class TestDiscreteTests:
    def test_continuous_tests_are_as_always(self) -> None:
        p = RNG(1).random(50) ** 2
        assert discrete_benjamini_hochberg(p.tolist(), [None] * 50) == pytest.approx(benjamini_hochberg(p.tolist()))
        assert len(discrete_benjamini_hochberg([], [])) == 0

    def test_a_test_that_cannot_give_so_small_a_p_is_not_counted(self) -> None:
        counts = [(0, 12), *[(2, 2)] * 99]
        p = [mcnemar_worse(*pair, n=200) for pair in counts]
        adjusted = discrete_benjamini_hochberg(p, [sum(pair) for pair in counts])
        assert adjusted[0] == pytest.approx(0.5**12)
        assert benjamini_hochberg(p)[0] == pytest.approx(100 * 0.5**12)
        assert adjusted[1:] == pytest.approx([1.0] * 99, abs=0.35)

    def test_the_share_of_false_alarms_holds(self) -> None:
        """All 60 languages unchanged: some are flagged in about as many trials as promised, and in no more."""
        rng, fired = RNG(5), 0
        for _ in range(400):
            wins, losses = rng.binomial(4, 0.5, size=(2, 60)), rng.binomial(4, 0.5, size=(2, 60))
            found = list(zip(wins.sum(axis=0).tolist(), losses.sum(axis=0).tolist(), strict=True))
            p = [mcnemar_worse(*pair, n=200) for pair in found]
            fired += bool((discrete_benjamini_hochberg(p, [sum(pair) for pair in found]) <= 0.1).any())
        assert fired / 400 <= 0.1 + 2.6 * np.sqrt(0.1 * 0.9 / 400)


def test_the_default_policy_holds_for_every_kind_of_score(gate: Gate) -> None:
    policy = load_policy(default_policy())
    right = RNG(1).integers(0, 2, 300).astype(float)
    ratio = np.column_stack([RNG(2).integers(4, 9, size=80), np.full(80, 10.0)])
    units = [
        *(Unit(language=code, values=values(1)) for code in CODES),
        Unit(metric="acc", values=right),
        Unit(metric="errors", values=values(2)),
        Unit(metric="ratio", values=ratio),
    ]
    old = gate.run(units)
    same = judge(gate.run(units), old, policy, today=TODAY, draws=500, create=create)
    assert {finding.verdict for finding in same.findings} == {"passed"}
    worse = [unit.changed(values=values(1) - 8) if unit.language == "amh_Ethi" else unit for unit in units]
    report = judge(gate.run(worse), old, policy, today=TODAY, draws=500, create=create)
    assert [finding.language for finding in report.findings if finding.verdict == "regressed"] == ["macro", "amh_Ethi"]
    assert exit_code(report) == 1
