"""When a run stops because too much failed: early where that is sure, at a task's end where it is so at all."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from harness.commands.run import run as command
from harness.engine.models import parse_model
from harness.error_rate import DEFAULT_MAX_ERROR_RATE, ErrorRate
from harness.errors import RunIncompleteError
from harness.loader import load_tasks
from harness.runner import RunPlan, run
from harness.stage_lines import run_lines
from harness.store import ResponseStore, RunFolder
from harness.types import Failed, GenerateResponse, Response

LANGUAGES = {
    "eng_Latn": "Sentence {} about water.",
    "amh_Ethi": "ስለ ውሃ ዓረፍተ ነገር {}።",
    "tha_Thai": "ประโยคที่ {} เกี่ยวกับน้ำ",
}
GOOD = GenerateResponse(text="ደህና")
BROKEN = (
    f"""{sys.executable} -c 'import sys; t = sys.stdin.read(); """
    """sys.exit("no {} here") if {} else print(t, end="")'"""
)


def answers(failed: int, good: int) -> list[Response]:
    return [*[Failed(reason=f"HTTP 500: request {number}") for number in range(failed)], *[GOOD] * good]


def test_nothing_is_judged_by_a_few_answers() -> None:
    rate = ErrorRate(0.05, "m", "t")
    rate.told(answers(19, 0))
    rate.settle()
    with pytest.raises(RunIncompleteError, match=r"m on t: 20 of 20 answers failed: HTTP 500: request 0; at most 0.05"):
        rate.told(answers(1, 0))


def test_bad_luck_at_the_beginning_does_not_stop_a_run_and_its_end_does() -> None:
    rate = ErrorRate(0.05, "m", "t")
    rate.told(answers(3, 22))
    rate.told(answers(0, 35))
    rate.settle()
    assert rate.summary() == "3 of 60 answers failed: HTTP 500: request 0"
    rate.told([Failed(reason="empty")])
    with pytest.raises(RunIncompleteError, match=r"4 of 61 answers failed \(3 of them\): HTTP 500: request 0; at most"):
        rate.settle()


def test_a_share_that_is_allowed_is_hardly_ever_stopped_early() -> None:
    rng = np.random.default_rng(7)
    stopped = 0
    for _ in range(300):
        rate = ErrorRate(0.05, "m", "t")
        try:
            for batch in rng.random((60, 16)) < 0.05:
                rate.told(answers(int(batch.sum()), int((~batch).sum())))
        except RunIncompleteError:
            stopped += 1
    assert stopped <= 3


def test_none_and_all_may_be_allowed() -> None:
    rate = ErrorRate(0.0, "m", "t")
    rate.told(answers(0, 500))
    with pytest.raises(RunIncompleteError, match="1 of 501 answers failed"):
        rate.told(answers(1, 0))
    everything = ErrorRate(1.0, "m", "t")
    everything.told(answers(900, 0))
    everything.settle()


def test_the_command_lines_default_is_the_plans() -> None:
    (option,) = [one for one in command.params if one.name == "max_error_rate"]
    assert option.default == DEFAULT_MAX_ERROR_RATE


def test_known_answers_count() -> None:
    rate = ErrorRate(0.05, "m", "t")
    rate.known(970)
    rate.told(answers(30, 0))  # what failed before fails again, and the run is as complete as it was
    rate.settle()


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tasks")
    for language, text in LANGUAGES.items():
        rows = "".join(f"{number}\t{text.format(number)}\n" for number in range(50))
        (folder / f"{language}.tsv").write_text("id\ttext\n" + rows, encoding="utf-8")
    spec = {
        "task": "translate",
        "kind": "translation",
        "dataset": {"files": "{lang}.tsv", "key": "id"},
        "languages": list(LANGUAGES),
        "directions": "eng-xx",
        "metrics": ["chrf++"],
    }
    (folder / "translate.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    return folder


def plan(tasks: Path, out: Path, program: str) -> RunPlan:
    model = parse_model(f"command:{program},name=c,batch_size=10")
    return RunPlan(tasks=load_tasks(["translate"], [tasks]), models=[model], out=out)


def silent(*_: object) -> None:
    pass


def test_a_program_that_always_fails_stops_the_run_at_once(tasks: Path, tmp_path: Path) -> None:
    with pytest.raises(
        RunIncompleteError, match=r"c on translate: 20 of 20 answers failed: exit code 1: no use here; at"
    ):
        run(plan(tasks, tmp_path, BROKEN.format("use", "True")), silent)
    assert not list(tmp_path.glob("*/run.json"))


def test_what_was_answered_is_kept_and_the_same_command_goes_on(tasks: Path, tmp_path: Path) -> None:
    flag = tmp_path / "mended"
    condition = f'"7" in t and not __import__("os").path.exists("{flag}")'
    asked = plan(tasks, tmp_path / "out", BROKEN.format("seven", condition))
    with pytest.raises(RunIncompleteError, match=r"10 of 100 answers failed: exit code 1: no seven here; at most 0.05"):
        run(asked, silent)
    with ResponseStore(tmp_path / "out" / "responses.sqlite") as store:
        assert store._db.execute("SELECT count(*) FROM responses").fetchone() == (90,)
    flag.touch()
    record = RunFolder(run(asked, silent)).record
    assert {(score.n, score.n_failed) for score in record.scores} == {(50, 0)}
    assert record.stages[0].failed == 0


def test_failures_that_are_allowed_stand_in_the_runs_last_lines(tasks: Path, tmp_path: Path) -> None:
    asked = plan(tasks, tmp_path, BROKEN.format("seven", '"7" in t'))
    record = RunFolder(run(dataclasses.replace(asked, max_error_rate=0.2), silent)).record
    assert {(score.n, score.n_failed) for score in record.scores} == {(45, 5)}
    assert record.notes == ("c on translate: 10 of 100 answers failed: exit code 1: no seven here",)
    assert next(iter(run_lines(record))).startswith("c on translate: 100 requests, 100 computed, 0 known, 10 failed, ")
