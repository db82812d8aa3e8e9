"""Every pair of systems: pairing, correction, verdicts, macro rows, what is left out, and how it is shown."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from harness import stats
from harness.compare import CompareOptions, Comparison, compare, compare_pairs
from harness.errors import UserError
from harness.pairing import ScoreSource, SegmentDrop
from harness.records import Fingerprint
from harness.reports import COMPARE_COLUMNS, comparison_json, comparison_markdown, comparison_rows
from harness.store import RunFolder
from harness.systems import System, find_systems
from metrics.base import FloatArray
from tests.harness.synthetic_runs import Unit, create, write_run

OPTIONS = CompareOptions(create=create, draws=2000)
LANGUAGES = [f"eng_Latn-{code}_Latn" for code in ("yor", "hau", "ibo", "zul", "xho")]


def quality(rng: np.random.Generator, n: int = 200) -> FloatArray:
    return rng.uniform(40, 60, size=n)


@pytest.fixture
def pair(tmp_path: Path) -> Comparison:
    """Two runs, five languages; the second system is worse in Yoruba, better in Hausa, equal in Igbo."""
    rng = np.random.default_rng(0)
    base = {language: quality(rng) for language in LANGUAGES}
    shift = dict(zip(LANGUAGES, (-5, 5, 0, 0, 0), strict=True))
    noise = {language: rng.normal(0, 3, size=200) for language in LANGUAGES}
    noise[LANGUAGES[2]] *= 0
    old = [Unit(model="old", language=language, values=base[language]) for language in LANGUAGES]
    new = [
        Unit(model="new", language=language, values=base[language] + noise[language] + shift[language])
        for language in LANGUAGES
    ]
    return compare([write_run(tmp_path / "a", old), write_run(tmp_path / "b", new)], options=OPTIONS)


class TestVerdicts:
    def test_later_system_is_judged_against_the_earlier(self, pair: Comparison) -> None:
        assert pair.systems == ("old", "new")
        verdicts = {row.language: row.verdict for row in pair.contrasts}
        assert verdicts[LANGUAGES[0]] == "worse"
        assert verdicts[LANGUAGES[1]] == "better"
        assert verdicts[LANGUAGES[2]] == "no difference shown"
        row = next(row for row in pair.contrasts if row.language == LANGUAGES[0])
        assert (row.system, row.against, row.n) == ("new", "old", 200)
        assert row.delta == pytest.approx(-5, abs=1)
        assert row.low is not None
        assert row.high is not None
        assert row.delta is not None
        assert row.low < row.delta < row.high < 0

    def test_macro_row_comes_first_and_is_the_mean(self, pair: Comparison) -> None:
        macro, *languages = pair.contrasts
        assert (macro.language, macro.languages, macro.n) == ("macro", 5, 1000)
        assert macro.delta == pytest.approx(np.mean([row.delta for row in languages]))
        assert macro.worst == ()

    def test_p_values_are_corrected_over_the_languages_of_the_family(self, pair: Comparison) -> None:
        languages = pair.contrasts[1:]
        expected = stats.benjamini_hochberg([row.p for row in languages])
        assert [row.p_corrected for row in languages] == pytest.approx(list(expected))

    def test_worst_segments_carry_both_texts(self, pair: Comparison) -> None:
        row = next(row for row in pair.contrasts if row.language == LANGUAGES[0])
        losses = [drop.score - drop.score_against for drop in row.worst]
        assert losses == sorted(losses)
        assert len(losses) == 5
        first = row.worst[0]
        assert first.source == f"source of {first.segment}"
        assert first.hypothesis is not None
        assert first.hypothesis.startswith("new: ")
        assert first.hypothesis_against is not None
        assert first.hypothesis_against.startswith("old: ")

    def test_lower_is_better(self, tmp_path: Path) -> None:
        values = quality(np.random.default_rng(1))
        units = [
            Unit(model="a", metric="errors", values=values),
            Unit(model="b", metric="errors", values=values + np.linspace(3, 4, 200)),
        ]
        (row,) = compare([write_run(tmp_path / "r", units)], options=OPTIONS).contrasts
        assert row.delta is not None
        assert row.delta > 0
        assert row.verdict == "worse"
        assert row.worst[0].segment == "s199"

    def test_holm_is_never_milder(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(2)
        units = [
            Unit(model=model, language=language, values=quality(rng), metric="quality")
            for model in "ab"
            for language in LANGUAGES
        ]
        run = write_run(tmp_path / "r", units)
        bh = compare([run], options=OPTIONS)
        holm = compare([run], options=CompareOptions(create=create, draws=2000, correction="holm"))
        for mild, strict in zip(bh.contrasts, holm.contrasts, strict=True):
            assert strict.p == mild.p
            assert strict.p_corrected >= mild.p_corrected - 1e-12

    def test_the_same_seed_gives_the_same_result_whatever_else_is_compared(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(3)
        units = [
            Unit(model=model, metric="ratio", values=np.column_stack([rng.integers(5, 9, size=50), np.full(50, 10)]))
            for model in "abc"
        ]
        run = write_run(tmp_path / "r", units)
        whole = compare([run], options=OPTIONS)
        part = compare([run], models=["a", "c"], options=OPTIONS)
        assert len(whole.contrasts) == 3
        assert part.contrasts[0] in whole.contrasts
        assert compare([run], options=OPTIONS) == whole
        assert compare([run], seed=1, options=OPTIONS).contrasts[0].p != whole.contrasts[0].p


class TestPairing:
    def test_only_common_segments_count(self, tmp_path: Path) -> None:
        values = np.arange(10.0)
        a = Unit(model="a", values=values, segments=tuple("abcdefghij"))
        b = Unit(model="b", values=values[::-1][:8], segments=tuple("jihgfedc"))
        (row,) = compare([write_run(tmp_path / "r", [a, b])], options=OPTIONS).contrasts
        assert row.n == 8
        assert row.delta == 0
        assert row.value == pytest.approx(np.arange(2, 10).mean())

    def test_clusters_widen_the_interval(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(4)
        values, passage = quality(rng), np.repeat(rng.normal(0, 5, size=20), 10)
        clusters = tuple(f"p{index // 10}" for index in range(200))
        units = [
            Unit(model="a", values=values, clusters=clusters),
            Unit(model="b", values=values + passage, clusters=clusters),
        ]
        run = write_run(tmp_path / "r", units)
        (kept,) = compare([run], options=OPTIONS).contrasts
        (apart,) = compare([run], options=CompareOptions(create=create, draws=500, clustered=False)).contrasts
        assert kept.stderr is not None
        assert apart.stderr is not None
        assert kept.stderr > 2.5 * apart.stderr

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"fingerprint": Fingerprint(dataset="x", prompt="p", metric="m", decoding="greedy")}, "dataset differs"),
            ({"fingerprint": Fingerprint(dataset="d", prompt="x", metric="m", decoding="greedy")}, "prompt differs"),
            ({"fingerprint": Fingerprint(dataset="d", prompt="p", metric="x", decoding="greedy")}, "metric signature"),
            ({"fingerprint": Fingerprint(dataset="d", prompt="p", metric="m", decoding="x")}, "decoding differs"),
            ({"language": "other"}, "only in"),
            ({"values": np.empty(0)}, "has no score"),
            ({"segments": tuple(f"other{index}" for index in range(9))}, "no common scored segment"),
            ({"segments": ("same",) * 9}, "not unique"),
        ],
    )
    def test_what_is_not_comparable_is_listed_not_compared(
        self, tmp_path: Path, change: dict[str, object], reason: str
    ) -> None:
        unit = Unit(model="a", values=np.arange(9.0))
        result = compare([write_run(tmp_path / "r", [unit, unit.changed(model="b", **change)])], options=OPTIONS)
        assert result.contrasts == ()
        assert reason in result.not_compared[0].reason
        assert reason.split(maxsplit=1)[0] in comparison_markdown(result)

    def test_unknown_metric_is_a_reason(self, tmp_path: Path) -> None:
        units = [Unit(model=model, values=np.arange(9.0), metric="mystery") for model in "ab"]
        result = compare([write_run(tmp_path / "r", units)], options=OPTIONS)
        assert "cannot be made here: unknown metric mystery" in result.not_compared[0].reason

    def test_same_model_in_two_runs_is_named_by_run(self, tmp_path: Path) -> None:
        unit = Unit(values=np.arange(9.0))
        runs = [write_run(tmp_path / name, [unit]) for name in ("r1", "r2")]
        assert compare(runs, options=OPTIONS).systems == ("model@r1", "model@r2")
        third = write_run(tmp_path / "r3", [unit], run_id="r1")
        assert compare([*runs, third], options=OPTIONS).systems == ("model@r1", "model@r2", "model@r1#2")

    def test_one_system_is_a_mistake(self, tmp_path: Path) -> None:
        run = write_run(tmp_path / "r", [Unit(values=np.arange(9.0))])
        with pytest.raises(UserError, match="at least two systems, found model"):
            compare([run, RunFolder(run.path)], options=OPTIONS)
        with pytest.raises(UserError, match="no system named absent"):
            compare([run], models=["absent"], options=OPTIONS)


class TestTables:
    def test_json_is_strict_and_whole(self, pair: Comparison) -> None:
        body = json.loads(comparison_json(pair), parse_constant=pytest.fail)
        assert len(body["contrasts"]) == 6
        assert "አማርኛ" in comparison_json(pair)

    def test_csv_rows_round_trip(self, pair: Comparison) -> None:
        stream = io.StringIO()
        csv.writer(stream).writerows(comparison_rows(pair))
        rows = list(csv.DictReader(io.StringIO(stream.getvalue())))
        assert tuple(rows[0]) == COMPARE_COLUMNS
        assert float(rows[1]["delta"]) == pair.contrasts[1].delta

    def test_markdown_is_harmless(self, pair: Comparison) -> None:
        text = comparison_markdown(pair)
        table = [line for line in text.splitlines() if line.startswith("|")]
        assert {line.count("|") for line in table} == {12}
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "## `new` against `old`" in text
        assert "**macro** (5)" in text


def test_a_mid_sized_comparison_reads_each_unit_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    units = [
        Unit(model=model, language=language, metric=metric, values=quality(rng, 30))
        for model in "abcd"
        for language in LANGUAGES
        for metric in ("quality", "errors")
    ]
    run = write_run(tmp_path / "r", units)
    reads = []
    original = RunFolder.statistics

    def counted(self: RunFolder, unit: tuple[str, str, str, str, str], metric: str) -> object:
        reads.append((unit, metric))
        return original(self, unit, metric)

    monkeypatch.setattr(RunFolder, "statistics", counted)
    result = compare([run], options=CompareOptions(create=create, draws=200))
    assert len(reads) == len(set(reads)) == 40
    assert len(result.contrasts) == 6 * 2 * 6


class TestPairs:
    """``compare_pairs``: systems put together by the caller."""

    def test_what_is_found_of_a_pair_does_not_depend_on_what_else_is_compared(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(7)
        runs = {}
        for model, languages, n in (("a", 4, 60), ("b", 4, 60), ("c", 25, 60), ("d", 30, 80)):
            units = [
                Unit(model=model, language=f"x{index}", metric="ratio", values=rng.integers(1, 9, size=(n, 2)))
                for index in range(languages)
            ]
            runs[model] = write_run(tmp_path / model, units)
        whole = compare(list(runs.values()), options=CompareOptions(create=create))
        for first, second in combinations(runs, 2):
            own = compare([runs[first], runs[second]], options=CompareOptions(create=create))
            assert own.contrasts == tuple(
                row for row in whole.contrasts if {row.system, row.against} == {first, second}
            )

    def test_the_scores_of_a_system_may_lie_in_several_runs(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(8)
        values = {language: quality(rng) for language in LANGUAGES[:2]}
        together = [Unit(model="a", language=language, values=values[language]) for language in values]
        other = [unit.changed(model="b", values=unit.values + rng.normal(1, 2, size=200)) for unit in together]
        whole = compare([write_run(tmp_path / "whole", [*together, *other])], options=OPTIONS)
        parts = [write_run(tmp_path / name, [unit]) for name, unit in zip("xy", together, strict=True)]
        first = System(
            name="a",
            scores={score.key: ScoreSource(folder=part, score=score) for part in parts for score in part.record.scores},
        )
        (second,) = find_systems([write_run(tmp_path / "b", other)])
        found = compare_pairs([(first, second)], options=OPTIONS)
        textless = [replace(row, worst=tuple(map(without_texts, row.worst))) for row in whole.contrasts]
        assert list(found.contrasts) == textless

    def test_gains_are_listed_where_they_are_asked_for(self, tmp_path: Path) -> None:
        values = np.full(50, 50.0)
        change = np.concatenate([np.linspace(-5, -1, 20), np.linspace(1, 9, 30)])
        units = [Unit(model="a", values=values), Unit(model="b", values=values + change)]
        options = CompareOptions(create=create, draws=200, worst=2, best=3)
        (row,) = compare([write_run(tmp_path / "r", units)], options=options).contrasts
        assert [drop.segment for drop in row.worst] == ["s0", "s1"]
        assert [drop.segment for drop in row.best] == ["s49", "s48", "s47"]
        assert row.best[0].hypothesis is not None


def without_texts(drop: SegmentDrop) -> SegmentDrop:
    return SegmentDrop(segment=drop.segment, score=drop.score, score_against=drop.score_against)
