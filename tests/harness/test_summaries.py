import json
from pathlib import Path

import pytest
from rich.cells import cell_len

from harness.breakdown import Section, breakdown, prompt_breakdown
from harness.prompt_tables import prompt_tables
from harness.report_scope import Scope
from harness.store import RunFolder
from harness.summaries import TextTable, markdown, section_table, without_repeats
from harness.summary_rows import (
    PROMPT_COLUMNS,
    REPORT_COLUMNS,
    prompt_rows,
    prompts_json,
    section_rows,
    sections_json,
)
from tests.harness.grouped_runs import LANGUAGES, choice_units
from tests.harness.synthetic_runs import HOSTILE, write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return write_run(tmp_path_factory.mktemp("summaries") / "run", choice_units(models=("模型 ሞዴል", "model 👩🏽‍🔬")))


@pytest.fixture(scope="module")
def prompted(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    units = choice_units(models=("ก็", "b|c", "`d`"), prompts=("p1", "p2"))
    return write_run(tmp_path_factory.mktemp("summaries") / "prompted", units)


def section_of(run: RunFolder, by: str = "overview", **scope: tuple[str, ...]) -> Section:
    (section,) = breakdown([run], by, Scope(**scope))  # type: ignore[arg-type]
    return section


def column(table: TextTable, title: str) -> list[str]:
    return [row[table.header.index(title)] for row in table.rows]


def test_a_table_says_unit_direction_guessing_interval_gap_and_worst_languages(run: RunFolder) -> None:
    section = section_of(run)
    table = section_table(section)
    assert table.title == "choice: Acc (0 to 1, higher is better; guessing scores 0.250)"
    row = section.lines[0].standing
    assert row.normalised is not None
    assert row.gap is not None
    assert table.rows[0] == [
        "模型 ሞዴል",
        "1",
        f"{row.mean:.3f} ({row.low:.3f} to {row.high:.3f})",
        f"{row.normalised.value:.3f} ({row.normalised.low:.3f} to {row.normalised.high:.3f})",
        f"{row.gap.value:+.3f} ({row.gap.low:+.3f} to {row.gap.high:+.3f})",
        f"{row.worst:.3f}",
        f"{row.micro:.3f}",
        "8 of 8",
    ]
    names = ", ".join(f"{name} {value:.3f}" for name, value in section.lines[0].worst)
    assert f"worst languages, 模型 ሞዴል: {names}" in table.notes
    assert section.lines[0].worst[0][1] == min(
        score.value for score in run.record.scores if score.model == "模型 ሞዴል" and score.value is not None
    )


def test_lower_is_better_is_said_and_turns_the_worst_languages(tmp_path: Path) -> None:
    units = [unit.changed(metric="errors", values=100 * unit.values, chance=None) for unit in choice_units()]
    section = section_of(write_run(tmp_path / "run", units))
    table = section_table(section)
    assert "(0 to 100, lower is better)" in table.title
    assert section.lines[0].standing.model.name == "weak"
    assert section.lines[0].worst[0][1] == max(
        score.value for score in RunFolder(tmp_path / "run").record.scores if score.model == "weak" and score.value
    )
    assert "above chance" not in table.header


def test_columns_without_anything_to_say_are_left_out_and_names_are_said_once(run: RunFolder) -> None:
    table = section_table(section_of(run, "language"))
    assert "variant" not in table.header
    assert "failed items" not in table.header
    assert column(table, "code")[::2] == [line.group for line in section_of(run, "language").lines][::2]
    assert set(column(table, "code")[1::2]) == {""}
    assert sorted(column(table, "model")) == sorted(["模型 ሞዴል", "model 👩🏽‍🔬"] * len(LANGUAGES))


def test_a_name_is_repeated_when_what_stands_left_of_it_changes() -> None:
    rows = [["a", "x", "1"], ["a", "x", "1"], ["a", "y", "1"], ["b", "y", "1"]]
    assert without_repeats(rows, [0, 1]) == [["a", "x", "1"], ["", "", "1"], ["", "y", "1"], ["b", "y", "1"]]


def test_prompts_are_shown_with_mean_best_and_spread(prompted: RunFolder) -> None:
    (spread,), _ = prompt_breakdown([prompted], Scope())
    means, apart, languages = prompt_tables(spread)
    assert means.title == "choice: Acc (0 to 1, higher is better); 2 prompts"
    best = f"best prompt, {spread.models[0].best_prompt} *"
    assert column(means, "prompt")[:5] == ["p1", "p2", "mean over prompts", best, "best prompt of each language *"]
    assert any(note.startswith("* optimistic") for note in means.notes)
    assert column(apart, "spread of means") == [f"{row.spread:.3f}" for row in spread.models]
    assert any("Kendall's tau" in note for note in apart.notes)
    assert len(languages.rows) == 3 * len(LANGUAGES)
    assert languages.header[-2:] == ["p1", "p2"]


def test_markdown_cannot_be_broken_by_names(prompted: RunFolder, tmp_path: Path) -> None:
    (spread,), _ = prompt_breakdown([prompted], Scope())
    text = markdown(prompt_tables(spread))
    for block in text.split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({line.replace("\\|", "").count("|") for line in rows}) <= 1
    assert "b\\|c" in text
    hostile = write_run(tmp_path / "run", choice_units(models=HOSTILE, languages=LANGUAGES[:2]))
    text = markdown([section_table(section_of(hostile, "language"))])
    assert not any(character in text for character in "\u202e\x07\x1b\x00\t")
    assert "<script>" not in text


def test_data_have_full_precision_and_every_column(run: RunFolder, prompted: RunFolder) -> None:
    section = section_of(run, "region")
    rows = list(section_rows(section))
    assert all(tuple(row) == REPORT_COLUMNS for row in rows)
    assert [row["mean"] for row in rows] == [line.standing.mean for line in section.lines]
    assert [row["gap_ci_low"] for row in rows] == [
        line.standing.gap.low if line.standing.gap else None for line in section.lines
    ]
    assert {row["group"] for row in rows} == {"region-africa", "region-americas", "region-asia"}
    body = json.loads(sections_json([section]))
    assert body["sections"][0]["rows"] == rows
    assert body["sections"][0]["notes"] == list(section.notes)
    (spread,), notes = prompt_breakdown([prompted], Scope())
    rows = list(prompt_rows(spread))
    assert all(tuple(row) == PROMPT_COLUMNS for row in rows)
    per_language = [row for row in rows if row["what"] == "prompt" and row["language"] != "macro"]
    recorded = {(score.model, score.language, score.prompt): score.value for score in prompted.record.scores}
    assert {(row["model"], row["language"], row["prompt"]): row["value"] for row in per_language} == recorded
    body = json.loads(prompts_json([spread], notes))
    assert body["prompts"][0]["rows"] == rows
    assert body["prompts"][0]["agreement"]["models"] == 3


def test_names_keep_their_width_on_a_terminal(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    from harness.commands.output import print_table

    table = section_table(section_of(run, "family"))
    print_table(table.header, table.rows, right=table.numbers)
    lines = capsys.readouterr().out.splitlines()
    place = table.header.index("mean (95 % interval)")
    ends = set()
    for line, row in zip(lines, [table.header, *table.rows], strict=True):
        ends.add(cell_len(line[: line.index(row[place]) + len(row[place])]))
    assert len(ends) == 1
