"""What a run would do is said before it does it, rightly, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from harness.engine.base import TokenCounter
from harness.engine.models import load_model, parse_model
from harness.engine.work import work_of
from harness.errors import UserError
from harness.forecast import Forecast, forecast
from harness.forecast_lines import forecast_lines, total_line
from harness.loader import load_tasks
from harness.runner import RunPlan, run
from harness.store import RunFolder
from harness.types import Embed, LogLikelihood, Request, RollingLogLikelihood

WORDS = {"amh_Ethi": "ውሃ ዳቦ", "arb_Arab": "الماء والخبز", "mya_Mymr": "ရေ ပေါင်မုန့်", "jpn_Jpan": "水とパン🍞"}


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Questions, of which every language has one twice, and sentences to align."""
    folder = tmp_path_factory.mktemp("forecast")
    for language, word in WORDS.items():
        asked = [f"{word} {number % 4}?" for number in range(5)]
        lines = [f'{{"q": "{text}", "a": ["1", "{word}"], "gold": 0}}\n' for text in asked]
        (folder / f"{language}.jsonl").write_text("".join(lines), encoding="utf-8")
        rows = "".join(f"{number}\t{word} {number}\n" for number in range(6))
        (folder / f"{language}.tsv").write_text("id\ttext\n" + rows, encoding="utf-8")
    prompt = {"doc_to_text": "{{q}}", "doc_to_choice": "{{a}}", "doc_to_target": "{{gold}}"}
    ask = {
        "task": "ask",
        "kind": "multiple_choice",
        "dataset": {"files": "{lang}.jsonl"},
        "languages": list(WORDS),
        "prompts": {"plain": prompt},
        "metrics": ["acc"],
    }
    align = {
        "task": "align",
        "kind": "alignment",
        "dataset": {"files": "{lang}.tsv", "key": "id"},
        "pivot": "arb_Arab",
        "languages": list(WORDS),
        "metrics": ["mexa"],
    }
    for spec in (ask, align):
        text = yaml.safe_dump(spec, allow_unicode=True)
        (folder / f"{spec['task']}.yaml").write_text(text, encoding="utf-8")
    return folder


def plan(folder: Path, out: Path, model: str, *names: str) -> RunPlan:
    return RunPlan(tasks=load_tasks(names, [folder]), models=[parse_model(model)], out=out)


def test_a_forecast_counts_what_the_run_then_does(tasks: Path, tiny_causal_model: Path, tmp_path: Path) -> None:
    wanted = plan(tasks, tmp_path / "out", f"hf:{tiny_causal_model},device=cpu,dtype=float32,name=tiny", "ask", "align")
    ask, align = forecast(wanted)
    assert not (tmp_path / "out").exists()
    assert (ask.units, ask.requests, ask.distinct, ask.known) == (4, 40, 32, 0)
    assert "measured on" in ask.basis
    assert ask.seconds is not None
    assert ask.seconds > 0
    # Sentences of the pivot are asked for once.
    assert (align.units, align.requests, align.distinct, align.known) == (3, 24, 24, 0)
    record = RunFolder(run(wanted, lambda *_: None)).record
    done = {stage.task: stage for stage in record.stages}
    assert (done["ask"].computed, done["align"].computed) == (32, 24)
    assert (done["ask"].tokens, done["ask"].requests) == (ask.tokens, ask.requests)
    assert done["align"].requests == align.requests
    positions = done["ask"].positions or 0
    assert ask.positions == pytest.approx(positions * (1 - (done["ask"].padding_share or 0)), rel=0.05)
    assert ask.positions < (ask.tokens or 0)

    again = list(forecast(wanted))
    assert [(one.known, one.missing, one.positions) for one in again] == [(32, 0, 0), (18, 0, 0)]
    assert [one.basis.split(" in ")[0] for one in again] == ["as ask", "as align"]


def test_an_earlier_run_tells_the_time(tasks: Path, tmp_path: Path) -> None:
    run(plan(tasks, tmp_path, "echo:x", "ask"), lambda *_: None)
    (same,) = forecast(plan(tasks, tmp_path, "echo:x", "ask"))
    (other,) = forecast(plan(tasks, tmp_path, "echo:y", "ask"))
    assert same.basis.startswith("as ask in ask--x-")
    assert (same.known, other.known, other.tokens) == (32, 0, None)
    assert "measured on" in other.basis


def test_tokens_and_positions_are_those_of_the_answers(tiny_causal_model: Path) -> None:
    engine = load_model(parse_model(f"hf:{tiny_causal_model},device=cpu,dtype=float32"))
    assert isinstance(engine, TokenCounter)
    context = "ရေ ပေါင်မုန့် 水とパン🍞 " * 2
    requests: list[Request] = [
        *[LogLikelihood(context=f"{context}{number}", continuation=f" {word}") for number in "123" for word in "ሀለሐ"],
        RollingLogLikelihood(text="الماء والخبز" * 30),
        Embed(text="ߊߟߎ߫"),
    ]
    tokens, positions = engine.amount(requests)
    work = work_of(engine)
    assert work is not None
    before = work.counts()
    for batch in engine.plan(requests):
        engine.answer([requests[position] for position in batch])
    done = work.counts() - before
    assert (tokens, positions) == (done.tokens, done.positions - done.padded)
    assert engine.amount([]) == (0, 0)


def test_a_model_that_cannot_answer_is_told(tasks: Path, tmp_path: Path) -> None:
    (found,) = forecast(plan(tasks, tmp_path, "command:cat", "ask"))
    assert list(forecast_lines(found, None)) == ["cat on ask: backend command cannot answer this task"]
    with pytest.raises(UserError, match="two models are called"):
        next(forecast(RunPlan(tasks=[], models=[parse_model("echo:x")] * 2, out=tmp_path)))


def test_time_and_cost_are_told_in_words() -> None:
    one = Forecast(
        model="m", task="t", units=2, left_out=1, requests=5000, distinct=4000, known=1000, tokens=123456,
        characters=99, positions=1200, most_written=64, seconds=5400.0, basis="as t in r went",
    )  # fmt: skip
    assert list(forecast_lines(one, 2.0)) == [
        "m on t: 2 units (1 not offered by the model), 5,000 requests, 4,000 distinct, 1,000 known, 3,000 to compute",
        "  123,456 tokens in distinct requests (99 characters), 1,200 positions to compute",
        "  at most 64 tokens to write",
        "  about 90.0 min, cost 3.00 (as t in r went)",
    ]
    assert total_line([one, one], 2.0) == "in all: 6,000 to compute, about 3.0 h, cost 6.00; nothing was run"
    assert total_line([one], None) == "in all: 3,000 to compute, about 90.0 min; nothing was run"
