"""A diagnosis as Markdown for people, CSV rows and JSON for programs. Computes nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from harness.compare import verdict_on
from harness.diagnosis import FLAG, Cell, Diagnosis, Differences, FlagTable, PartTable
from harness.markup import code_span, fixed, json_text, signed, table_cell
from harness.pairing import SegmentDrop
from harness.stats import Interval
from metrics.base import MetricInfo

COLUMNS = (
    "test_set",
    "by",
    "part",
    "system",
    "metric",
    "n",
    "score",
    "ci_low",
    "ci_high",
    "delta",
    "p_corrected",
)

ALPHA = 0.05
_ALL_SHOWN = 12  # parts; of more (documents) only those where systems lie furthest apart, or do worst
_LONGEST = 300
_MARKS = {"better": " ▲", "worse": " ▼"}


def diagnosis_markdown(found: Diagnosis) -> str:
    """Tables of parts and flags, then segments, for people."""
    outputs = found.outputs
    lines = [f"# {table_cell(outputs.title) or 'Diagnosis'}", ""]
    lines += [f"{len(outputs.ids)} segments; systems: {', '.join(code_span(name) for name in outputs.hypotheses)}."]
    if len(outputs.hypotheses) > 1:
        lines += [
            "",
            f"Compared with {code_span(found.baseline)}: ▲ better, ▼ worse, on the same segments, p at most "
            f"{ALPHA:g} after Holm's correction over the rows of a table. Without a mark no difference was shown.",
        ]
    for table in found.parts:
        lines += ["", *_part_lines(table)]
    for flags in found.flags:
        lines += ["", *_flag_lines(flags)]
    for differences in found.differences:
        lines += ["", *_difference_lines(differences)]
    return "\n".join(lines) + "\n"


def diagnosis_rows(found: Diagnosis) -> Iterator[tuple[object, ...]]:
    """Cells for a CSV writer, header first, unrounded. A flag's part is ``FLAG`` and ``not FLAG``."""
    yield COLUMNS
    title = found.outputs.title
    for table in found.parts:
        for part in table.parts:
            for system, cell in part.cells.items():
                ends = (cell.interval.low, cell.interval.high)
                yield (
                    title, table.by, part.name, system, table.metric.info.name, part.n, _known(cell.value), *ends,
                    cell.delta, cell.p,
                )  # fmt: skip
    for flags in found.flags:
        for row in flags.rows:
            name = flags.metric.info.name
            yield (title, FLAG, row.flag, row.system, name, row.flagged, _known(row.value), None, None, None, None)
            rest = (row.n - row.flagged, _known(row.value_rest))
            yield (title, FLAG, f"not {row.flag}", row.system, name, *rest, None, None, None, None)


def diagnosis_json(found: Sequence[Diagnosis]) -> str:
    """Everything, unrounded; undefined numbers are null."""
    return json_text({"diagnoses": [_body(one) for one in found]})


def _body(found: Diagnosis) -> dict[str, object]:
    return {
        "test_set": found.outputs.title,
        "segments": len(found.outputs.ids),
        "systems": list(found.outputs.hypotheses),
        "baseline": found.baseline,
        "parts": [
            {
                "by": table.by,
                "metric": table.metric.info.name,
                "signature": table.metric.signature(),
                "parts": [
                    {
                        "name": part.name,
                        "n": part.n,
                        "systems": {system: _cell_body(cell) for system, cell in part.cells.items()},
                    }
                    for part in table.parts
                ],
            }
            for table in found.parts
        ],
        "flags": [
            {
                "metric": flags.metric.info.name,
                "notes": list(flags.notes),
                "rows": [
                    {
                        "flag": row.flag,
                        "system": row.system,
                        "flagged": row.flagged,
                        "n": row.n,
                        "share": row.flagged / row.n if row.n else None,
                        "ci_low": row.share.low,
                        "ci_high": row.share.high,
                        "score": row.value,
                        "score_rest": row.value_rest,
                        "examples": list(row.examples),
                    }
                    for row in flags.rows
                ],
            }
            for flags in found.flags
        ],
        "differences": [
            {
                "system": one.system,
                "against": one.against,
                "metric": one.metric.info.name,
                "losses": [_segment_body(drop) for drop in one.losses],
                "gains": [_segment_body(drop) for drop in one.gains],
            }
            for one in found.differences
        ],
    }


def _cell_body(cell: Cell) -> dict[str, object]:
    return {
        "score": cell.value,
        "ci_low": cell.interval.low,
        "ci_high": cell.interval.high,
        "interval": cell.interval.method,
        "delta": cell.delta,
        "p_corrected": cell.p,
    }


def _segment_body(drop: SegmentDrop) -> dict[str, object]:
    return {
        "segment": drop.segment,
        "score": drop.score,
        "score_against": drop.score_against,
        "source": drop.source,
        "reference": drop.reference,
        "hypothesis": drop.hypothesis,
        "hypothesis_against": drop.hypothesis_against,
    }


def _part_lines(table: PartTable) -> Iterator[str]:
    info = table.metric.info
    systems = list(table.parts[0].cells) if table.parts else []
    shown = table.parts
    yield f"## {info.title} by {table_cell(table.by)}"
    yield ""
    if len(shown) > _ALL_SHOWN:
        sign = 1 if info.higher_is_better else -1
        shown = tuple(
            sorted(
                shown,
                key=lambda part: _apart([cell.value for cell in part.cells.values()], sign),
                reverse=True,
            )[:_ALL_SHOWN]
        )
        which = "on which systems lie furthest apart" if len(systems) > 1 else "with the worst scores"
        yield f"The {_ALL_SHOWN} of {len(table.parts)} {which}; the other formats hold all."
        yield ""
    yield f"| {table_cell(table.by)} | n | {' | '.join(table_cell(name) for name in systems)} |"
    yield f"|---|--:|{'--:|' * len(systems)}"
    for part in shown:
        cells = [_cell(cell, info) for cell in part.cells.values()]
        yield f"| {table_cell(part.name)} | {part.n} | {' | '.join(cells)} |"


def _apart(values: Sequence[float], sign: int) -> float:
    """How far systems lie apart; of a single system, how bad it is."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return -math.inf
    return max(known) - min(known) if len(values) > 1 else -sign * known[0]


def _cell(cell: Cell, info: MetricInfo) -> str:
    mark = ""
    if cell.p is not None and cell.delta is not None:
        verdict = verdict_on(cell.delta, cell.p, alpha=ALPHA, higher_is_better=info.higher_is_better)
        mark = _MARKS.get(verdict, "")
    value = fixed(_known(cell.value), info.decimals) or "—"
    return f"{value}{_range(cell.interval, info.decimals)}{mark}"


def _range(found: Interval, decimals: int, factor: float = 1) -> str:
    if found.low is None or found.high is None:
        return ""
    return f" ({fixed(found.low * factor, decimals)} to {fixed(found.high * factor, decimals)})"


def _flag_lines(table: FlagTable) -> Iterator[str]:
    info = table.metric.info
    yield f"## Flags, and {info.title} with and without them"
    yield ""
    yield f"| flag | system | flagged | % of segments | {info.title}, flagged | {info.title}, others | for example |"
    yield "|---|---|--:|--:|--:|--:|---|"
    raised = {row.flag for row in table.rows if row.flagged}
    for row in table.rows:
        if row.flag not in raised:
            continue
        share = fixed(100 * row.flagged / row.n if row.n else None, 2)
        cells = [
            row.title,
            table_cell(row.system),
            str(row.flagged),
            f"{share}{_range(row.share, 2, 100)}",
            fixed(_known(row.value), info.decimals) or "—",
            fixed(_known(row.value_rest), info.decimals) or "—",
            table_cell(", ".join(row.examples[:3])),
        ]
        yield f"| {' | '.join(cells)} |"
    silent = dict.fromkeys(row.title for row in table.rows if row.flag not in raised)
    if silent or table.notes:
        yield ""
    if silent:
        yield f"No system has a segment with: {', '.join(silent)}."
    for note in table.notes:
        yield f"Not looked at: {table_cell(note)}."


def _difference_lines(found: Differences) -> Iterator[str]:
    digits = found.metric.info.decimals
    yield f"## Where {code_span(found.system)} and {code_span(found.against)} differ most, {found.metric.info.title}"
    for name, drops in (("worse", found.losses), ("better", found.gains)):
        for drop in drops:
            delta = signed(drop.score - drop.score_against, digits)
            yield ""
            yield f"Segment {code_span(drop.segment)}, {name}: {fixed(drop.score, digits)} against " + (
                f"{fixed(drop.score_against, digits)} ({delta})"
            )
            yield ""
            for label, text in (
                ("source", drop.source),
                ("reference", drop.reference),
                (found.system, drop.hypothesis),
                (found.against, drop.hypothesis_against),
            ):
                if text is not None:
                    yield f"- {table_cell(label)}: {code_span(_short(text))}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
