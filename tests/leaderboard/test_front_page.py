"""The page that leads to several leaderboards."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.example_sites import examples
from leaderboard.front_page import entrance, write_front_page
from tests.leaderboard_runs import HOSTILE_MODEL, record_of, score


def test_it_leads_to_every_leaderboard_and_says_how_much_is_there(tmp_path: Path) -> None:
    record = record_of(score("a", "eng_Latn-yor_Latn", 1.0), score(HOSTILE_MODEL, "amh_Ethi", 2.0))
    page = write_front_page(
        tmp_path, [entrance("one", "<b>አንድ</b>", "What <i>it</i> is.", [record])], ["Note \u202e here."]
    )
    text = page.read_text(encoding="utf-8")
    assert '<a href="one/index.html">&lt;b&gt;አንድ&lt;/b&gt;</a>' in text
    counts = "".join(f'<td class="num">{count}</td>' for count in (2, 1, 3, 2))
    assert counts in text
    assert "\u202e" not in text
    own = {target for target in re.findall('(?:href|src)="([^"#]*)"', text) if not target.startswith("one/")}
    assert "assets/style.css" in own
    assert all((tmp_path / target).is_file() for target in own), own


def test_every_example_but_the_demo_says_what_data_it_needs(tmp_path: Path) -> None:
    assert [example.folder for example in examples(None)] == ["demo"]
    found = examples(tmp_path)
    assert len({example.folder for example in found}) == len(found) == 5
    assert all(bool(example.commands) == bool(example.needs) for example in found)
