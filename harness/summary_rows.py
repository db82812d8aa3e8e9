"""Reports by language, group, variant and prompt as rows and JSON, every number at full precision."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from harness.breakdown import Section
from harness.markup import json_text
from harness.prompt_spread import ModelPrompts, PromptSpread
from harness.ranks import Estimate
from harness.records import ScoreRecord

REPORT_COLUMNS = (
    *("task", "variant", "prompt", "metric", "unit", "better", "by", "group", "group_name"),
    *("model", "model_tag", "rank_first", "rank_last"),
    *("mean", "ci_low", "ci_high", "above_chance", "above_chance_ci_low", "above_chance_ci_high"),
    *("gap_to_pivot", "gap_ci_low", "gap_ci_high", "gap_languages", "worst_decile", "micro"),
    *("languages_counted", "languages_scored", "languages", "n", "n_failed"),
)
"""One row a model and group. ``better`` is ``higher`` or ``lower``; ``group`` is ``all``, the code of a language or
direction, the id of a group, or a variant."""

PROMPT_COLUMNS = (
    *("task", "variant", "metric", "unit", "better", "model", "model_tag", "language", "what", "prompt"),
    *("value", "ci_low", "ci_high", "languages"),
)
"""One row a number. ``language`` is ``macro`` for means over languages; ``what`` is ``prompt`` (the score in one
prompt), ``mean`` (over prompts), ``best`` (``prompt`` says which; of a macro row the one best prompt),
``best_by_language``, ``spread`` (largest minus smallest), ``deviation`` (standard deviation),
``spread_by_language`` and ``deviation_by_language``.
"""

Cells = dict[str, str | int | float | None]


def section_rows(section: Section) -> Iterator[Cells]:
    """Lines as rows of ``REPORT_COLUMNS``."""
    for line in section.lines:
        row = line.standing
        gap = _numbers(row.gap)
        values = (
            *(section.task, line.variant, line.prompt, section.facts.metric, section.facts.unit),
            *(_better(section.facts), section.by, line.group, line.name),
            *(row.model.name, row.model.tag, *row.ranks, row.mean, row.low, row.high),
            *_numbers(row.normalised),
            *(*gap, row.gap.languages if row.gap else None),
            *(row.worst, row.micro, row.counted, row.scored, line.of, row.n, row.n_failed),
        )
        yield dict(zip(REPORT_COLUMNS, values, strict=True))


def prompt_rows(spread: PromptSpread) -> Iterator[Cells]:
    """Everything about the prompts of a task as rows of ``PROMPT_COLUMNS``."""
    facts, board = spread.facts, spread.board
    for row in spread.models:
        start = (board.task.name, board.variant, facts.metric, facts.unit, _better(facts))
        names = (*start, row.model.name, row.model.tag)
        for values in (*_macro_rows(spread, row), *_language_rows(spread, row)):
            yield dict(zip(PROMPT_COLUMNS, (*names, *values), strict=True))


_Values = tuple[str, str, str, float | None, float | None, float | None, int]


def _macro_rows(spread: PromptSpread, row: ModelPrompts) -> Iterator[_Values]:
    count = len(row.languages)
    for prompt, found in zip(spread.prompts, row.prompts, strict=True):
        yield ("macro", "prompt", prompt, *_numbers(found), count)
    yield ("macro", "mean", "", *_numbers(row.mean), count)
    yield ("macro", "best", row.best_prompt, row.best, None, None, count)
    for name in ("best_by_language", "spread", "deviation", "spread_by_language", "deviation_by_language"):
        yield ("macro", name, "", getattr(row, name), None, None, count)


def _language_rows(spread: PromptSpread, row: ModelPrompts) -> Iterator[_Values]:
    for own in row.languages:
        for prompt, value in zip(spread.prompts, own.values, strict=True):
            yield (own.language, "prompt", prompt, value, None, None, 1)
        yield (own.language, "mean", "", *_numbers(own.mean), 1)
        yield (own.language, "best", own.best_prompt, own.best, None, None, 1)
        yield (own.language, "spread", "", own.spread, None, None, 1)
        yield (own.language, "deviation", "", own.deviation, None, None, 1)


def sections_json(sections: Sequence[Section]) -> str:
    """Sections with their rows and notes."""
    return json_text(
        {
            "sections": [
                {
                    "task": section.task,
                    "metric": section.facts.metric,
                    "title": section.facts.title,
                    "unit": section.facts.unit,
                    "better": _better(section.facts),
                    "chance": section.chance,
                    "by": section.by,
                    "rows": list(section_rows(section)),
                    "notes": section.notes,
                }
                for section in sections
            ]
        }
    )


def prompts_json(spreads: Sequence[PromptSpread], notes: Sequence[str]) -> str:
    """Spreads with their rows, what was left out, and the agreement of the prompts."""
    found = [
        {
            "task": spread.board.task.name,
            "variant": spread.board.variant,
            "metric": spread.facts.metric,
            "prompts": spread.prompts,
            "languages": spread.common,
            "left_out": spread.left_out,
            "agreement": None if spread.agreement is None else dataclasses.asdict(spread.agreement),
            "rows": list(prompt_rows(spread)),
        }
        for spread in spreads
    ]
    return json_text({"prompts": found, "notes": list(notes)})


def _better(facts: ScoreRecord) -> str:
    return "higher" if facts.higher_is_better else "lower"


def _numbers(found: Estimate | None) -> tuple[float | None, float | None, float | None]:
    return (None, None, None) if found is None else (found.value, found.low, found.high)
