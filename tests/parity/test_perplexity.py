"""Our perplexities are lm-eval's: the same model and documents through ``simple_evaluate`` with HFLM, float32 on CPU.

The kind ``perplexity`` asks for the text alone, as ``loglikelihood_rolling`` does, in lm-eval and here. Scores agree
within 1e-5 of their size.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from harness.engine.models import parse_model
from harness.loader import load_tasks
from harness.runner import RunPlan, run
from harness.store import RunFolder

DOCUMENTS = {
    "amh_Ethi": ["ጀልባው ጎህ ሲቀድ ይነሳል።", "ዳቦ፣ ጨውና\tውሃ።", " ሳቀች።  "],
    "arb_Arab": ["تغادر العبارة عند الفجر.", "خبز\u00a0وملح وماء.\nضحكت."],
    "nqo_Nkoo": ["ߞߎߟߎ߲ ߓߊ߯ߙߊ ߣߌ߲߬", "ߓߎ߬ߙߎ߬ ߣߌ߫ ߖߌ 🦁", "ߛߊ߲ߖߌ ߦߋ߫ ߞߍ߫ ߟߊ߫ " * 20],
}
METRICS = ("word_perplexity", "byte_perplexity", "bits_per_byte")


def test_scores_equal_lm_eval(tiny_causal_model: Path, tmp_path: Path) -> None:
    import lm_eval
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    theirs, ours = tmp_path / "lm_eval", tmp_path / "ours"
    theirs.mkdir()
    ours.mkdir()
    for language, documents in DOCUMENTS.items():
        file = ours / f"{language}.jsonl"
        file.write_text("".join(json.dumps({"text": text}) + "\n" for text in documents), encoding="utf-8")
        config = {
            "task": f"rolling_{language}",
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": str(file)}},
            "output_type": "loglikelihood_rolling",
            "test_split": "test",
            "doc_to_text": "",
            "doc_to_target": "{{text}}",
            "metric_list": [{"metric": metric} for metric in METRICS],
        }
        (theirs / f"{language}.yaml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    spec = {
        "task": "bits",
        "kind": "perplexity",
        "dataset": {"files": "{lang}.jsonl"},
        "languages": list(DOCUMENTS),
        "metrics": list(METRICS),
    }
    (ours / "bits.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    prompts = {"whole": {"doc_to_target": "{{text}}"}}
    rolling = {**spec, "task": "rolling", "kind": "loglikelihood_rolling", "prompts": prompts}
    (ours / "rolling.yaml").write_text(yaml.safe_dump(rolling), encoding="utf-8")

    results = lm_eval.simple_evaluate(
        model=HFLM(pretrained=str(tiny_causal_model), device="cpu", batch_size=2, dtype="float32"),
        tasks=[f"rolling_{language}" for language in DOCUMENTS],
        task_manager=TaskManager(include_path=str(theirs), include_defaults=False),
        bootstrap_iters=0,
    )["results"]
    folder = run(
        RunPlan(
            tasks=load_tasks(["bits", "rolling"], [ours]),
            models=[parse_model(f"hf:{tiny_causal_model},name=tiny,dtype=float32,device=cpu")],
            out=tmp_path / "results",
        ),
        lambda *_: None,
    )
    scores = RunFolder(folder).record.scores
    expected = {
        (language, metric): results[f"rolling_{language}"][f"{metric},none"]
        for language in DOCUMENTS
        for metric in METRICS
    }
    assert len(expected) == 9
    for kind in ("bits", "rolling"):
        found = {(score.language, score.metric): score.value for score in scores if score.task == kind}
        assert found == {key: pytest.approx(value, rel=1e-5) for key, value in expected.items()}, kind


def test_perplexity_of_answers_equals_lm_eval() -> None:
    """LAMBADA's: lm-eval hands over one log-probability a document."""
    import numpy as np
    from lm_eval.api.metrics import perplexity

    from metrics import registry
    from metrics.base import MeanMetric

    values = [-0.5, -3.25, -7.0, 0.0]
    metric = registry.create("perplexity", {"computed_by": "lm-eval"})
    assert metric.value(MeanMetric.stats(np.array(values))) == pytest.approx(perplexity(values), rel=1e-12)
