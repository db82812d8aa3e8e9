"""What prompts do to scores, as tables of text: over languages by model, and within each language."""

from __future__ import annotations

from harness.boards import digits_of
from harness.markup import fixed, plain_line
from harness.omissions import language_name, listed
from harness.prompt_spread import PromptSpread
from harness.summaries import TextTable, estimate, metric_words, model_name, without_repeats

_MOST_PROMPT_COLUMNS = 6
_OPTIMISTIC = (
    "* optimistic: chosen on the very scores it is shown with, so without an interval; not to be compared with means"
)


def prompt_tables(spread: PromptSpread) -> list[TextTable]:
    """The prompts of a task: over languages by model, then within each language."""
    setting = " ".join(filter(None, (spread.board.task.name, spread.board.variant)))
    words = metric_words(spread.facts, digits_of(spread.facts), None)
    title = f"{plain_line(setting)}: {words}; {len(spread.prompts)} prompts"
    tables = [
        _prompt_means(spread, title),
        _prompt_spreads(spread, f"{plain_line(setting)}: how far the prompts lie apart"),
    ]
    return [*tables, _prompts_by_language(spread, f"{plain_line(setting)}: prompts within each language")]


def _prompt_means(spread: PromptSpread, title: str) -> TextTable:
    digits = digits_of(spread.facts)
    rows = []
    for row in spread.models:
        best = f"best prompt, {row.best_prompt} *"
        rows += [
            *([model_name(row.model), plain_line(prompt), estimate(found, digits)]
              for prompt, found in zip(spread.prompts, row.prompts, strict=True)),
            [model_name(row.model), "mean over prompts", estimate(row.mean, digits)],
            [model_name(row.model), plain_line(best), fixed(row.best, digits)],
            [model_name(row.model), "best prompt of each language *", fixed(row.best_by_language, digits)],
        ]  # fmt: skip
    rows_in = "directions" if spread.board.directions else "languages"
    notes = [f"means over {_over(spread)} {rows_in} in which all prompts have a score", _OPTIMISTIC]
    if spread.left_out:
        notes.append(f"left out, not zero: {listed(spread.left_out)}")
    notes += [
        f"{model.title} has {count} of {len(spread.prompts)} prompts: left out" for model, count in spread.incomplete
    ]
    notes += [f"{row.model.title} is over its own {len(row.languages)}" for row in spread.models if not row.ranked]
    if not spread.resampled:
        notes.append("statistics of segments are missing: intervals are the languages' intervals averaged (too wide)")
    return TextTable(
        title=title,
        header=["model", "prompt", "mean (95 % interval)"],
        rows=without_repeats(rows, [0]),
        numbers=frozenset({2}),
        notes=tuple(map(plain_line, notes)),
    )


def _over(spread: PromptSpread) -> str:
    return str(len(spread.common)) if spread.common else "each model's own"


def _prompt_spreads(spread: PromptSpread, title: str) -> TextTable:
    digits = digits_of(spread.facts)
    rows = [
        [
            model_name(row.model),
            *(
                fixed(value, digits)
                for value in (row.spread, row.deviation, row.spread_by_language, row.deviation_by_language)
            ),
        ]
        for row in spread.models
    ]
    return TextTable(
        title=title,
        header=["model", "spread of means", "deviation", "spread in a language", "deviation in a language"],
        rows=rows,
        numbers=frozenset(range(1, 5)),
        notes=(
            "spread: highest minus lowest prompt; deviation: standard deviation; in a language: mean over languages",
            _agreement(spread),
        ),
    )


def _agreement(spread: PromptSpread) -> str:
    found = spread.agreement
    if found is None:
        return "do prompts order models alike? not said of fewer than 3 models with all prompts, or of models all alike"
    one, other = found.lowest_pair
    return plain_line(
        f"do prompts order the {found.models} models alike? Kendall's tau {found.mean:.2f} on average "
        f"(1: the same order, 0: unrelated), lowest {found.lowest:.2f} ({one} and {other})"
    )


def _prompts_by_language(spread: PromptSpread, title: str) -> TextTable:
    """Every language, worst mean first within a model; single prompts only while they fit a line."""
    digits = digits_of(spread.facts)
    sign = 1 if spread.facts.higher_is_better else -1
    each = spread.prompts if len(spread.prompts) <= _MOST_PROMPT_COLUMNS else ()
    rows = []
    for row in spread.models:
        for own in sorted(row.languages, key=lambda own: (sign * own.mean.value, own.language)):
            rows.append(
                [
                    model_name(row.model),
                    plain_line(language_name(own.language)),
                    plain_line(own.language),
                    estimate(own.mean, digits),
                    fixed(own.best, digits),
                    plain_line(own.best_prompt),
                    fixed(own.spread, digits),
                    fixed(own.deviation, digits),
                    *(fixed(value, digits) for value in own.values[: len(each)]),
                ]
            )
    header = [
        "model",
        "direction" if spread.board.directions else "language",
        "code",
        "mean over prompts",
        "best *",
        "in",
    ]
    return TextTable(
        title=title,
        header=[*header, "spread", "deviation", *map(plain_line, each)],
        rows=without_repeats(rows, [0]),
        numbers=frozenset({3, 4, *range(6, 8 + len(each))}),
        notes=(_OPTIMISTIC,),
    )
