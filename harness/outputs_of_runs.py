"""Runs -> the outputs of their systems, test set by test set, with the statistics that the runs kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.errors import UserError
from harness.pairing import incomparable, recreate
from harness.scored_outputs import Scored
from harness.store import RunFolder, SegmentRow
from harness.system_outputs import SystemOutputs
from harness.systems import Key, System, find_systems
from metrics.base import Metric

Setting = tuple[str, str, str, str]
"""``(task, variant, prompt, language)``."""


def outputs_of_runs(
    runs: Sequence[RunFolder], *, models: Sequence[str] = (), languages: Sequence[str] = ()
) -> Iterator[tuple[SystemOutputs, list[Scored]]]:
    """Every test set of the runs on which systems wrote texts, one at a time, with the metrics all of them have.

    Segments that a system failed on, or does not have, are left out for all.

    Args:
        models: Names of the only systems. languages: Directions to keep, and
            languages on either side, in canonical codes; empty for all.

    Raises:
        UserError: No such system, or no run kept hypotheses.
        RecordError: A run cannot be read.
    """
    systems = find_systems(runs)
    unknown = [name for name in models if name not in {system.name for system in systems}]
    if unknown:
        raise UserError(
            f"--models {','.join(unknown)}: no such system; the runs hold {', '.join(s.name for s in systems)}"
        )
    chosen = [system for system in systems if not models or system.name in models]
    found = False
    for setting in dict.fromkeys(key[:4] for system in chosen for key in system.scores):
        language = setting[3]
        if languages and not {language, *language.split("-")} & set(languages):
            continue
        rows = {system.name: _rows(system, setting) for system in chosen}
        with_texts = [system for system in chosen if rows[system.name]]
        if not with_texts:
            continue
        outputs = _outputs(setting, {system.name: rows[system.name] for system in with_texts})
        if not outputs.ids:
            continue
        found = True
        yield outputs, _scored(with_texts, setting, outputs.ids)
    if not found:
        raise UserError("diagnose: the runs kept no hypotheses for what was asked; only runs that generate text do")


def _rows(system: System, setting: Setting) -> dict[str, SegmentRow]:
    found = next((source for key, source in system.scores.items() if key[:4] == setting), None)
    rows = found.folder.segments(found.score.unit_key) if found else []
    return {row.segment: row for row in rows if row.hypothesis is not None and not row.failed}


def _outputs(setting: Setting, rows: dict[str, dict[str, SegmentRow]]) -> SystemOutputs:
    first = next(iter(rows.values()))
    ids = [segment for segment in first if all(segment in other for other in rows.values())]
    texts = [first[segment] for segment in ids]
    clusters = [row.cluster for row in texts]
    sourced = all(row.source is not None for row in texts)
    return SystemOutputs(
        title=" ".join(filter(None, setting)),
        target_language=setting[3].rpartition("-")[2],
        ids=tuple(ids),
        sources=tuple(row.source or "" for row in texts) if sourced else (),
        references=tuple(row.references for row in texts),
        hypotheses={name: [own[segment].hypothesis or "" for segment in ids] for name, own in rows.items()},
        labels={"document": clusters} if len(set(clusters)) < len(clusters) else {},
    )


def _scored(systems: Sequence[System], setting: Setting, ids: Sequence[str]) -> list[Scored]:
    found = []
    for name in dict.fromkeys(key[4] for system in systems for key in system.scores if key[:4] == setting):
        key: Key = (*setting, name)
        if not all(key in system.scores for system in systems):
            continue
        scores = [system.scores[key].score for system in systems]
        metric = recreate(scores[0])
        if not isinstance(metric, Metric) or any(incomparable(scores[0], other) for other in scores[1:]):
            continue
        statistics = {}
        for system in systems:
            unit = system.scores[key].statistics()
            place = {segment: row for row, segment in enumerate(unit.segments)}
            if not all(segment in place for segment in ids):
                break
            statistics[system.name] = unit.stats[[place[segment] for segment in ids]]
        else:
            found.append(Scored(metric=metric, statistics=statistics))
    return found
