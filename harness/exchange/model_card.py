"""A run's scores as the ``model-index`` of a Hugging Face model card.

One result a task, variant, prompt and language, with all its metrics; intervals and counts are arguments of the metric.
Reference: https://github.com/huggingface/hub-docs/blob/main/modelcard.md; written through ``huggingface_hub``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from harness.errors import UserError
from harness.records import RunRecord, ScoreRecord, TaskRecord

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

_PIPELINES: Mapping[str, str] = {
    "translation": "translation",
    "bitext_mining": "sentence-similarity",
    "sts": "sentence-similarity",
    "pair_classification": "sentence-similarity",
    "alignment": "feature-extraction",
    "clustering": "feature-extraction",
    "classification": "text-classification",
    "multilabel_classification": "text-classification",
    "retrieval": "text-retrieval",
    "reranking": "text-ranking",
}
"""Kind of task -> the hub's name of the task; language-model kinds are ``text-generation``."""

_NOT_IN_IDS = re.compile(r"[^\w.-]+", re.ASCII)


def model_card(record: RunRecord, model: str = "") -> str:
    """YAML between ``---`` lines, to stand at the top of a model's README.

    Args:
        model: Name of the model, where the run has several.

    Raises:
        UserError: The run has several models and none is named, or none of that name, or it has no score.
    """
    from huggingface_hub import ModelCardData

    names = [one.name for one in record.models]
    if not model and len(names) > 1:
        raise UserError(f"export model-card: a card is of one model; choose with --model: {', '.join(names)}")
    chosen = model or (names[0] if names else "")
    if chosen not in names:
        raise UserError(f"export model-card: --model {chosen}: no such model; the run has {', '.join(names) or 'none'}")
    results = list(_results(record, chosen))
    if not results:
        raise UserError(f"export model-card: {chosen} has no score in this run")
    data = ModelCardData(model_name=chosen, eval_results=results)
    return f"---\n{data.to_yaml().rstrip()}\n---\n"


def _results(record: RunRecord, model: str) -> Iterator[EvalResult]:
    from huggingface_hub import EvalResult

    tasks = {task.name: task for task in record.tasks}
    for score in record.scores:
        if score.model != model or score.value is None:
            continue
        task = tasks.get(score.task) or TaskRecord(name=score.task, kind="")
        setting = "/".join(filter(None, [score.variant, score.prompt]))
        yield EvalResult(
            task_type=_PIPELINES.get(task.kind, "text-generation"),
            dataset_type=_NOT_IN_IDS.sub("-", score.task).strip("-") or "task",
            dataset_name=score.task,
            dataset_config=", ".join(filter(None, [score.language, setting])),
            dataset_split="test",
            metric_type=_NOT_IN_IDS.sub("-", score.metric.replace("+", "p")).strip("-"),
            metric_name=score.title,
            metric_value=score.value,
            metric_args=_arguments(record, score),
        )


def _arguments(record: RunRecord, score: ScoreRecord) -> dict[str, Any]:
    """What a number alone does not say."""
    said = {
        "ci_low": score.ci_low,
        "ci_high": score.ci_high,
        "ci_method": score.ci_method,
        "stderr": score.stderr,
        "n": score.n or None,
        "n_failed": score.n_failed or None,
        "signature": score.signature,
        "imported": record.imported.program if record.imported else None,
    }
    return {key: value for key, value in said.items() if value not in (None, "")}
