"""The alignment report as tables for people. Computes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from harness.alignment_report import AlignmentReport, Correlation, Estimate, LanguageRanking
from harness.languages import find
from harness.markup import fixed, signed
from harness.summaries import TextTable

_SHOWN = 12  # languages at either end of a long ranking


def alignment_tables(report: AlignmentReport) -> Iterator[TextTable]:
    """A ranking a model and metric, then one table of all correlations, then estimates language by language."""
    for ranking in report.rankings:
        yield _ranking_table(ranking)
    if report.estimates:
        yield _correlation_table(report)
    for found in report.estimates:
        if found.pivot_score is not None:
            yield _estimate_table(found)


def _ranking_table(ranking: LanguageRanking) -> TextTable:
    languages = ranking.languages
    long = len(languages) > 2 * _SHOWN + 1
    shown = [*languages[:_SHOWN], *languages[-_SHOWN:]] if long else languages
    rows = [
        [
            str(one.place),
            f"{one.first} to {one.last}",
            find(one.language).name,
            fixed(one.value, 3),
            str(one.resource) if one.resource >= 0 else "",
        ]
        for one in shown
    ]
    if long:
        rows.insert(_SHOWN, ["…", "", f"{len(languages) - 2 * _SHOWN} more", "", ""])
    notes = []
    if ranking.by_resource:
        notes.append(f"Spearman with the resource class: {_coefficient(ranking.by_resource)}")
    setting = " ".join(filter(None, (ranking.model, "·", ranking.task, ranking.variant)))
    return TextTable(
        title=f"{ranking.title} with {find(ranking.pivot).name}: {setting}",
        header=["place", "95 % interval", "language", ranking.title, "resource class"],
        rows=rows,
        numbers=frozenset({0, 3, 4}),
        notes=tuple(notes),
    )


def _correlation_table(report: AlignmentReport) -> TextTable:
    rows = [
        [
            found.model,
            found.metric,
            f"{found.setting} {found.measured_metric}",
            str(found.pearson.n),
            _coefficient(found.pearson),
            _coefficient(found.spearman),
            fixed(found.error, 3),
        ]
        for found in report.estimates
    ]
    return TextTable(
        title="Alignment and measured scores, across languages",
        header=["model", "alignment", "measured", "languages", "Pearson", "Spearman", "mean error of the estimate"],
        rows=rows,
        numbers=frozenset({3, 6}),
        notes=("The estimate is the pivot's score times MEXA; intervals: languages drawn with replacement.",),
    )


def _estimate_table(found: Estimate) -> TextTable:
    rows = [
        [
            find(one.language).name,
            fixed(one.alignment, 3),
            fixed(one.estimate, 3),
            fixed(one.measured, 3),
            signed(one.measured - one.estimate, 3) if one.estimate is not None else "",
        ]
        for one in sorted(found.languages, key=lambda one: -one.alignment)
    ]
    return TextTable(
        title=f"{found.metric} and {found.setting} {found.measured_metric}: {found.model}",
        header=["language", found.metric, "estimate", "measured", "measured - estimate"],
        rows=rows,
        numbers=frozenset({1, 2, 3, 4}),
        notes=(f"the pivot's score: {fixed(found.pivot_score, 3)}",),
    )


def _coefficient(found: Correlation) -> str:
    return f"{fixed(found.value, 2)} ({fixed(found.low, 2)} to {fixed(found.high, 2)})"
