"""Our numbers are lm-eval's numbers: the same model, documents and prompts through ``simple_evaluate`` with HFLM.

float32 on CPU: scores equal, log-probabilities within 1e-4 absolute of sums over up to a hundred byte tokens.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from harness.engine.models import load_model, parse_model
from harness.loader import load_tasks
from harness.resources import shipped_tasks
from harness.runner import RunPlan, run
from harness.store import RunFolder
from harness.tasks import units
from harness.tasks.base import Selection
from harness.types import LogLikelihood, LogLikelihoodResponse, RollingLogLikelihood

LANGUAGES = ("amh_Ethi", "arb_Arab", "eng_Latn", "yor_Latn", "zho_Hans")


@pytest.fixture(scope="module")
def lm_eval_results(tiny_causal_model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """``simple_evaluate`` of the sample multiple-choice task, zero- and two-shot, with the samples logged."""
    import lm_eval
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    folder = tmp_path_factory.mktemp("lm_eval_tasks")
    spec = load_tasks(["sample_choice"], [shipped_tasks()])[0].spec
    prompt = next(iter(spec.prompts.values()))
    names = []
    for language in LANGUAGES:
        for shots in (0, 2):
            name = f"choice_{language}_{shots}"
            names.append(name)
            config = {
                "task": name,
                "dataset_path": "json",
                "dataset_kwargs": {
                    "data_files": {"test": str(shipped_tasks() / "sample" / "choice" / f"{language}.jsonl")}
                },
                "output_type": "multiple_choice",
                "test_split": "test",
                "fewshot_split": "test",
                "num_fewshot": shots,
                "doc_to_text": prompt.doc_to_text,
                "doc_to_choice": prompt.doc_to_choice,
                "doc_to_target": prompt.doc_to_target,
                "metric_list": [
                    {"metric": metric, "aggregation": "mean", "higher_is_better": True}
                    for metric in ("acc", "acc_norm", "acc_bytes")
                ],
            }
            (folder / f"{name}.yaml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    return lm_eval.simple_evaluate(
        model=HFLM(pretrained=str(tiny_causal_model), device="cpu", batch_size=4, dtype="float32"),
        tasks=names,
        task_manager=TaskManager(include_path=str(folder), include_defaults=False),
        bootstrap_iters=0,
        log_samples=True,
    )


@pytest.fixture(scope="module")
def our_run(tiny_causal_model: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The same through our runner, zero- and two-shot as variants of one task file."""
    folder = tmp_path_factory.mktemp("our_tasks")
    spec = yaml.safe_load((shipped_tasks() / "sample" / "sample_choice.yaml").read_text(encoding="utf-8"))
    spec["variants"] = {"zero": {"num_fewshot": 0}, "two": {"num_fewshot": 2}}
    spec["dataset"]["files"] = "{split}/{lang}.jsonl"
    spec["dataset"]["fewshot_split"] = "test"
    spec["metrics"] = ["acc", "acc_norm", "acc_bytes"]
    (folder / "sample_choice.yaml").write_text(yaml.safe_dump(spec, allow_unicode=True), encoding="utf-8")
    shutil.copytree(shipped_tasks() / "sample" / "choice", folder / "test")
    path = run(
        RunPlan(
            tasks=load_tasks(["sample_choice"], [folder]),
            models=[parse_model(f"hf:{tiny_causal_model},name=tiny,dtype=float32,device=cpu")],
            selection=Selection(languages=LANGUAGES),
            out=tmp_path_factory.mktemp("results"),
        ),
        lambda *_: None,
    )
    return RunFolder(path)


@pytest.mark.parametrize("metric", ["acc", "acc_norm", "acc_bytes"])
@pytest.mark.parametrize(("variant", "shots"), [("zero", 0), ("two", 2)])
def test_scores_equal_lm_eval(lm_eval_results: dict, our_run: RunFolder, metric: str, variant: str, shots: int) -> None:
    for language in LANGUAGES:
        theirs = lm_eval_results["results"][f"choice_{language}_{shots}"][f"{metric},none"]
        ours = next(
            score.value
            for score in our_run.record.scores
            if (score.language, score.metric, score.variant) == (language, metric, variant)
        )
        assert ours == pytest.approx(theirs, abs=1e-12), (language, metric, variant)


@pytest.mark.parametrize(("variant", "shots"), [("zero", 0), ("two", 2)])
def test_prompts_equal_lm_eval(lm_eval_results: dict, our_run: RunFolder, variant: str, shots: int) -> None:
    for language in LANGUAGES:
        theirs = [
            sample["arguments"]["gen_args_0"]["arg_0"]
            if isinstance(sample["arguments"], dict)
            else sample["arguments"][0][0]
            for sample in sorted(
                lm_eval_results["samples"][f"choice_{language}_{shots}"], key=lambda sample: sample["doc_id"]
            )
        ]
        ours = [row.source for row in our_run.segments(("tiny", "sample_choice", variant, "plain", language))]
        assert ours == theirs


def test_loglikelihoods_equal_lm_eval(lm_eval_results: dict, tiny_causal_model: Path) -> None:
    engine = load_model(parse_model(f"hf:{tiny_causal_model},dtype=float32,device=cpu"))
    task = load_tasks(["sample_choice"], [shipped_tasks()])[0]
    for language in LANGUAGES:
        unit = units(task, Selection(languages=(language,)), None)[0]
        requests = unit.requests()
        ours: dict[int, float] = {}
        for batch in engine.plan(requests):
            for position, response in zip(batch, engine.answer([requests[index] for index in batch]), strict=True):
                assert isinstance(response, LogLikelihoodResponse)
                ours[position] = response.logprob
        samples = sorted(lm_eval_results["samples"][f"choice_{language}_0"], key=lambda sample: sample["doc_id"])
        theirs = [float(answer[0][0]) for sample in samples for answer in sample["resps"]]
        assert len(theirs) == len(ours) == 24 * 4
        assert max(abs(ours[index] - value) for index, value in enumerate(theirs)) < 1e-4


def test_edges_of_loglikelihood_equal_hflm(tiny_causal_model: Path) -> None:
    """Empty context, trailing spaces, a context longer than the model, and rolling windows."""
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    theirs = HFLM(pretrained=str(tiny_causal_model), device="cpu", batch_size=3, dtype="float32")
    ours = load_model(parse_model(f"hf:{tiny_causal_model},dtype=float32,device=cpu"))
    pairs = [
        ("", "ሰላም ለዓለም"),
        ("مرحبا  ", "بالعالم"),
        ("ยาวมาก" * 200, " จบ"),
        ("emoji 🦁", " 👩🏽‍🚀!"),
        ("ߒߞߏ", " ߞߊ߲"),
    ]
    requests = [LogLikelihood(context=context, continuation=continuation) for context, continuation in pairs]
    texts = ["short", "ຍາວ" * 150, "Ẹ kú àárọ̀ " * 40]
    rolling = [RollingLogLikelihood(text=text) for text in texts]
    expected = [
        value
        for value, _ in theirs.loglikelihood(
            [Instance(request_type="loglikelihood", doc={}, arguments=pair, idx=0) for pair in pairs], disable_tqdm=True
        )
    ]
    expected += theirs.loglikelihood_rolling(
        [Instance(request_type="loglikelihood_rolling", doc={}, arguments=(text,), idx=0) for text in texts],
        disable_tqdm=True,
    )
    everything = [*requests, *rolling]
    found: dict[int, float] = {}
    for batch in ours.plan(everything):
        for position, response in zip(batch, ours.answer([everything[index] for index in batch]), strict=True):
            assert isinstance(response, LogLikelihoodResponse)
            found[position] = response.logprob
    for index, value in enumerate(expected):
        assert found[index] == pytest.approx(value, rel=1e-5, abs=1e-4), index


def test_generation_equals_hflm(tiny_causal_model: Path) -> None:
    """Greedy text of rows that stop differently, some longer than the model, cut as HFLM cuts it."""
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    from harness.types import Generate, GenerateResponse

    prompts = ["The children painted", "ሰላም", "السلام عليكم", "Ẹ kú àárọ̀, báwo ni", "东京", "ยาวมาก" * 40, "🦁 ใช่"]
    asked = [
        (prompt, {"until": until, "max_gen_toks": limit, "do_sample": False})
        for until, limit in ((["\n", "a"], 24), (["e"], 60), (["ሰላም"], 9))
        for prompt in prompts
    ]
    theirs = HFLM(pretrained=str(tiny_causal_model), device="cpu", batch_size=5, dtype="float32").generate_until(
        [
            Instance(request_type="generate_until", doc={}, arguments=(prompt, json.loads(json.dumps(kwargs))), idx=0)
            for prompt, kwargs in asked
        ],
        disable_tqdm=True,
    )
    engine = load_model(parse_model(f"hf:{tiny_causal_model},dtype=float32,device=cpu"))
    assert engine.identity["decoding"] == "rolling"
    requests = [
        Generate(prompt=prompt, until=tuple(kwargs["until"]), max_tokens=kwargs["max_gen_toks"])
        for prompt, kwargs in asked
    ]
    found: dict[int, str] = {}
    for batch in engine.plan(requests):
        for position, response in zip(batch, engine.answer([requests[index] for index in batch]), strict=True):
            assert isinstance(response, GenerateResponse)
            found[position] = response.text
    assert [found[index] for index in range(len(asked))] == theirs
