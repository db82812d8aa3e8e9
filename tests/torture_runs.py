"""A run whose models and segments hold every text that is known to break pages, each under a name of its own."""

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path

import numpy as np

from harness.records import ModelRecord, RunRecord, ScoreRecord, TaskRecord
from harness.store import RunWriter, SegmentRow, UnitStatistics
from tests.leaderboard_runs import score

ALERT = "alert(document.domain)"
MARKUP = {
    "script": f"<script>{ALERT}</script>",
    "end of script": f"</script><script>{ALERT}</script>",
    "end of title": f"</title></textarea></style></noscript><script>{ALERT}</script>",
    "image": f"<img src=x onerror={ALERT}>",
    "drawing": f"<svg/onload={ALERT}><animate onbegin={ALERT}></svg>",
    "frame": f"<iframe srcdoc='<script>{ALERT}</script>'></iframe><object data=x></object><embed src=x>",
    "address": f"javascript:{ALERT}",
    "link": f"<a href=javascript:{ALERT}>here</a><base href=http://evil.example/><form action=x><button>go",
    "refresh": "<meta http-equiv=refresh content='0;url=http://evil.example/'><link rel=stylesheet href=//evil.ex>",
    "double quote": f'" onmouseover="{ALERT}" autofocus onfocus="{ALERT}" x="',
    "single quote": f"' onmouseover='{ALERT}' x='",
    "backtick": f"`onmouseover={ALERT}`",
    "template": "{{7*7}} ${7*7} <%= 7*7 %> {% raw %}{{ config }}{# #}",
    "entity": "&lt;script&gt; &#60;script&#62; &amp;amp; &nbsp &notin;",
    "comment": "<!-- --!> <![CDATA[ ]]> <?php ?>",
    "style": "<style>*{display:none}</style><p style='position:fixed;inset:0'>",
}
MARKS = "".join(chr(code) for code in range(0x0300, 0x0370))
LAYOUT = {
    "override": "abc\u202edef ghi",
    "embedding": "\u202b\u202aabc \u202ddef",
    "isolate": "abc\u2067def\u2066\u2068 ghi",
    "closings": "\u202c\u202c\u2069\u2069abc",
    "marks": "a\u200eb\u200fc\u061cd",
    "zero width": "a\u200bb\u200cc\u200dd\u2060e\ufefff\u00adg\u034fh\u180ei",
    "null": "a\x00b\x00",
    "controls": "bell\x07 escape\x1b[31m back\x08 feed\x0c next\x85 delete\x7f \x9b31m",
    "lines": "one\ntwo\r\nthree\rfour\u2028five\u2029six\ttab\x0bseven",
    "tower": f"Z{MARKS}a{MARKS}l{MARKS}g{MARKS}o",
    "unbroken": "Unbroken" * 400,
    "spaces": " \u00a0\u3000\u2003 ",
    "tags": "\U000e0001\U000e0041\U000e0042 \U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f",
    "Arabic": "مرحبا بالعالم 123 abc!",
    "Hebrew": "שלום (עולם) 42",
    "N'Ko": "ߒߞߏ ߞߊ߲ ߦߋ߫",
    "Amharic": "ጀልባው ከእሁድ በስተቀር",
    "emoji": "👩🏽‍🔬🇪🇹🏳️‍🌈 1️⃣",
}
LONG_LINE = "A line of a megabyte <b>. " * 40_000
NAMES = MARKUP | LAYOUT


def _plane(number: int) -> str:
    """Some hundred characters from all over a plane of Unicode, its noncharacters too; no surrogates."""
    codes = [*range(number << 16, (number + 1) << 16, 197), (number << 16) + 0xFFFE, (number << 16) + 0xFFFF]
    return "".join(chr(code) for code in codes if unicodedata.category(chr(code)) != "Cs")


PLANES = {f"plane {number}": _plane(number) for number in range((sys.maxunicode >> 16) + 1)}
TEXTS = NAMES | PLANES | {"long line": LONG_LINE}
LANGUAGES = ("eng_Latn-arb_Arab", "eng_Latn-amh_Ethi", "eng_Latn-<img src=x onerror=alert(2)>")
TASK = f"{MARKUP['end of title']} {LAYOUT['override']}"
WITH_TEXTS = MARKUP["image"]


def write_torture_run(folder: Path) -> Path:
    """One model for every name, scored in three languages; ``WITH_TEXTS`` has all texts as segments."""
    writer = RunWriter(folder)
    scores = [
        _score(writer, name, language, place)
        for place, name in enumerate(NAMES.values())
        for language in LANGUAGES
        if name.strip()
    ]
    record = RunRecord(
        run_id=MARKUP["script"],
        created="2026-01-01",
        complete=False,
        command=" ".join(NAMES.values()),
        glotbench=MARKUP["script"],
        seed=1,
        versions=NAMES,
        hardware={name: text for name, text in zip(NAMES.values(), NAMES.values(), strict=True) if name.strip()},
        models=tuple(
            ModelRecord(name=name, backend=MARKUP["image"], identity={"weights": name}, label=LAYOUT["isolate"])
            for name in NAMES.values()
            if name.strip()
        ),
        tasks=(
            TaskRecord(
                name=TASK, kind=MARKUP["image"], description=LAYOUT["tower"], source=MARKUP["address"], license=TASK
            ),
        ),
        scores=tuple(scores),
        notes=tuple(NAMES.values()),
    )
    writer.finish(record)
    return folder


def _score(writer: RunWriter, name: str, language: str, place: int) -> ScoreRecord:
    hits = np.array([(index + place) % 3 > 0 for index in range(len(TEXTS))], dtype=np.float64)
    if name == WITH_TEXTS:
        _write_texts(writer, name, language, hits)
    return score(
        name,
        language,
        float(hits.mean()) + place / 1000,
        task=TASK,
        variant=MARKUP["single quote"],
        prompt=MARKUP["double quote"],
        metric="made_up",
        title=MARKUP["drawing"],
        description=MARKUP["frame"],
        signature=LAYOUT["unbroken"],
        note=MARKUP["script"],
        n=len(TEXTS),
        unit="fraction",
        bounds=(0, 1),
    )


def _write_texts(writer: RunWriter, name: str, language: str, hits: np.ndarray) -> None:
    texts = list(TEXTS.values())
    rows = [
        SegmentRow(
            segment=f"{index} {name}",
            cluster=f"{index}",
            source=text,
            references=(texts[index - 1], text),
            hypothesis=text,
            reasoning=texts[index - 2],
        )
        for index, (name, text) in enumerate(TEXTS.items())
    ]
    ids = tuple(row.segment for row in rows)
    statistics = UnitStatistics(
        segments=ids, clusters=ids, stats=np.column_stack([hits, np.ones(len(hits))]), scores=hits
    )
    unit = (name, TASK, MARKUP["single quote"], MARKUP["double quote"], language)
    writer.add_unit(unit, rows, {"made_up": statistics})
