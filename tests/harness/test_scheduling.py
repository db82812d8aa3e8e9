"""One scheduler over all tasks of a run: what is asked twice is computed once, and sharing changes no number."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import datasets
import pytest
import yaml

from harness import asking
from harness.account import SharedAccount
from harness.engine.echo import EchoEngine
from harness.engine.hf import HuggingFaceEngine
from harness.engine.models import load_model, parse_model
from harness.errors import DataError, RecordError
from harness.export import scores_csv
from harness.forecast import forecast
from harness.loader import load_tasks
from harness.overlap import ReadAhead
from harness.records import RunRecord
from harness.runner import RunPlan, run
from harness.store import ResponseStore, RunFolder
from harness.tasks import lm, lm_eval_task
from harness.tasks.lm_own import LanguageModelUnit
from harness.types import Failed, Generate, LogLikelihood, LogLikelihoodResponse, Request, Response

WORDS = {"amh_Ethi": "ውሃ ዳቦ", "arb_Arab": "الماء والخبز", "mya_Mymr": "ရေ ပေါင်မုန့်", "nqo_Nkoo": "ߖߌ ߓߎ߬ߙߎ 🍞"}
ASKED = 9
"""Questions a language, with two answers each."""
MODEL = "device=cpu,dtype=float32,name=tiny,batch_tokens=256"


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tasks that ask the same, one of other prompts, one of texts to score and one of texts to write."""
    folder = tmp_path_factory.mktemp("scheduling")
    for language, word in WORDS.items():
        rows = [f'{{"q": "{word} {number}?", "a": ["1", "{word}"], "gold": {number % 2}}}\n' for number in range(ASKED)]
        (folder / f"{language}.jsonl").write_text("".join(rows), encoding="utf-8")
    prompt = {"doc_to_text": "{{q}}", "doc_to_choice": "{{a}}", "doc_to_target": "{{gold}}"}
    common = {"dataset": {"files": "{lang}.jsonl"}, "languages": list(WORDS)}
    lines = {"dataset": {"files": "{lang}.jsonl", "text": "q"}, "languages": list(WORDS)}
    write = {"doc_to_text": "{{q}} =", "doc_to_target": "{{gold}}", "generation_kwargs": {"max_gen_toks": 4}}
    ask = {"kind": "multiple_choice", "metrics": ["acc"], **common}
    own_examples = {"dataset": {"files": "{lang}.jsonl", "fewshot_split": "test"}, "num_fewshot": 2}
    specs = {
        "shots": {**ask, **own_examples, "metrics": ["acc", "f1_macro"], "prompts": {"plain": prompt}},
        "ask": {**ask, "prompts": {"plain": prompt}},
        "again": {**ask, "prompts": {"plain": prompt}},
        "more": {**ask, "prompts": {"long": {**prompt, "doc_to_text": "{{q}} 水とパン"}}},
        "surprise": {"kind": "perplexity", "metrics": ["bits_per_byte"], **lines},
        "write": {"kind": "generate_until", "metrics": ["exact_match"], **common, "prompts": {"w": write}},
    }
    for name, spec in specs.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump({"task": name, **spec}), encoding="utf-8")
    return folder


def plan(folder: Path, out: Path, *names: str, model: str = "echo:x") -> RunPlan:
    return RunPlan(tasks=load_tasks(names, [folder]), models=[parse_model(model)], out=out)


def silent(*_: object) -> None:
    pass


def done(folder: Path, out: Path, *names: str, model: str = "echo:x", max_error_rate: float = 0.05) -> RunRecord:
    wanted = dataclasses.replace(plan(folder, out, *names, model=model), max_error_rate=max_error_rate)
    return RunFolder(run(wanted, silent)).record


def answers(out: Path) -> dict[str, str]:
    """What stands in the response store: by key, the answer as it was written."""
    with sqlite3.connect(out / "responses.sqlite") as store:
        return {key: body.decode() for key, body in store.execute("SELECT key, body FROM responses")}


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[list[Request]]:
    """Every batch that the echo backend is asked."""
    seen: list[list[Request]] = []
    answer = EchoEngine.answer

    def watched(self: EchoEngine, batch: Sequence[Request]) -> list[Response]:
        seen.append(list(batch))
        return answer(self, batch)

    monkeypatch.setattr(EchoEngine, "answer", watched)
    return seen


def test_what_two_tasks_ask_is_computed_once(tasks: Path, tmp_path: Path) -> None:
    wanted = plan(tasks, tmp_path, "ask", "again", "more")
    said = {one.task: one for one in forecast(wanted)}
    record = RunFolder(run(wanted, silent)).record
    everything = 2 * ASKED * len(WORDS)
    stages = {stage.task: (stage.requests, stage.computed, stage.known) for stage in record.stages}
    assert stages == {
        "ask": (everything, everything, 0),
        "again": (everything, 0, everything),
        "more": (everything, everything, 0),
    }
    assert {task: (one.requests, one.missing, one.known) for task, one in said.items()} == stages
    values = {(score.task, score.language): score.value for score in record.scores}
    assert [task for task, _ in values] == ["ask"] * 4 + ["again"] * 4 + ["more"] * 4
    assert all(values["ask", language] == values["again", language] for language in WORDS)


def test_a_batch_serves_several_languages_and_tasks(tasks: Path, tmp_path: Path, batches: list[list[Request]]) -> None:
    done(tasks, tmp_path, "ask", "more", "write", model="echo:x,batch_size=50")
    assert [{type(request) for request in batch} for batch in batches] == [{LogLikelihood}] * 3 + [{Generate}]
    first, second, third, _ = batches
    assert [len(batch) for batch in (first, second, third)] == [50, 50, 44]
    assert len({request.language for request in first if isinstance(request, LogLikelihood)}) == 3
    tasks_of_second = {"水" in request.context for request in second if isinstance(request, LogLikelihood)}
    assert tasks_of_second == {True, False}


@pytest.mark.parametrize(
    ("options", "names"), [("", ("ask", "surprise", "write")), (",degrade=mya_Mymr", ("more", "again"))]
)
def test_numbers_are_those_of_one_request_after_another(
    tasks: Path,
    tiny_causal_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: str,
    names: tuple[str, ...],
) -> None:
    """Windows of one request each: nothing is planned together, and nothing may differ but how sums are rounded."""
    model = f"hf:{tiny_causal_model},{MODEL}{options}"
    together = done(tasks, tmp_path / "together", *names, model=model)
    turned = done(tasks, tmp_path / "turned", *reversed(names), model=model)
    monkeypatch.setattr(asking, "WINDOW", 1)
    alone = done(tasks, tmp_path / "alone", *names, model=model)
    expected = answers(tmp_path / "alone")
    for found in (answers(tmp_path / "together"), answers(tmp_path / "turned")):
        assert found.keys() == expected.keys()
        for key, text in expected.items():
            if text.startswith("["):
                assert json.loads(found[key]) == pytest.approx(json.loads(text), rel=1e-6, abs=1e-5)
            else:
                assert found[key] == text
    scores = {score.key: score.value for score in alone.scores}
    for record in (together, turned):
        assert {score.key: score.value for score in record.scores} == pytest.approx(scores, abs=1e-5)


@pytest.mark.parametrize("batch", [0, 1, 4, 9])
def test_a_run_that_stops_goes_on_to_the_same_bytes(
    tasks: Path, tiny_causal_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """Windows of less than a unit; a stop, as by Ctrl-C, loses no batch that was computed."""
    monkeypatch.setattr(asking, "WINDOW", 13)
    model, names = f"hf:{tiny_causal_model},{MODEL}", ("ask", "again", "surprise")
    calm = done(tasks, tmp_path / "calm", *names, model=model)
    total = sum(stage.computed for stage in calm.stages)
    whole, computed = HuggingFaceEngine.answer, []

    def stopped(self: HuggingFaceEngine, asked: Sequence[Request]) -> list[Response]:
        if len(computed) == batch:
            raise KeyboardInterrupt
        computed.append(len(asked))
        return whole(self, asked)

    monkeypatch.setattr(HuggingFaceEngine, "answer", stopped)
    with pytest.raises(KeyboardInterrupt):
        done(tasks, tmp_path / "stopped", *names, model=model)
    monkeypatch.setattr(HuggingFaceEngine, "answer", whole)
    assert len(answers(tmp_path / "stopped")) == sum(computed)
    resumed = done(tasks, tmp_path / "stopped", *names, model=model)
    assert scores_csv(resumed) == scores_csv(calm)
    assert sum(stage.computed for stage in resumed.stages) == total - sum(computed)
    assert answers(tmp_path / "stopped") == answers(tmp_path / "calm")


def test_a_unit_may_be_larger_than_a_window(
    tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batches: list[list[Request]]
) -> None:
    whole = done(tasks, tmp_path / "whole", "ask", "surprise")
    batches.clear()
    monkeypatch.setattr(asking, "WINDOW", 7)
    planned: list[int] = []
    as_before = EchoEngine.plan

    def watched(self: EchoEngine, requests: Sequence[Request]) -> list[list[int]]:
        planned.append(len(requests))
        return as_before(self, requests)

    monkeypatch.setattr(EchoEngine, "plan", watched)
    parts = done(tasks, tmp_path / "parts", "ask", "surprise")
    assert scores_csv(parts) == scores_csv(whole)
    assert max(planned) < 14
    assert sum(map(len, batches)) == sum(stage.computed for stage in whole.stages)
    planned.clear()
    assert scores_csv(done(tasks, tmp_path / "parts", "ask", "surprise")) == scores_csv(whole)
    assert planned == []


def test_documents_are_judged_in_parts_as_they_would_be_at_once(
    tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("shots", "ask", "write")
    whole = RunFolder(run(plan(tasks, tmp_path / "whole", *names), silent))
    monkeypatch.setattr(asking, "WINDOW", 5)
    monkeypatch.setattr(lm, "_PART", 4)
    monkeypatch.setattr(lm_eval_task, "_BLOCK", 2)
    parts = RunFolder(run(plan(tasks, tmp_path / "parts", *names), silent))
    assert scores_csv(parts.record) == scores_csv(whole.record)
    for unit in whole.units():
        assert parts.segments(unit) == whole.segments(unit)
        assert len({row.source for row in parts.segments(unit)}) == ASKED
        for metric in whole.metrics(unit):
            assert parts.statistics(unit, metric).stats.tolist() == whole.statistics(unit, metric).stats.tolist()


def test_a_table_made_in_blocks_is_the_table_of_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lm_eval_task, "_BLOCK", 2)
    alike = [{"q": "ውሃ", "n": number, "a": ["ߖߌ", "🍞"]} for number in range(5)]
    for rows in (alike, [{"n": 1}, {"n": 2}, {"n": 2.5}], [{"n": 1}, {"n": None}, {"n": None}], alike[:1], []):
        made = lm_eval_task._Splits(lambda _, rows=rows: iter(rows), "here")["test"]  # type: ignore[misc]
        expected = datasets.Dataset.from_list(rows)
        assert made.to_list() == expected.to_list()
        assert made.features == expected.features


def test_what_failed_is_tried_again_by_the_next_window_that_asks(
    tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "WINDOW", 2 * ASKED * len(WORDS))
    asked: list[int] = []

    def failing(_: EchoEngine, batch: Sequence[Request]) -> list[Response]:
        asked.append(len(batch))
        lucky = len(asked) > 5
        return [LogLikelihoodResponse(logprob=-1.0) if lucky else Failed(reason="no luck") for _ in batch]

    monkeypatch.setattr(EchoEngine, "answer", failing)
    record = done(tasks, tmp_path, "ask", "again", model="echo:x,batch_size=16", max_error_rate=1.0)
    failed = {(score.task, score.language): score.n_failed for score in record.scores}
    assert sum(failed.values()) == failed["ask", "amh_Ethi"] * 4 == ASKED * 4
    assert {stage.task: stage.computed for stage in record.stages} == {"ask": 72, "again": 72}


def test_a_disk_that_is_full_stops_the_run(tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    put = ResponseStore.put

    def full(self: ResponseStore, items: Sequence[tuple[str, Response]]) -> None:
        if len(written) == 2:
            raise RecordError("responses.sqlite: database or disk is full; make room and run again")
        written.append(threading.get_ident())
        put(self, items)

    monkeypatch.setattr(ResponseStore, "put", full)
    with pytest.raises(RecordError, match="disk is full"):
        done(tasks, tmp_path, "ask", model="echo:x,batch_size=8")
    assert len(answers(tmp_path)) == 16
    assert threading.get_ident() not in written
    assert not list(tmp_path.glob("*/run.json"))


def test_an_error_in_reading_ahead_stops_the_run_and_loses_nothing(
    tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "WINDOW", 2 * ASKED)
    made = LanguageModelUnit.parts

    def damaged(self: LanguageModelUnit) -> Iterator[tuple[list[Request], bool]]:
        if self.language == "arb_Arab":
            raise DataError("ask plain arb_Arab: cannot be read")
        return made(self)

    monkeypatch.setattr(LanguageModelUnit, "parts", damaged)
    with pytest.raises(DataError, match="cannot be read"):
        done(tasks, tmp_path, "ask")
    assert len(answers(tmp_path)) == 2 * ASKED


def test_reading_waits_for_nobody_and_ends_with_the_run() -> None:
    def counting() -> Iterator[int]:
        yield from range(3)

    numbers = counting()
    with ReadAhead(lambda: next(numbers, None)) as ahead:
        assert ahead.take() == 0
        ahead.begin()
        assert [ahead.take(), ahead.take(), ahead.take()] == [1, 2, None]
    stopped = ReadAhead(lambda: next(numbers, None))
    with stopped:
        stopped.begin()
    with pytest.raises(RuntimeError, match="shutdown"):
        stopped.begin()


def test_progress_names_the_task_and_what_is_computed(tasks: Path, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    wanted = plan(tasks, tmp_path, "ask", "write", model="echo:x,batch_size=50")
    run(wanted, lambda label, done, total: seen.append((label, done, total)))
    assert [(done, total) for label, done, total in seen if label == "x · 4 languages"] == [
        (0, 108),
        (50, 108),
        (72, 108),
        (108, 108),
    ]
    assert [(done, total) for label, done, total in seen if label == "x · ask"][-1] == (4, 4)
    assert [(done, total) for label, done, total in seen if label == "x · write"][-1] == (4, 4)


def test_a_translation_program_is_called_once_a_direction_and_batch() -> None:
    engine = load_model(parse_model("command:cat -,batch_size=2,name=c"))
    requests = [
        Generate(prompt="", source=f"{number}", source_language="eng_Latn", target_language=target)
        for number, target in enumerate(["amh_Ethi", "tha_Thai", "amh_Ethi", "amh_Ethi", "tha_Thai"])
    ]
    assert engine.plan(requests) == [[0, 2], [3], [1, 4]]


def test_what_is_shared_out_adds_up() -> None:
    account = SharedAccount(load_model(parse_model("echo:x")))
    with account.part("model"):
        sum(range(200_000))
        account.share({"ask": 3, "again": 1})
        ask, again = account.of("ask"), account.of("again")
        assert ask.seconds["model"] == pytest.approx(3 * again.seconds["model"]) != 0
        assert ask.total == pytest.approx(3 * again.total)
        account.share({})
        sum(range(200_000))
    before = again.total
    account.share({"again": 5})
    assert again.total > before
    assert account.record("again").seconds_by_part["model"] == pytest.approx(again.seconds["model"], abs=1e-6)
    assert sum(again.seconds.values()) <= again.total
