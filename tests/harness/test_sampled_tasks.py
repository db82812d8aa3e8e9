"""Tasks that ask for sampled text: options mean what lm-eval means, answers are many, and runs can be repeated."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.engine.models import parse_model
from harness.errors import NotComparableError, UserError
from harness.gate import judge
from harness.loader import load_tasks
from harness.policy import GatePolicy
from harness.records import Fingerprint
from harness.runner import RunPlan, run
from harness.store import RunFolder
from harness.tasks import units
from harness.tasks.base import Selection
from harness.tasks.decoding_options import read_options
from harness.types import Generate

QUESTIONS = ["ስንት ነው", "كم العدد", "ဘယ်နှစ်ခုလဲ", "เท่าไร", "いくつ", "ߖߋ߬ߟߌ", "🦁🦁?"]
LANGUAGES = ("amh_Ethi", "mya_Mymr")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A task with five answers a prompt: the first is judged, and what most of them say."""
    for language in LANGUAGES:
        rows = [json.dumps({"q": f"{text} {language[:2]}", "a": "a"}, ensure_ascii=False) for text in QUESTIONS]
        (tmp_path / f"{language}.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    letter = {"function": "regex", "regex_pattern": "([a-zA-Z])"}
    prompt = {
        "doc_to_text": "{{q}}",
        "doc_to_target": "a",
        "generation_kwargs": {"until": ["\n"], "max_gen_toks": 12, "do_sample": True, "temperature": 1.2, "top_k": 200},
        "repeats": 5,
        "filter_list": [
            {"name": "first", "filter": [letter, {"function": "take_first"}]},
            {"name": "most", "filter": [letter, {"function": "majority_vote"}, {"function": "take_first"}]},
            {"name": "three", "filter": [{"function": "take_first_k", "k": 3}, letter, {"function": "take_first"}]},
        ],
    }
    spec = {
        **{"task": "count", "kind": "generate_until", "dataset": {"files": "{lang}.jsonl"}, "prompts": {"p": prompt}},
        "languages": list(LANGUAGES),
        "metrics": [{"name": "exact_match", "filter": name} for name in ("first", "most", "three")],
    }
    (tmp_path / "count.yaml").write_text(yaml.safe_dump(spec, allow_unicode=True), encoding="utf-8")
    return tmp_path


def test_every_prompt_is_answered_several_times(folder: Path) -> None:
    unit = units(load_tasks(["count"], [folder])[0], Selection(languages=LANGUAGES[:1]), None)[0]
    asked = [request for request in unit.requests() if isinstance(request, Generate)]
    assert [request.sample for request in asked] == [0, 1, 2, 3, 4] * len(QUESTIONS)
    assert {(request.temperature, request.top_k, request.top_p) for request in asked} == {(1.2, 200, 1.0)}
    assert len({request.prompt for request in asked}) == len(QUESTIONS)
    assert unit.decoding().startswith("sampled|")
    assert unit.decoding().endswith("|repeats:5")


def test_another_draw_asks_with_another_seed_and_says_so(folder: Path) -> None:
    task = load_tasks(["count"], [folder])[0]
    first, again = (units(task, Selection(languages=LANGUAGES[:1], sampling_seed=seed), None)[0] for seed in (0, 3))
    seeds = [{request.seed for request in unit.requests() if isinstance(request, Generate)} for unit in (first, again)]
    assert seeds == [{0}, {3}]
    assert first.draw() == first.decoding()
    assert again.draw() == first.decoding() + "|sampling_seed:3"
    drawn = Fingerprint(decoding=again.draw())
    assert (drawn.sampled, drawn.decoding_settings) == (True, first.decoding())


def test_draws_are_runs_of_their_own_that_the_gate_takes_together(
    folder: Path, tiny_causal_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = tmp_path_factory.mktemp("results")
    first, candidate, rerun = (
        RunFolder(
            run(
                RunPlan(
                    tasks=load_tasks(["count"], [folder]),
                    models=[parse_model(f"hf:{tiny_causal_model},name=tiny,dtype=float32,device=cpu")],
                    selection=Selection(languages=LANGUAGES[:1], sampling_seed=seed),
                    out=out,
                ),
                lambda *_: None,
            )
        )
        for seed in range(3)
    )
    assert len({one.path for one in (first, candidate, rerun)}) == 3
    texts = [
        tuple(row.hypothesis for row in one.segments(next(iter(one.units())))) for one in (first, candidate, rerun)
    ]
    assert len(set(texts)) == 3
    policy = GatePolicy.model_validate({"rules": [{"margin": "10%"}], "confirm": {"reruns": 1}})
    today = datetime.date(2026, 6, 1)
    report = judge(candidate, first, policy, reruns=[rerun], today=today, draws=100)
    assert {finding.verdict for finding in report.findings} <= {"passed", "inconclusive", "regressed"}
    assert "scores of sampled text are means over 2 runs of the candidate" in report.notes
    with pytest.raises(NotComparableError, match="given already"):
        judge(candidate, first, policy, reruns=[candidate], today=today)


def test_greedy_text_has_no_draws(folder: Path) -> None:
    spec = yaml.safe_load((folder / "count.yaml").read_text(encoding="utf-8"))
    prompt = spec["prompts"]["p"]
    prompt["generation_kwargs"] = {"until": ["\n"]}
    del prompt["repeats"], prompt["filter_list"]
    spec["metrics"] = ["exact_match"]
    (folder / "count.yaml").write_text(yaml.safe_dump(spec, allow_unicode=True), encoding="utf-8")
    unit = units(load_tasks(["count"], [folder])[0], Selection(languages=LANGUAGES[:1], sampling_seed=3), None)[0]
    assert {request.seed for request in unit.requests() if isinstance(request, Generate)} == {0}
    assert unit.draw() == unit.decoding()
    assert not Fingerprint(decoding=unit.draw()).sampled


def test_a_sampled_run_can_be_repeated_in_other_batches(
    folder: Path, tiny_causal_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    found = []
    for options in ("batch_size=64", "batch_size=3,batch_tokens=40"):
        path = run(
            RunPlan(
                tasks=load_tasks(["count"], [folder]),
                models=[parse_model(f"hf:{tiny_causal_model},name=tiny,dtype=float32,device=cpu,{options}")],
                out=tmp_path_factory.mktemp("results"),
            ),
            lambda *_: None,
        )
        record = RunFolder(path).record
        assert {score.metric for score in record.scores} == {
            f"exact_match@{name}" for name in ("first", "most", "three")
        }
        folder_of_run = RunFolder(path)
        texts = {unit: [row.hypothesis for row in folder_of_run.segments(unit)] for unit in folder_of_run.units()}
        found.append(([score.value for score in record.scores], texts))
    assert found[0] == found[1]
    assert len(found[0][1]) == len(LANGUAGES)
    assert all(len(set(texts)) > 3 for texts in found[0][1].values())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"until": "\n", "max_new_tokens": 3},
        {"until": ["።", "။"], "max_gen_toks": 7, "max_tokens": 9, "do_sample": False, "temperature": 0.7},
        {"temperature": 0.2, "top_p": 0.95},
        {"do_sample": True, "temperature": 0.8, "top_k": 40},
        {"do_sample": False, "temperature": 0.0, "num_beams": 1},
    ],
)
def test_options_mean_what_they_mean_to_lm_eval(options: dict[str, Any]) -> None:
    from lm_eval.models.utils import normalize_gen_kwargs

    theirs = normalize_gen_kwargs(options)
    ours = read_options(options, "here")
    assert (list(ours.until), ours.max_tokens) == (theirs["until"], theirs["max_gen_toks"])
    assert ours.sampled == bool(theirs["do_sample"])
    assert ours.temperature == theirs.get("temperature", 0.0)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"num_beams": 10}, "num_beams: 10 is not done here; text is greedy, or sampled"),
        ({"do_sample": True}, "do_sample is true, temperature 0; give a temperature above 0"),
        ({"temperature": 1.0, "top_p": 0.0}, "top_p 0, top_k 0: a temperature is at least 0, top_p above 0"),
        ({"temperature": "ሙቅ"}, "temperature: expected a number, found 'ሙቅ'"),
    ],
)
def test_what_is_not_done_is_one_line(options: dict[str, Any], expected: str) -> None:
    with pytest.raises(UserError, match="here: generation_kwargs") as caught:
        read_options(options, "here")
    assert expected in str(caught.value)
