import csv
import json
from pathlib import Path

import pytest

from harness.breakdown import breakdown, prompt_breakdown
from harness.report_scope import Scope
from harness.store import RunFolder
from harness.summary_rows import PROMPT_COLUMNS
from leaderboard.site import build
from tests.harness.grouped_runs import choice_units
from tests.harness.synthetic_runs import HOSTILE, write_run

PROMPTS = ("ጥያቄ", "คำถาม", '<b onclick="x">p</b>')


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    units = choice_units(models=("strong", "weak", HOSTILE[5]), prompts=PROMPTS)
    return write_run(tmp_path_factory.mktemp("prompts") / "run", units)


@pytest.fixture(scope="module")
def site(run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build([run.path], tmp_path_factory.mktemp("site")).parent


def page(site: Path) -> str:
    (found,) = site.glob("task-choice-*.html")
    return found.read_text(encoding="utf-8")


def test_the_task_page_has_the_numbers_of_the_report(run: RunFolder, site: Path) -> None:
    (spread,), _ = prompt_breakdown([run], Scope())
    section = page(site).split('<section id="p-')[1]
    for row in spread.models:
        assert (
            f'<b>{row.mean.value:.3f}</b> <span class="ci">{row.mean.low:.3f} to {row.mean.high:.3f}</span>' in section
        )
        for value in (*(prompt.value for prompt in row.prompts), row.best, row.spread, row.deviation):
            assert f"{value:.3f}" in section
    assert "3 prompts: Acc" in section
    assert "Optimistic: chosen on the very scores it is shown with" in section
    assert "Kendall&#39;s tau" in section
    assert 'onclick="x"' not in section


def test_prompts_are_there_as_data(run: RunFolder, site: Path) -> None:
    (spread,), _ = prompt_breakdown([run], Scope(models=("weak",)))
    (table,) = site.glob("task-choice-*-prompts.csv")
    rows = list(csv.DictReader(table.open(encoding="utf-8", newline="")))
    assert tuple(rows[0]) == PROMPT_COLUMNS
    found = [row["value"] for row in rows if (row["model"], row["language"], row["what"]) == ("weak", "macro", "mean")]
    assert [float(value) for value in found] == [pytest.approx(spread.models[0].mean.value)]
    (data,) = site.glob("task-choice-*-prompts.json")
    assert len(json.loads(data.read_text(encoding="utf-8"))) == len(rows)


def test_one_prompt_has_no_section(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", choice_units())
    text = page(build([run.path], tmp_path / "site").parent)
    assert '<section id="p-' not in text
    assert not list((tmp_path / "site").glob("*-prompts.*"))


def test_rankings_show_what_the_report_says(run: RunFolder, site: Path) -> None:
    section = breakdown([run], "overview", Scope(prompts=(PROMPTS[0],)))[0]
    text = page(site)
    for line in section.lines:
        row = line.standing
        assert row.normalised is not None
        assert row.gap is not None
        interval = f"{row.normalised.low:.3f} to {row.normalised.high:.3f}".replace("-", "\N{MINUS SIGN}")
        assert f'<span class="ci">{interval}</span>' in text
        assert f"{abs(row.gap.value):.3f} <span" in text
    overview = json.loads((site / "overview.json").read_text(encoding="utf-8"))
    whole = [row for row in overview if (row["prompt"], row["languages_of"]) == (PROMPTS[0], "all")]
    assert {row["model"]: (row["above_chance"], row["gap_ci_low"], row["micro"]) for row in whole} == {
        line.standing.model.name: (
            line.standing.normalised.value,  # type: ignore[union-attr]
            line.standing.gap.low,  # type: ignore[union-attr]
            line.standing.micro,
        )
        for line in section.lines
    }
    (groups,) = site.glob("ranking-*.json")
    data = json.loads(groups.read_text(encoding="utf-8"))
    found = {row[data["columns"].index("languages_of")] for row in data["rows"]}
    assert found >= {"all", "region Africa", "resource class 5 (Winners)"}


def test_a_language_page_names_region_and_resource_class(site: Path) -> None:
    (found,) = site.glob("language-yor-latn-*.html")
    text = found.read_text(encoding="utf-8")
    assert "region: Africa" in text
    assert "resource class: 2 (Hopefuls) of 0 to 5" in text
