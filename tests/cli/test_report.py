"""``glotbench report`` as people use it."""

from __future__ import annotations

import csv
import io
import json
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import cli
from harness.summary_rows import PROMPT_COLUMNS, REPORT_COLUMNS
from tests.cli.test_command_line import glotbench
from tests.cli.test_documented_commands import REPOSITORY, commands
from tests.harness.grouped_runs import LANGUAGES, choice_units
from tests.harness.synthetic_runs import HOSTILE, write_run

BASELINE = REPOSITORY / "results" / "baseline"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two runs: a task in two variants and two prompts, and one in which a model has fewer languages."""
    folder = tmp_path_factory.mktemp("runs")
    units = choice_units(models=("strong", "middling", "weak"), prompts=("p1", "p2"))
    variants = [unit.changed(variant=name) for name in ("direct", "translate_test") for unit in units]
    write_run(
        folder / "one", [unit for unit in variants if (unit.variant, unit.language) != ("translate_test", "eng_Latn")]
    )
    other = [unit.changed(task="other", chance=None) for unit in choice_units(models=("strong", "weak"))]
    write_run(folder / "two", [unit for unit in other if (unit.model, unit.language) != ("weak", "nqo_Nkoo")])
    return folder


def report(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["report", *map(str, arguments)], catch_exceptions=False)


def table_of(*arguments: str | Path) -> list[str]:
    done = report(*arguments)
    assert done.exit_code == 0, done.output
    return done.stdout.splitlines()


def rows_of(*arguments: str | Path) -> list[dict[str, str]]:
    done = report(*arguments, "--format", "csv")
    assert done.exit_code == 0, done.output
    return list(csv.DictReader(io.StringIO(done.stdout)))


def test_every_way_to_break_down_prints_a_table_of_every_task(runs: Path) -> None:
    for by in ("language", "family", "script", "resource", "region", "variant"):
        lines = table_of(runs, "--by", by)
        assert any(line.startswith("choice") for line in lines), by
        assert any(line.startswith("other: Acc (0 to 1, higher is better)") for line in lines), by
    assert any("2 (Hopefuls)" in line for line in table_of(runs, "--by", "resource"))
    assert any("Ethiopic (Ethi)" in line for line in table_of(runs, "--by", "script"))


def test_the_overview_has_a_line_a_model_and_says_what_is_left_out(runs: Path) -> None:
    lines = table_of(runs)
    assert lines[0] == "choice: Acc (0 to 1, higher is better; guessing scores 0.250)"
    head = lines[1].split()
    assert head[:3] == ["variant", "prompt", "model"]
    text = "\n".join(lines)
    assert "translate_test p1, translate_test p2: no gap to English: it has no score here" in text
    assert "--by prompt shows mean and best over prompts" in text
    assert "means are over the 7 languages that all ranked models have; without N'Ko" in text
    assert "7 in mean, 8 of 8" in text


def test_numbers_stand_under_each_other(runs: Path) -> None:
    lines = table_of(runs, "--task", "other", "--by", "family")
    header = lines[1]
    for title in ("mean (95 % interval)", "gap to English", "languages"):
        end = header.index(title) + len(title)
        for line in lines[2 : 2 + 2 * 6]:
            assert line[end - 1] != " "
            assert line[end : end + 1] in ("", " ")


def test_csv_has_the_documented_columns_at_full_precision(runs: Path) -> None:
    rows = rows_of(runs, "--by", "language", "--task", "other")
    assert tuple(rows[0]) == REPORT_COLUMNS
    assert len(rows) == 2 * len(LANGUAGES)
    missing = [row for row in rows if (row["group"], row["model"]) == ("nqo_Nkoo", "weak")]
    assert [(row["mean"], row["languages_scored"]) for row in missing] == [("", "0")]
    recorded = {
        (score["model"], score["language"]): score["value"]
        for score in json.loads((runs / "two" / "run.json").read_text(encoding="utf-8"))["scores"]
    }
    for row in rows:
        if row["mean"]:
            assert float(row["mean"]) == recorded[row["model"], row["group"]]


def test_by_prompt_in_every_format(runs: Path) -> None:
    done = report(runs, "--by", "prompt")
    assert "choice direct: Acc (0 to 1, higher is better); 2 prompts" in done.stdout
    assert "best prompt of each language *" in done.stdout
    assert "Kendall's tau" in done.stdout
    assert "other: one prompt only" in done.stderr
    rows = rows_of(runs, "--by", "prompt", "--variant", "direct")
    assert tuple(rows[0]) == PROMPT_COLUMNS
    macro = {(row["model"], row["what"], row["prompt"]): row["value"] for row in rows if row["language"] == "macro"}
    means = [float(macro["weak", "prompt", prompt]) for prompt in ("p1", "p2")]
    assert float(macro["weak", "mean", ""]) == pytest.approx(sum(means) / 2)
    assert float(macro["weak", "spread", ""]) == pytest.approx(abs(means[0] - means[1]))
    body = json.loads(report(runs, "--by", "prompt", "--format", "json").stdout)
    assert [found["variant"] for found in body["prompts"]] == ["direct", "translate_test"]
    assert body["notes"] == ["other: one prompt only (it has no name)"]
    assert report(runs, "--by", "prompt", "--format", "markdown").stdout.count("\n## ") == 5


def test_options_choose_task_model_metric_variant_and_prompt(runs: Path) -> None:
    options = ("--task", "choice", "--model", "weak", "--variant", "direct", "--prompt", "p2", "--metric", "Acc")
    (row,) = rows_of(runs, *options)
    assert [row[name] for name in ("task", "model", "variant", "prompt")] == ["choice", "weak", "direct", "p2"]
    names = {row["metric"] for row in rows_of(BASELINE, "--task", "sample_translation", "--metric", "all")}
    assert names == {"bleu", "chrf++"}
    assert {row["metric"] for row in rows_of(BASELINE, "--task", "sample_translation")} == {"bleu"}


def test_the_same_runs_give_the_same_bytes_however_they_are_named(runs: Path) -> None:
    whole = report(runs, "--format", "json").stdout
    assert report(runs / "one", runs / "two" / "run.json", "--format", "json").stdout == whole
    assert report(runs, runs / "one", "--format", "json").stdout == whole


def test_the_committed_record_is_reported_with_directions_apart() -> None:
    lines = table_of(BASELINE, "--task", "sample_translation")
    assert [line.split("  ")[0] for line in lines[2:5]] == ["all", "out of English", "without English"]
    assert any("no gap to English: in a direction both sides change" in line for line in lines)
    (line,) = [line for line in table_of(BASELINE, "--task", "sample_choice") if line.startswith("toy-byte-lm")]
    assert "12 of 12" in line


def test_the_documented_commands_run_and_print_the_documented_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(BASELINE, tmp_path / "results" / "RUN")
    monkeypatch.chdir(tmp_path)
    for command in commands("docs/reading-scores.md", "The command"):
        assert report(*shlex.split(command)[2:]).exit_code == 0, command
    text = (REPOSITORY / "docs" / "reading-scores.md").read_text(encoding="utf-8")
    title, header, *_ = [line[4:] for line in text.splitlines() if line.startswith("    ")]
    printed = report("results/RUN", "--task", "sample_choice").stdout.splitlines()
    assert printed[0] == title
    assert printed[1].split("  ") == header.split("  ")


def test_names_cannot_reach_the_terminal_as_commands(tmp_path: Path) -> None:
    write_run(tmp_path / "run", choice_units(models=HOSTILE, prompts=HOSTILE[:2], languages=LANGUAGES[:3]))
    for by in ("language", "prompt"):
        for form in ("table", "markdown"):
            text = report(tmp_path / "run", "--by", by, "--format", form).stdout
            assert "አማርኛ ጽሑፍ" in text
            assert not any(character in text for character in "\u202e\x07\x1b\x00\t")


def test_an_incomplete_run_is_said_on_standard_error(tmp_path: Path) -> None:
    write_run(tmp_path / "run", choice_units(), complete=False)
    done = report(tmp_path / "run", "--format", "csv")
    assert "not complete" in done.stderr
    assert done.stdout.startswith("task,")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--task", "choise"), "no task 'choise' in the runs (did you mean 'choice'?); they have choice"),
        (("--metric", "chrf"), "no metric 'chrf'"),
        (("--model", "ደካማ"), "no model 'ደካማ'"),
        (("--by", "tribe"), "'tribe' is not one of"),
    ],
)
def test_a_mistake_is_one_clear_line_and_exit_code_2(runs: Path, arguments: tuple[str, ...], message: str) -> None:
    done = glotbench("report", runs / "one", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_folder_without_runs_is_a_mistake_of_the_user(tmp_path: Path) -> None:
    done = glotbench("report", tmp_path)
    assert done.returncode == 2
    assert "no run record there or below" in done.stderr
