"""Reports by language, group and variant as tables of text, for a terminal and as Markdown.

Knows no statistics and computes nothing. Numbers have the digits that the metric says are worth showing; names are made
harmless for either place. Full precision is ``harness.summary_rows``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from harness.boards import Model
from harness.breakdown import Line, Section
from harness.groups import ALL
from harness.markup import fixed, plain_line, signed, table_cell
from harness.ranks import Estimate, Standing, worst_count
from harness.records import ScoreRecord

_UNITS: dict[str, tuple[str, tuple[float, float]]] = {
    "points": ("0 to 100", (0.0, 100.0)),
    "fraction": ("0 to 1", (0.0, 1.0)),
    "correlation": ("-1 to 1", (-1.0, 1.0)),
}
_MISSING = "–"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTable:
    """A table of a report as people read it.

    Attributes:
        title: What it is about, with unit and direction.
        header, rows: Texts; ``numbers`` are the columns to align to the right.
        notes: Lines below it.
    """

    title: str
    header: list[str]
    rows: list[list[str]]
    numbers: frozenset[int]
    notes: tuple[str, ...]


def section_table(section: Section) -> TextTable:
    """A section as a table; only the columns that say something are in it."""
    columns = [column for column in _columns(section) if any(map(column.wanted, section.lines))]
    rows = [[column.text(line) for column in columns] for line in section.lines]
    names = [index for index, column in enumerate(columns) if not column.number]
    setting = " ".join(filter(None, (section.task, section.variant, section.prompt)))
    return TextTable(
        title=f"{plain_line(setting)}: {metric_words(section.facts, section.digits, section.chance)}",
        header=[column.title for column in columns],
        rows=without_repeats(rows, [index for index in names if columns[index].groups]),
        numbers=frozenset(range(len(columns))) - frozenset(names),
        notes=tuple(plain_line(note) for note in (*_worst_notes(section), *section.notes, *_more_notes(section))),
    )


def markdown(tables: Sequence[TextTable]) -> str:
    """Tables with their titles and notes."""
    lines: list[str] = []
    for table in tables:
        marks = ["--:" if index in table.numbers else "---" for index in range(len(table.header))]
        lines += [f"## {table_cell(table.title)}", ""]
        lines += [f"| {' | '.join(map(table_cell, table.header))} |", f"|{'|'.join(marks)}|"]
        lines += [f"| {' | '.join(map(table_cell, row))} |" for row in table.rows]
        lines += ["", *(f"- {table_cell(note)}" for note in table.notes), *([""] if table.notes else [])]
    return "\n".join(lines).rstrip("\n") + "\n"


def metric_words(facts: ScoreRecord, digits: int, chance: tuple[float, float] | None) -> str:
    """What a metric is called, where it ends, which way is good, and what guessing scores."""
    words, ends = _UNITS.get(facts.unit, ("", None))
    unit = words if facts.bounds == ends else facts.unit
    goodness = "higher is better" if facts.higher_is_better else "lower is better"
    guessing = ""
    if chance is not None:
        shown = dict.fromkeys(fixed(value, digits) for value in chance)
        guessing = f"; guessing scores {' to '.join(shown)}"
    return f"{plain_line(facts.title)} ({unit}, {goodness}{guessing})"


def model_name(model: Model) -> str:
    """A model's name with its tag and remark, on one harmless line."""
    return plain_line(model.full_title)


def estimate(found: Estimate | None, digits: int, *, sign: bool = False) -> str:
    """A number with its interval, as ``61.2 (58.9 to 63.4)``."""
    if found is None:
        return _MISSING
    shown = partial(signed if sign else fixed, decimals=digits)
    if found.low is None or found.high is None:
        return f"{shown(found.value)} (unknown)"
    return f"{shown(found.value)} ({shown(found.low)} to {shown(found.high)})"


def without_repeats(rows: Sequence[Sequence[str]], columns: Sequence[int]) -> list[list[str]]:
    """Rows in which a name is blank that stands in the row above, together with all of ``columns`` left of it."""
    shown: list[list[str]] = []
    above: list[str] | None = None
    for row in rows:
        cells, same = list(row), above is not None
        for place, column in enumerate(columns):
            same = same and above is not None and row[column] == above[place]
            cells[column] = "" if same else row[column]
        above = [row[column] for column in columns]
        shown.append(cells)
    return shown


def _always(_: Line) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """One column.

    Attributes:
        number: Whether it is aligned to the right.
        groups: Whether rows that follow each other share it, so that it is said once.
        wanted: Whether a line says something in it; it is left out where none does.
    """

    title: str
    text: Callable[[Line], str]
    number: bool = False
    groups: bool = False
    wanted: Callable[[Line], bool] = _always


def _columns(section: Section) -> Iterator[_Column]:
    yield from _name_columns(section)
    yield from _score_columns(section)
    yield from _count_columns(section)


def _name_columns(section: Section) -> Iterator[_Column]:
    models = {line.standing.model for line in section.lines}
    if not section.variant:
        yield _Column(title="variant", text=_variant, groups=True, wanted=lambda line: line.variant != "")
    if not section.prompt:
        yield _Column(title="prompt", text=_prompt, groups=True, wanted=lambda line: line.prompt != "")
    if section.by == "overview":
        yield _Column(title="directions", text=_name, groups=True, wanted=lambda line: line.group != ALL)
    elif section.by == "language":
        yield _Column(title="direction" if section.directions else "language", text=_name, groups=True)
        yield _Column(title="code", text=lambda line: plain_line(line.group), groups=True)
    elif section.by != "variant":
        yield _Column(title="resource class" if section.by == "resource" else section.by, text=_name, groups=True)
    yield _Column(title="model", text=lambda line: model_name(line.standing.model))
    if section.by == "overview" and len(models) > 1:
        yield _Column(title="rank", text=lambda line: _rank(line.standing))


def _score_columns(section: Section) -> Iterator[_Column]:
    digits = section.digits
    yield _Column(
        title="score (95 % interval)" if section.by == "language" else "mean (95 % interval)",
        text=lambda line: estimate(_mean(line.standing), digits),
        number=True,
    )
    yield _Column(
        title="above chance",
        text=lambda line: estimate(line.standing.normalised, digits),
        number=True,
        wanted=lambda line: line.standing.normalised is not None,
    )
    yield _Column(
        title=f"gap to {section.pivot}",
        text=lambda line: estimate(line.standing.gap, digits, sign=True),
        number=True,
        wanted=lambda line: line.standing.gap is not None,
    )


def _count_columns(section: Section) -> Iterator[_Column]:
    digits, rows = section.digits, "directions" if section.directions else "languages"
    if section.by == "language":
        yield _Column(title="items", text=lambda line: str(line.standing.n), number=True)
    else:
        if section.by in ("overview", "variant"):
            yield _Column(title="worst tenth", text=lambda line: fixed(line.standing.worst, digits), number=True)
            yield _Column(title="micro", text=lambda line: fixed(line.standing.micro, digits), number=True)
        yield _Column(title=rows, text=_coverage, number=True)
    yield _Column(
        title="failed items",
        text=lambda line: str(line.standing.n_failed),
        number=True,
        wanted=lambda line: line.standing.n_failed > 0,
    )
    if section.by != "language" and not _worst_stand_below(section):
        yield _Column(title=f"worst {rows.removesuffix('s')}", text=lambda line: _scores(line.worst[:1], digits))


def _variant(line: Line) -> str:
    return plain_line(line.variant)


def _prompt(line: Line) -> str:
    return plain_line(line.prompt)


def _name(line: Line) -> str:
    return plain_line(line.name)


def _mean(row: Standing) -> Estimate | None:
    if row.mean is None:
        return None
    return Estimate(value=row.mean, low=row.low, high=row.high, languages=row.counted)


def _coverage(line: Line) -> str:
    """Scored of all; where the mean is over fewer than are scored, that too."""
    row = line.standing
    over = f"{row.counted} in mean, " if row.counted < row.scored else ""
    return f"{over}{row.scored} of {line.of}"


def _rank(row: Standing) -> str:
    if row.first is None:
        return "unranked"
    if not row.rank_known:
        return "unknown"
    return str(row.first) if row.first == row.last else f"{row.first} to {row.last}"


def _worst_notes(section: Section) -> Iterator[str]:
    """Where every model does worst, and what the columns of an overview are."""
    if section.by != "overview":
        return
    rows = "directions" if section.directions else "languages"
    for line in section.lines:
        if line.group == ALL and line.worst and _worst_stand_below(section):
            yield f"worst {rows}, {model_name(line.standing.model)}: {_scores(line.worst, section.digits)}"
    counts = sorted({worst_count(line.standing.counted) for line in section.lines if line.standing.counted})
    if counts:
        tenth = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        yield f"worst tenth: mean of the worst {tenth} {rows}; micro: every item counts the same"


def _worst_stand_below(section: Section) -> bool:
    """Whether there is a line for every model, which can name several languages, and not a column, which names one."""
    return section.by == "overview" and len({(line.variant, line.prompt) for line in section.lines}) == 1


def _more_notes(section: Section) -> Iterator[str]:
    """What else there is to see, and how."""
    if section.by == "overview" and len({line.prompt for line in section.lines}) > 1:
        yield "several prompts: --by prompt shows mean and best over prompts, and how far the prompts lie apart"
    if section.by == "overview" and section.others:
        yield f"measured too, shown with --metric: {', '.join(section.others)}"


def _scores(found: Sequence[tuple[str, float]], digits: int) -> str:
    return ", ".join(f"{plain_line(name)} {fixed(value, digits)}" for name, value in found)
