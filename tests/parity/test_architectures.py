"""Numbers and texts of ten architectures are HFLM's: the same small random model in both, in one process, float32.

Log-probabilities within 1e-4 (1e-6 of their size where hundreds of tokens are summed), flags, greedy texts and counted
scores equal, perplexities within 1e-5 of their size. Every architecture is scored in the fastest way that it bears.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.engine.models import load_model, parse_model
from harness.loader import load_tasks
from harness.runner import RunPlan, run
from harness.store import RunFolder
from harness.toy import byte_tokenizer
from harness.types import (
    Generate,
    GenerateResponse,
    LogLikelihood,
    LogLikelihoodResponse,
    Request,
    RollingLogLikelihood,
)
from tests.harness.architectures import ARCHITECTURES, small_model

NAMES = ("Llama", "Qwen3", "Gemma3", "Mistral", "Bloom", "XGLM", "Cohere", "GptOss", "FalconH1", "Mamba")
LENGTH = 256
QUESTIONS = (
    "ጥያቄ፡ ውሃ ምን ዓይነት ነው?",
    "سؤال: ما لون السماء؟",
    "မေးခွန်း။ ရေ",
    "แมวชอบกินอะไร ",  # a space at the end, which belongs to the answer
    "雪は何色ですか。",
    "ߖߌ ߦߋ߫ ߡߎ߲߬ ߘߌ߫؟",
    "Which one flies? 🐦👩🏽‍🚀",
)
ANSWERS = (" ፈሳሽ", " أزرق", "ရေ", "ปลา", "白", " ߖߌ", " 🐦", "a", "ab")
SHOTS = "ጥያቄ፡ ፀሐይ?\nመልስ፡ ሙቅ\n問い：月？\n答え：白い\n"


@pytest.fixture(scope="module", params=NAMES)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a small model with one token a byte."""
    folder = tmp_path_factory.mktemp("models") / request.param
    tokenizer = byte_tokenizer()
    tokenizer.model_max_length = LENGTH
    tokenizer.save_pretrained(folder)
    small_model(request.param, len(tokenizer)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def hflm(model: Path) -> Any:
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=str(model), device="cpu", batch_size=4, dtype="float32")


@pytest.fixture(scope="module")
def engine(model: Path) -> Any:
    made = load_model(parse_model(f"hf:{model},device=cpu,dtype=float32,batch_tokens=400,batch_size=6"))
    assert made.identity["sharing"] == ARCHITECTURES[model.name][1]
    assert made.identity["decoding"] == "rolling"
    return made


def theirs(hflm: Any, kind: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
    """HFLM's answers to requests of one kind."""
    from lm_eval.api.instance import Instance

    asked = [
        Instance(request_type=kind, doc={}, arguments=copy.deepcopy(own), idx=index)
        for index, own in enumerate(arguments)
    ]
    return list(getattr(hflm, kind)(asked, disable_tqdm=True))


def ours(engine: Any, requests: Sequence[Request]) -> list[Any]:
    """The engine's answers, planned as the runner plans them."""
    found: dict[int, Any] = {}
    for batch in engine.plan(requests):
        found.update(zip(batch, engine.answer([requests[index] for index in batch]), strict=True))
    return [found[index] for index in range(len(requests))]


def test_loglikelihoods_are_those_of_hflm(hflm: Any, engine: Any) -> None:
    """Contexts with several answers, examples before them, none at all, and more than the model takes."""
    pairs = [(question, answer) for question in QUESTIONS for answer in ANSWERS]
    pairs += [(SHOTS + question, answer) for question in QUESTIONS for answer in ANSWERS[:4]]
    pairs += [("", answer) for answer in ANSWERS]
    pairs += [(question * 12, answer) for question in QUESTIONS for answer in ANSWERS[:3]]
    pairs += [("x", "ᨠ" * 85), pairs[0]]
    expected = theirs(hflm, "loglikelihood", pairs)
    found = ours(engine, [LogLikelihood(context=context, continuation=answer) for context, answer in pairs])
    assert all(isinstance(one, LogLikelihoodResponse) for one in found)
    assert [one.logprob for one in found] == pytest.approx([value for value, _ in expected], abs=1e-4, rel=1e-6)
    assert [one.is_greedy for one in found] == [flag for _, flag in expected]
    assert len({round(value, 3) for value, _ in expected}) > 80


def test_what_the_model_would_write_is_greedy_for_both(hflm: Any, engine: Any) -> None:
    """Flags would agree on random answers whatever they meant: none of those is the model's first choice."""
    tokenizer, lm = hflm.tokenizer, hflm.model
    pairs = []
    for question in QUESTIONS:
        for count in (1, 2):
            ids = tokenizer(question.rstrip(), return_tensors="pt")["input_ids"]
            written = lm.generate(ids, max_new_tokens=count, do_sample=False, pad_token_id=0)[0, ids.shape[1] :]
            text = tokenizer.decode(written)
            if tokenizer(text)["input_ids"] == written.tolist():  # a part of a character is no text
                pairs += [(question.rstrip(), text), (question.rstrip(), text + "ሀ")]
    expected = theirs(hflm, "loglikelihood", pairs)
    found = ours(engine, [LogLikelihood(context=context, continuation=answer) for context, answer in pairs])
    assert [one.is_greedy for one in found] == [flag for _, flag in expected]
    assert {flag for _, flag in expected} == {False, True}


def test_whole_texts_are_scored_as_by_hflm(hflm: Any, engine: Any) -> None:
    texts = [*QUESTIONS, "a", SHOTS * 5, "".join(QUESTIONS) * 3, "ߖߌ" * 64, "ߖߌ" * 65]
    expected = theirs(hflm, "loglikelihood_rolling", [(text,) for text in texts])
    found = ours(engine, [RollingLogLikelihood(text=text) for text in texts])
    assert [one.logprob for one in found] == pytest.approx(expected, abs=1e-4, rel=1e-6)
    assert [one.tokens for one in found] == [len(text.encode()) for text in texts]


def test_windows_that_read_the_same_tokens_are_scored_each_for_its_own(
    hflm: Any, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a text that repeats itself two windows may read the same tokens, the last one to score fewer of them.

    HFLM (0.4.13) computes them once and then scores the first rows of both, not the last ones of the shorter; with its
    cache of logits off it scores what is meant.
    """
    text = "🐦" * 150
    monkeypatch.setattr(hflm, "logits_cache", False)
    (expected,) = theirs(hflm, "loglikelihood_rolling", [(text,)])
    (found,) = ours(engine, [RollingLogLikelihood(text=text)])
    assert found.logprob == pytest.approx(expected, abs=1e-4, rel=1e-6)


def test_greedy_texts_are_those_of_hflm(hflm: Any, engine: Any) -> None:
    """Rows that end at strings, at their own limits and not at all; prompts that are cut, and that share examples."""
    ends = ((["\n", "a"], 24), (["ሀ", *"abcdefghijklmnop"], 40), ([], 9))
    prompts = [*QUESTIONS, *(SHOTS + question for question in QUESTIONS[:3]), QUESTIONS[2] * 20]
    asked = [(prompt, until, limit) for until, limit in ends for prompt in prompts]
    expected = theirs(
        hflm,
        "generate_until",
        [(prompt, {"until": until, "max_gen_toks": limit, "do_sample": False}) for prompt, until, limit in asked],
    )
    found = ours(
        engine,
        [Generate(prompt=prompt, until=tuple(until), max_tokens=limit) for prompt, until, limit in asked],
    )
    assert all(isinstance(one, GenerateResponse) for one in found)
    assert [one.text for one in found] == expected
    assert len({len(text) for text in expected}) > 4


ROWS = [
    ("ውሃ ምን ዓይነት ነው?", ["ፈሳሽ", "ድንጋይ", "እሳት"], 0),
    ("ما لون السماء؟", ["أخضر", "أزرق", "أحمر"], 1),
    ("မိုးရွာသောအခါ ဘာသုံးသလဲ။", ["ထီး", "ဖိနပ်", "စာအုပ်"], 0),
    ("แมวชอบกินอะไร", ["หิน", "ปลา", "ไม้"], 1),
    ("雪は何色ですか。", ["黒", "赤", "白い雪"], 2),
    ("ߖߌ ߦߋ߫ ߡߎ߲߬ ߘߌ߫؟", ["ߖߌ", "ߕߊ", "ߞߎߙߎ"], 0),
    ("Which one flies? 🐦", ["🐟", "🐦", "a 🐢"], 1),
    ("Kí ni a fi ń jẹun?", ["ẹnu", "ẹsẹ̀", "etí"], 0),
]
TASKS: dict[str, dict[str, Any]] = {
    "choose": {
        "output_type": "multiple_choice",
        "num_fewshot": 2,
        "doc_to_text": "{{question}}\nA:",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "label",
        "metric_list": [{"metric": name} for name in ("acc", "acc_norm", "acc_bytes")],
    },
    "last": {
        "output_type": "loglikelihood",
        "doc_to_text": "{{question}}",
        "doc_to_target": "{{choices[label]}}",
        "metric_list": [{"metric": "perplexity"}, {"metric": "acc"}],
    },
    "whole": {
        "output_type": "loglikelihood_rolling",
        "doc_to_text": "",
        "doc_to_target": "{{question}} {{choices[0]}}",
        "metric_list": [{"metric": name} for name in ("word_perplexity", "byte_perplexity", "bits_per_byte")],
    },
    "write": {
        "output_type": "generate_until",
        "num_fewshot": 1,
        "doc_to_text": "{{question}}\nA:",
        "doc_to_target": "{{choices[label]}}",
        "generation_kwargs": {"until": ["\n", "?"], "max_gen_toks": 12, "do_sample": False},
        "metric_list": [{"metric": "exact_match"}, {"metric": "chrf"}],
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """lm-eval's files of one task of every output type."""
    made = tmp_path_factory.mktemp("tasks")
    rows = [{"question": question, "choices": choices, "label": label} for question, choices, label in ROWS]
    files = {}
    for split, part in (("train", rows[6:]), ("test", rows)):
        file = made / f"{split}.jsonl"
        file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in part), encoding="utf-8")
        files[split] = str(file)
    common = {"dataset_path": "json", "test_split": "test", "fewshot_split": "train"}
    for name, config in TASKS.items():
        written = {"task": name, **common, "dataset_kwargs": {"data_files": files}, **config}
        (made / f"{name}.yaml").write_text(yaml.safe_dump(written, allow_unicode=True), encoding="utf-8")
    return made


def test_scores_of_every_output_type_are_those_of_lm_eval(model: Path, hflm: Any, folder: Path, tmp_path: Path) -> None:
    import lm_eval
    from lm_eval.tasks import TaskManager

    results = lm_eval.simple_evaluate(
        model=hflm,
        tasks=list(TASKS),
        task_manager=TaskManager(include_path=str(folder), include_defaults=False),
        bootstrap_iters=0,
        log_samples=True,
    )
    finished = RunFolder(
        run(
            RunPlan(
                tasks=load_tasks(list(TASKS), [folder]),
                models=[parse_model(f"hf:{model},dtype=float32,device=cpu,batch_tokens=300")],
                out=tmp_path,
            ),
            lambda *_: None,
        )
    )
    compared = 0
    for task in TASKS:
        scores = {one.metric: one for one in finished.record.scores if one.task == task}
        for name, value in results["results"][task].items():
            metric, _, chain = name.partition(",")
            if chain == "none" and "stderr" not in metric:
                tolerance = 1e-5 * value if "perplexity" in metric or "bits" in metric else 0
                assert scores[metric].value == pytest.approx(value, abs=tolerance), (task, metric)
                compared += 1
    assert compared == 3 + 2 + 3 + 2
    key = next(one.unit_key for one in finished.record.scores if one.task == "write")
    samples = sorted(results["samples"]["write"], key=lambda sample: sample["doc_id"])
    assert [row.hypothesis for row in finished.segments(key)] == [sample["filtered_resps"][0] for sample in samples]
