from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from harness.errors import SpecError
from leaderboard.building import manifest
from leaderboard.drawing.figures import axis
from leaderboard.drawing.figures_trend import ChartPoint, trend_chart, trend_spark
from leaderboard.site import build
from tests.leaderboard_runs import HOSTILE_MODEL
from tests.trend_runs import FINE, FRENCH_BROKEN, write_night


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two nights alike, one in which French drops, one on other data; the first again under another path."""
    root = tmp_path_factory.mktemp("nights")
    return [
        write_night(root / "one", FINE, night=1),
        write_night(root / "two", FINE, night=2),
        write_night(root / "three", FRENCH_BROKEN, night=3, weights="second"),
        write_night(root / "four", FRENCH_BROKEN, night=4, weights="second", dataset="d2"),
        write_night(root / "again", FINE, night=1),
    ]


@pytest.fixture(scope="module")
def site(nights: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(nights, tmp_path_factory.mktemp("site")).parent


@pytest.fixture(scope="module")
def page(site: Path) -> str:
    (found,) = site.glob("trend-nightly-*.html")
    return found.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def rows(site: Path) -> list[dict[str, str]]:
    (found,) = site.glob("trend-choice-*.csv")
    with found.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_page_leads_to_the_trend(site: Path) -> None:
    assert '<a href="trend.html">Trend</a>' in (site / "index.html").read_text(encoding="utf-8")
    assert re.search(r'href="trend-nightly-\w+\.html#', (site / "trend.html").read_text(encoding="utf-8"))


def test_a_run_given_twice_counts_once(page: str, rows: list[dict[str, str]]) -> None:
    assert "over 4 runs" in page
    assert len([row for row in rows if row["language"] == "macro"]) == 4


def test_the_values_are_those_of_the_runs(rows: list[dict[str, str]]) -> None:
    means = [float(row["value"]) for row in rows if row["language"] == "macro"]
    assert means == pytest.approx([0.7, 0.7, 0.6, 0.6])
    (drop,) = [row for row in rows if row["language"] == "fra_Latn" and row["run"] == "night-3-second"]
    assert (drop["verdict"], drop["decided_by"]) == ("worse", "segments")
    assert float(drop["change"]) == pytest.approx(-0.3)


def test_the_means_have_a_file_of_their_own(site: Path, rows: list[dict[str, str]]) -> None:
    (found,) = site.glob("trend-nightly-*.csv")
    with found.open(encoding="utf-8", newline="") as stream:
        assert list(csv.DictReader(stream)) == [row for row in rows if row["language"] == "macro"]
    (file,) = site.glob("trend-choice-*.json")
    values = {(row["language"], row["run"]): row["value"] for row in json.loads(file.read_text(encoding="utf-8"))}
    assert values == {(row["language"], row["run"]): float(row["value"]) for row in rows}


def test_the_line_is_broken_where_the_data_changed(page: str, rows: list[dict[str, str]]) -> None:
    assert [row["era"] for row in rows if row["language"] == "macro"] == ["1", "1", "1", "2"]
    (after,) = [row for row in rows if row["language"] == "macro" and row["run"] == "night-4-second"]
    assert (after["change"], after["line_broken"]) == ("", "the data changed (in 3 of 3 languages)")
    assert "the data changed (in 3 of 3 languages)" in page
    assert page.count('<path class="y-break"') == 1
    assert page.count('<path class="y-line"') == 1  # the last run alone has no line


def test_every_step_has_a_verdict_of_the_gate(site: Path, page: str) -> None:
    (file,) = site.glob("trend-nightly-*-gate.json")
    found = json.loads(file.read_text(encoding="utf-8"))
    assert [step["outcome"] for step in found] == ["passed", "regressed", "not comparable"]
    assert found[0]["policy"] == "default"
    for words in ("✓</span> passed", "✗</span> regressed", "≠</span> not comparable"):
        assert words in page
    assert found[0]["policy_sha256"][:12] in page


def test_what_changed_in_the_system_and_its_programs_is_told(page: str) -> None:
    assert "<code><bdi>first</bdi></code> → <code><bdi>second</bdi></code>" in page
    assert "<b><bdi>torch</bdi></b>" in page


def test_the_same_runs_give_the_same_bytes_and_nothing_is_done_again(
    nights: list[Path], site: Path, tmp_path: Path
) -> None:
    other = build(nights, tmp_path / "other").parent
    for name in ("trend.html", "feed.xml", "changes.html", "changes.json", *(one.name for one in site.glob("trend-*"))):
        assert (other / name).read_bytes() == (site / name).read_bytes()


def test_a_new_run_redoes_no_step_that_was_done(nights: list[Path], tmp_path: Path) -> None:
    out = build(nights[:2], tmp_path / "site").parent
    before = _steps(out)
    build(nights[:3], out)
    after = _steps(out)
    assert len(after) == len(before) + 1
    assert {name: after[name] for name in before} == before


def _steps(out: Path) -> dict[str, str]:
    return {name: job.digest for name, job in manifest.read(out).jobs.items() if name.startswith("steps ")}


def test_another_policy_judges_otherwise(nights: list[Path], tmp_path: Path) -> None:
    policy = tmp_path / "only-amharic.yaml"
    policy.write_text("rules: [{select: {language: amh_Ethi}, scope: per_language, margin: 10%}]\n", encoding="utf-8")
    out = build(nights[:3], tmp_path / "site", policy=policy).parent
    (file,) = out.glob("trend-nightly-*-gate.json")
    found = json.loads(file.read_text(encoding="utf-8"))
    assert [step["outcome"] for step in found] == ["passed", "passed"]
    assert "only-amharic.yaml" in (out / "trend.html").read_text(encoding="utf-8")


def test_a_wrong_policy_is_refused_before_anything_is_written(nights: list[Path], tmp_path: Path) -> None:
    policy = tmp_path / "wrong.yaml"
    policy.write_text("rules: [{select: {}, scope: everything}]\n", encoding="utf-8")
    with pytest.raises(SpecError, match=r"wrong\.yaml"):
        build(nights, tmp_path / "site", policy=policy)
    assert not (tmp_path / "site").exists()


def test_without_a_repeated_model_there_is_no_trend_but_a_list_of_changes(tmp_path: Path) -> None:
    runs = [write_night(tmp_path / model, FINE, model=model) for model in ("አንድ", "ሁለት")]
    out = build(runs, tmp_path / "site").parent
    assert not list(out.glob("trend*"))
    assert "trend.html" not in (out / "changes.html").read_text(encoding="utf-8")
    assert (out / "feed.xml").is_file()


def test_hostile_names_are_text(tmp_path: Path) -> None:
    runs = [
        write_night(tmp_path / f"{night}", hits, night=night, model=HOSTILE_MODEL, task="<i>\u202etask")
        for night, hits in ((1, FINE), (2, FRENCH_BROKEN))
    ]
    out = build(runs, tmp_path / "site").parent
    pages = [*out.glob("trend*.html"), out / "changes.html"]
    assert len(pages) == 3
    for path in pages:
        text = path.read_text(encoding="utf-8")
        assert "<img" not in text
        assert "<i>" not in text
        assert "\u202e" not in text


def test_a_chart_joins_nothing_across_a_break_and_marks_steps_by_shape() -> None:
    facts = {"low": None, "high": None, "change": "", "told": "r"}
    points = [
        ChartPoint(label="1", value=1.0, joined=True, step="", changed=False, **facts),
        ChartPoint(label="2", value=2.0, joined=True, step="better", changed=True, **facts),
        ChartPoint(label="3", value=None, joined=True, step="", changed=False, **facts),
        ChartPoint(label="4", value=1.0, joined=False, step="", changed=False, **facts),
        ChartPoint(label="5", value=0.5, joined=True, step="worse", changed=False, **facts),
    ]
    drawing = str(trend_chart(points, axis([0.0, 2.0]), "<title>"))
    assert [drawing.count(f'class="{name}"') for name in ("y-line", "y-break", "y-up", "y-down", "fd")] == [
        2,
        1,
        1,
        1,
        4,
    ]
    assert 'aria-label="&lt;title&gt;"' in drawing


def test_a_small_line_ends_in_a_dot_on_the_last_value() -> None:
    drawing = str(trend_spark([[(0, 1.0), (1, 2.0)], [(2, 0.0)]], axis([0.0, 2.0]), 2))
    assert drawing.count("<path") == 1
    assert '<circle class="fd" cx="106"' in drawing
