"""What a comparison found, in words: in one language, in all, and what could not be compared. Computes no statistic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.compare import Comparison, Contrast, NotCompared
from harness.markup import fixed
from harness.pairing import MACRO

CORRECTIONS = {
    "bh": "Benjamini-Hochberg (a list of suspects, of which 1 in 20 may be a false alarm)",
    "holm": "Holm (any false alarm at all in 1 of 20 such tables)",
    "none": "not at all (1 in 20 languages that do not differ will seem to)",
}
"""What each correction over languages promises at level .05."""

_MOST_NAMED = 12
_WORST_LANGUAGES = 3
_WORST_SEGMENTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The contrasts of two systems on one task, variant, prompt and metric; the macro row first where there is one."""

    system: str
    against: str
    title: str
    rows: tuple[Contrast, ...]

    @property
    def macro(self) -> Contrast | None:
        return next((row for row in self.rows if row.language == MACRO), None)

    @property
    def languages(self) -> tuple[Contrast, ...]:
        return tuple(row for row in self.rows if row.language != MACRO)

    @property
    def identical(self) -> bool:
        """Whether the two never differed, in several languages: then their lines say nothing."""
        never = [row.delta == 0 and row.stderr is not None and row.stderr == 0 for row in self.rows]
        return len(never) > 1 and all(never)


def tables(comparison: Comparison) -> list[Table]:
    """Contrasts by pair of systems, then by what was measured."""
    found: dict[tuple[str, ...], list[Contrast]] = {}
    for row in comparison.contrasts:
        setting = " / ".join(part for part in (row.task, row.variant, row.prompt) if part)
        goodness = "higher is better" if row.higher_is_better else "lower is better"
        found.setdefault((row.system, row.against, f"{setting}: {row.title} ({goodness})"), []).append(row)
    order = {pair: place for place, pair in enumerate(dict.fromkeys(key[:2] for key in found))}
    return [
        Table(system=key[0], against=key[1], title=key[2], rows=tuple(found[key]))
        for key in sorted(found, key=lambda key: order[key[:2]])
    ]


def verdict_words(row: Contrast) -> str:
    """One contrast as a sentence: verdict, size, interval, p, or what could have been found."""
    digits = row.decimals + 1
    if row.delta is None:
        return f"{row.system} and {row.against}: the difference is undefined on these {row.n} segments"
    items = "" if row.clusters is None else f" ({row.clusters} items)"
    over = f", mean over {row.languages} languages{items}" if row.language == MACRO else ""
    if row.verdict == "no difference shown":
        found = row.minimum_detectable_effect
        if found is None:
            return f"no difference{over}: the two never differed"
        return f"no difference shown{over}; one of {fixed(found, digits)} would have been found four times in five"
    ends = sorted(abs(end) for end in (row.low, row.high) if end is not None)
    interval = f" ({fixed(ends[0], digits)} to {fixed(ends[1], digits)})" if len(ends) == 2 else ""
    return f"{row.verdict} by {fixed(abs(row.delta), digits)}{interval}{over}, {p_words(row.p_corrected)}"


def table_notes(table: Table) -> Iterator[str]:
    """Sentences below one table: the outcome, what belongs together, what was left out."""
    macro, languages = table.macro, table.languages
    yield f"{table.system} against {table.against}: {verdict_words(macro or languages[0])}."
    if macro is not None:
        yield f"By language: {_counted(languages)}."
    dependent = [row for row in languages if row.clusters is not None and row.clusters < row.n]
    if dependent:
        counts = sorted({row.clusters for row in dependent if row.clusters is not None})
        shown = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        yield f"Segments of one document or passage are kept together: {shown} independent items a language."
    left_out = [row for row in languages if row.left_out]
    if left_out:
        named = _named([f"{row.language} {row.left_out}" for row in left_out])
        yield f"Left out, because only one of the two has them or has a score for them: {named} segments."


def shown_losses(table: Table, worst: int | None) -> tuple[list[Contrast], str]:
    """Whose worst segments to show, the largest loss first, cut to as many as wanted; and what to say of the others.

    Args:
        worst: Segments of every language that has losses; without it three, of the three languages that lost most.
    """
    candidates = [row for row in table.languages if row.worst and (worst is not None or row.verdict == "worse")]
    most = _WORST_SEGMENTS if worst is None else worst
    if not most or not candidates:
        return [], ""
    if worst is not None:
        return [replace(row, worst=row.worst[:most]) for row in candidates], ""
    candidates.sort(key=lambda row: -abs(row.delta or 0.0))
    rows = [replace(row, worst=row.worst[:most]) for row in candidates[:_WORST_LANGUAGES]]
    more = len(candidates) - len(rows)
    return rows, f"{more} more got worse; --worst {most} shows segments of all languages" if more else ""


def reading_words(comparison: Comparison) -> Iterator[str]:
    """What the columns say."""
    yield f"p: paired tests of no difference; by language corrected by {CORRECTIONS[comparison.correction]}."
    if any(row.language == MACRO for row in comparison.contrasts):
        yield "macro: mean over languages, tested alone; a segment in several languages is one item."
    yield (
        "could find: the smallest true difference that the test of this line would have found four times in five. "
        "“None shown” does not exclude a smaller one."
    )


def grouped_reasons(left: Sequence[NotCompared]) -> list[tuple[str, str]]:
    """What was not compared, and why: languages with one reason are named together."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in left:
        place = " / ".join(part for part in (one.task, one.variant, one.prompt, one.metric) if part)
        found.setdefault((f"{one.system} against {one.against}, {place}", one.reason), []).append(one.language)
    return [(f"{place}, {_named(languages)}", reason) for (place, reason), languages in found.items()]


def p_words(p: float) -> str:
    """A p-value with its name."""
    return "p<0.001" if p < 0.001 else f"p={p:.3f}"


def _counted(languages: Sequence[Contrast]) -> str:
    parts = []
    for verdict in ("worse", "better", "no difference shown"):
        names = [row.language for row in languages if row.verdict == verdict]
        if names:
            listed = f": {_named(names)}" if verdict != "no difference shown" else ""
            parts.append(f"{verdict} in {len(names)} of {len(languages)}{listed}")
    return "; ".join(parts)


def _named(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
