"""Rankings of languages by alignment, and estimates beside measured scores: against scipy and by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from harness.alignment_report import COLUMNS, AlignmentReport, alignment_report, pearson, report_of, rows, spearman
from harness.alignment_tables import alignment_tables
from harness.boards import boards
from harness.errors import UserError
from harness.languages import find
from harness.report_scope import Scope
from harness.store import RunFolder
from tests.harness.synthetic_runs import Unit, write_run

BASELINE = Path(__file__).parents[2] / "results" / "baseline"


@pytest.fixture(scope="module")
def baseline() -> RunFolder:
    """The demo's run, which the project ships: two models with alignment, one of them with accuracies."""
    return RunFolder(BASELINE)


@pytest.fixture(scope="module")
def report(baseline: RunFolder) -> AlignmentReport:
    return alignment_report([baseline])


def test_coefficients_are_scipys() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.integers(0, 5, (20, 9)).astype(float), rng.normal(size=(20, 9))
    for one, other, linear, ranked in zip(first, second, pearson(first, second), spearman(first, second), strict=True):
        assert linear == pytest.approx(stats.pearsonr(one, other).statistic)
        assert ranked == pytest.approx(stats.spearmanr(one, other).statistic)
    assert math.isnan(pearson(np.ones((1, 4)), second[:1, :4])[0])


def test_languages_are_ranked_with_intervals(report: AlignmentReport, baseline: RunFolder) -> None:
    assert len(report.rankings) == 6
    for ranking in report.rankings:
        values = {
            score.language: score.value
            for score in baseline.record.scores
            if (score.model, score.metric) == (ranking.model, ranking.metric)
        }
        assert {one.language: one.value for one in ranking.languages} == values
        assert [one.place for one in ranking.languages] == list(range(1, len(values) + 1))
        assert [one.value for one in ranking.languages] == sorted(values.values(), key=lambda value: -(value or 0))
        assert all(one.first <= one.place <= one.last for one in ranking.languages)
        known = [(one.value, one.resource) for one in ranking.languages]
        assert ranking.by_resource is not None
        assert ranking.by_resource.value == pytest.approx(stats.spearmanr(*zip(*known, strict=True)).statistic)
        assert ranking.by_resource.low < ranking.by_resource.value < ranking.by_resource.high
    surely = next(one for one in report.rankings if (one.model, one.metric) == ("all-MiniLM-L6-v2", "language_ranker"))
    spanish, thai = surely.languages[0], surely.languages[-1]
    assert (find(spanish.language).name, find(thai.language).name) == ("Spanish", "Thai")
    assert spanish.last < thai.first


def test_estimates_are_the_pivots_score_times_mexa(report: AlignmentReport, baseline: RunFolder) -> None:
    scores = {(score.model, score.task, score.metric, score.language): score.value for score in baseline.record.scores}
    found = [one for one in report.estimates if one.metric == "mexa" and one.measured_metric == "acc"]
    assert found
    for one in found:
        pivot = scores[one.model, "sample_choice", "acc", "eng_Latn"]
        assert one.pivot_score == pivot
        for pair in one.languages:
            mexa = scores[one.model, "sample_alignment", "mexa", pair.language]
            assert pair.estimate == pytest.approx((pivot or 0) * (mexa or 0))
            assert pair.measured == scores[one.model, "sample_choice", "acc", pair.language]
        measured, aligned = zip(*((pair.measured, pair.alignment) for pair in one.languages), strict=True)
        assert one.pearson.value == pytest.approx(stats.pearsonr(aligned, measured).statistic)
        assert one.pearson.n == len(one.languages)
    assert all(one.error is None for one in report.estimates if one.metric == "language_ranker")


def test_every_number_is_in_the_rows_and_the_tables_can_be_read(report: AlignmentReport) -> None:
    written = list(rows(report))
    assert all(tuple(row) == COLUMNS for row in written)
    assert sum(row["what"] == "alignment" for row in written) == sum(len(one.languages) for one in report.rankings)
    tables = list(alignment_tables(report))
    assert tables[0].title.startswith("MEXA with English")
    assert any("8 more" in row for row in tables[0].rows)
    assert all(len(row) == len(table.header) for table in tables for row in table.rows)


def test_runs_without_alignment_are_told(tmp_path: Path) -> None:
    values = np.linspace(0, 1, 12)
    run = write_run(tmp_path / "run", [Unit(model="m", language="eng_Latn-nqo_Nkoo", values=values)])
    with pytest.raises(UserError, match="the runs have no scores of alignment, or none of those asked for; run a task"):
        alignment_report([run])


def test_a_scope_keeps_its_scores_alone(baseline: RunFolder) -> None:
    scope = Scope(models=("toy-byte-lm",), metrics=("mexa", "acc"))
    found = alignment_report([baseline], scope)
    assert [(one.model, one.metric) for one in found.rankings] == [("toy-byte-lm", "mexa")]
    assert [(one.metric, one.measured_metric) for one in found.estimates] == [("mexa", "acc")]
    with pytest.raises(UserError, match="none of those asked for"):
        alignment_report([baseline], Scope(models=("ߞߊ߲",)))


def test_the_later_run_counts_and_models_of_one_name_stay_apart(baseline: RunFolder) -> None:
    scope = Scope(models=("toy-byte-lm",), metrics=("mexa",))
    assert alignment_report([baseline, baseline], scope) == alignment_report([baseline], scope)
    record = baseline.record
    toy = next(model for model in record.models if model.name == "toy-byte-lm")
    other = toy.model_copy(update={"identity": {"weights": "others"}})
    found = boards([record, record.model_copy(update={"models": (other,)})])
    titles = {model.title for board in found for model in board.models if model.name == toy.name}
    assert len(titles) == 2
    for title in titles:
        named = report_of(found, [baseline, baseline], Scope(models=(title,), metrics=("mexa",)))
        assert [ranking.model for ranking in named.rankings] == [title]
    assert report_of([], [baseline]) == AlignmentReport(rankings=(), estimates=())
