"""A run whose every name and text is hostile, for tests of everything that shows names and texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.records import ModelRecord, RunRecord, ScoreRecord, StageRecord, TaskRecord
from harness.store import RunWriter, SegmentRow, UnitStatistics
from metrics import registry
from metrics.base import Segment, TextMetric

ESCAPE = "\x1b]0;owned\x07\x1b[31m"
BIDI = "\u202egnp.exe\u2066"
MARKUP = "<img src=x onerror=alert(1)></script><script>alert(1)</script>"
FORMULA = '=HYPERLINK("http://evil.example","x")'
MARKDOWN = "|`a`|[click](http://evil.example)![](http://evil.example/x.png) @maintainer ]]> &lt; #1"
PATHS = "../../../../tmp/owned"
MODELS = (f"{FORMULA}{ESCAPE}{BIDI}", f"{MARKUP}\n{MARKDOWN}", f"{PATHS}/\x85\u2028x")
TASK = f"@SUM(1+1)*cmd|' /C calc'!A0{MARKUP}{ESCAPE}"
VARIANT, PROMPT = f"-2+3{MARKDOWN}\r", f"+{PATHS}{BIDI}"
LANGUAGES = ("eng_Latn-yor_Latn", f"xx{MARKUP}{ESCAPE}", f"{PATHS}", f"={BIDI}|`")
TEXTS = (f"{MARKUP}{ESCAPE}", f"{FORMULA}\r=1+1\n", f"{MARKDOWN}\u2028\x9b31m", f"{BIDI}\ufffe\x00 ሰላም")


def write_hostile_run(folder: Path, *, worse: int = 0, languages: Sequence[str] = LANGUAGES) -> Path:
    """A run of three models; ``worse`` makes its outputs that much shorter."""
    writer = RunWriter(folder)
    metric = registry.create("chrf++")
    assert isinstance(metric, TextMetric)
    scores = []
    for place, model in enumerate(MODELS):
        for language in languages:
            rows = [_row(number, place + worse) for number in range(12)]
            scored = [row for row in rows if row.hypothesis is not None]
            stats = metric.segment_stats(
                [Segment(hypothesis=row.hypothesis, references=row.references) for row in scored]
            )
            names = tuple(row.segment for row in scored)
            held = UnitStatistics(segments=names, clusters=names, stats=stats, scores=metric.segment_scores(stats))
            writer.add_unit((model, TASK, VARIANT, PROMPT, language), rows, {"chrf++": held})
            value = metric.value(stats)
            scores.append(
                ScoreRecord(
                    model=model, task=TASK, variant=VARIANT, prompt=PROMPT, language=language, metric="chrf++",
                    title=f"chrF{MARKUP}", description=f"{MARKDOWN}{ESCAPE}", value=value, stderr=1.0, ci_low=value - 2,
                    ci_high=value + 2, n=len(scored), n_failed=1, unit="points", bounds=(0, 100), higher_is_better=True,
                    signature=f"{FORMULA}{BIDI}", note=f"{MARKUP}{ESCAPE}", ci_method=MARKUP,
                )
            )  # fmt: skip
    writer.finish(
        RunRecord(
            run_id=f"{MARKUP}{ESCAPE}{PATHS}",
            created=f"2026-01-01{ESCAPE}",
            complete=False,
            command=f"glotbench run {MARKUP}{ESCAPE}`rm -rf ~`",
            glotbench=MARKUP,
            seed=1,
            versions={MARKUP: ESCAPE},
            hardware={FORMULA: BIDI},
            git_commit=MARKUP,
            models=tuple(
                ModelRecord(name=name, backend=MARKUP, identity={ESCAPE: MARKDOWN}, label=BIDI) for name in MODELS
            ),
            tasks=(
                TaskRecord(
                    name=TASK, kind="translation", description=f"{MARKUP}{ESCAPE}", source="javascript:alert(1)",
                    license=MARKDOWN, pivot="eng_Latn", languages=tuple(languages),
                ),
            ),
            scores=tuple(scores),
            stages=(StageRecord(model=MODELS[0], task=TASK, requests=1, computed=1, seconds=1.0),),
            notes=(f"{MARKUP}{ESCAPE}\nerror: forged",),
        )
    )  # fmt: skip
    return folder


def _row(number: int, worse: int) -> SegmentRow:
    text = TEXTS[number % len(TEXTS)]
    return SegmentRow(
        segment=f"{FORMULA}{number}{ESCAPE}",
        cluster=f"{PATHS}{number}",
        source=text,
        references=(f"{text} the ferry leaves every morning",),
        hypothesis=None if number == 11 else f"{text} the ferry leaves every morning"[: 60 - 6 * worse],
        failed=f"{ESCAPE}{MARKUP}" if number == 11 else None,
        reasoning=f"{MARKUP}{BIDI}",
    )
